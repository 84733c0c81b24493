package once_test

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/once"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"8e03978e-40d5-43e8-bc93-6894a57f9324", "a", "with blanks ~!", strings.Repeat("x", once.KeyMax)} {
		if r, err := once.NewRequest(3, "Idempotency-Key", good); err != nil || r.Key != good || r.User != 3 {
			t.Errorf("%q: %+v, %v", good, r, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", once.KeyMax+1), "a\n", "a\x00", "\x7f", "ö", "\xff"} {
		if _, err := once.NewRequest(3, "Idempotency-Key", bad); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Idempotency-Key: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Requests of which any part differs, or is cut elsewhere, are told apart.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	seen := map[once.Fingerprint][]string{}
	for _, parts := range [][]string{nil, {""}, {"", ""}, {"POST", "/a", "{}"}, {"POST", "/a{}", ""}, {"POST/a", "{}"}, {"POST", "/a", "{} "}, {"PUT", "/a", "{}"}} {
		r, err := once.NewRequest(1, "key", "k", parts...)
		if err != nil {
			t.Fatal(err)
		}
		if other, there := seen[r.Fingerprint]; there {
			t.Errorf("%q and %q are one", parts, other)
		}
		seen[r.Fingerprint] = parts
		if again, err := once.NewRequest(2, "key", "other", parts...); err != nil || again.Fingerprint != r.Fingerprint {
			t.Errorf("%q: %v", parts, err)
		}
	}
}

// A context has its key taken once, also by those who got it from it.
func TestCarrying(t *testing.T) {
	t.Parallel()
	if _, pending := once.Pending(t.Context()); pending {
		t.Error("a key that nobody gave")
	}
	once.Took(t.Context()) // does nothing
	r := once.Request{User: 1, Key: "k"}
	ctx := once.With(t.Context(), r)
	for range 2 {
		if got, pending := once.Pending(ctx); !pending || got != r {
			t.Errorf("%+v, %v", got, pending)
		}
	}
	once.Took(ctx)
	if _, pending := once.Pending(ctx); pending {
		t.Error("taken, and taken again")
	}
	if _, pending := once.Pending(once.With(ctx, r)); !pending {
		t.Error("another request with the key")
	}
}

func TestIsTaken(t *testing.T) {
	t.Parallel()
	if err := once.Taken("k"); !once.IsTaken(err) || !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	if once.IsTaken(fault.New(fault.Conflict, "the name is taken")) || once.IsTaken(nil) {
		t.Error("another conflict")
	}
}

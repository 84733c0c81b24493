package secret

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

func testBox(t testing.TB) *Box {
	t.Helper()
	box, err := OpenOrCreate(filepath.Join(t.TempDir(), "secret.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func mustSeal(t testing.TB, b *Box, server usage.ServerID, password string) []byte {
	t.Helper()
	sealed, err := b.Seal(OfServer(server), password)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealUnseal(t *testing.T) {
	t.Parallel()
	box := testBox(t)
	rapid.Check(t, func(rt *rapid.T) {
		server := usage.ServerID(rapid.Int64Min(1).Draw(rt, "server"))
		password := rapid.String().Draw(rt, "password")
		sealed, err := box.Seal(OfServer(server), password)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := box.Unseal(OfServer(server), sealed)
		if err != nil || got != password {
			rt.Fatalf("got %q, %v; sealed %q", got, err, password)
		}
		if other, err := box.Unseal(OfServer(server+1), sealed); err == nil {
			rt.Fatalf("the password of server %s was opened for another one: %q", server, other)
		}
	})
}

func TestSealedTextHidesAndDiffers(t *testing.T) {
	t.Parallel()
	box := testBox(t)
	const password = "correct horse battery staple"
	one, two := mustSeal(t, box, 3, password), mustSeal(t, box, 3, password)
	if bytes.Equal(one, two) {
		t.Error("two seals of one password are equal: the nonce is not random")
	}
	if bytes.Contains(one, []byte("horse")) {
		t.Error("the sealed text shows the password")
	}
}

func TestUnsealRefusesEveryChange(t *testing.T) {
	t.Parallel()
	box := testBox(t)
	sealed := mustSeal(t, box, 7, "pässword")
	for bit := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[bit/8] ^= 1 << (bit % 8)
		if got, err := box.Unseal(OfServer(7), changed); err == nil {
			t.Fatalf("bit %d flipped: opened as %q", bit, got)
		}
	}
	for length := range sealed {
		if got, err := box.Unseal(OfServer(7), sealed[:length]); err == nil {
			t.Fatalf("cut to %d bytes: opened as %q", length, got)
		}
	}
	if got, err := box.Unseal(OfServer(7), append(bytes.Clone(sealed), 0)); err == nil {
		t.Fatalf("one byte longer: opened as %q", got)
	}
}

func TestUnsealTellsWrongKeyFromDamage(t *testing.T) {
	t.Parallel()
	box, other := testBox(t), testBox(t)
	sealed := mustSeal(t, box, 7, "secret")

	_, err := other.Unseal(OfServer(7), sealed)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), other.path+" is not the one that sealed") {
		t.Errorf("another key file: %v", err)
	}
	for name, broken := range map[string][]byte{
		"changed":     append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1),
		"cut":         sealed[:5],
		"empty":       nil,
		"new version": append([]byte{9}, sealed[1:]...),
	} {
		if _, err := box.Unseal(OfServer(7), broken); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "server edit 7") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := box.Unseal(OfServer(8), sealed); !fault.Is(err, fault.Invalid) {
		t.Errorf("copied from another server: %v", err)
	}
}

// Whatever is logged by mistake: the key is not in it.
func TestBoxDoesNotPrintItsKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	key := bytes.Repeat([]byte{0xAB}, keySize)
	box, err := newBox(path, key)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v", box, box, box)
	for _, form := range []string{"abab", "ABAB", "171 171", "0xab, 0xab"} {
		if strings.Contains(printed, form) {
			t.Errorf("printed: %s", printed)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	box, err := newBox("fuzz.key", bytes.Repeat([]byte{1}, keySize))
	if err != nil {
		f.Fatal(err)
	}
	sealed := mustSeal(f, box, 7, "secret")
	f.Add(int64(7), sealed[:headSize+overheadGCM-1])
	f.Add(int64(7), append(bytes.Clone(sealed), 1))
	f.Add(int64(8), sealed)
	f.Add(int64(7), []byte{version})
	f.Fuzz(func(t *testing.T, server int64, text []byte) {
		// Only what was sealed opens, and only for its server.
		if got, err := box.Unseal(OfServer(usage.ServerID(server)), text); err == nil && (server != 7 || got != "secret") {
			t.Fatalf("opened as %q for server %d", got, server)
		}
	})
}

// A mark is the same for the same text and key file, and for nothing else; without the key nobody can try passwords against it.
func TestMark(t *testing.T) {
	t.Parallel()
	one, other := testBox(t), testBox(t)
	text := []byte(`{"password":"Winter2026"}`)
	if !bytes.Equal(one.Mark(text), one.Mark(text)) || bytes.Equal(one.Mark(text), one.Mark(text[1:])) || bytes.Equal(one.Mark(text), other.Mark(text)) {
		t.Error("marks do not tell texts and keys apart")
	}
	if sum := sha256.Sum256(text); bytes.Contains(one.Mark(text), sum[:]) {
		t.Error("the mark is a hash without a key")
	}
}

// What a browser holds while somebody signs in opens for the way that it was sealed for, and for nothing else.
func TestSignInsAreApart(t *testing.T) {
	t.Parallel()
	box := testBox(t)
	owners := []Owner{OfSingle(), OfSignIn(), OfFactor(0), OfCredential(0), OfServer(0)}
	for i, of := range owners {
		sealed, err := box.Seal(of, "text")
		if err != nil {
			t.Fatal(err)
		}
		for j, other := range owners {
			if got, err := box.Unseal(other, sealed); (err == nil) != (i == j) || i == j && got != "text" {
				t.Errorf("sealed for %s, opened for %s: %q, %v", of, other, got, err)
			}
		}
	}
}

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// A second factor is sealed with the console's key file; without it nobody gets in before it is taken off.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	run := func(want int, line ...string) (all string) {
		t.Helper()
		var out bytes.Buffer
		if code := Main(t.Context(), append(line, "--data", data), strings.NewReader("correct horse battery\n"), &out, &out); code != want {
			t.Fatalf("%v: %d %s", line, code, out.String())
		}
		return out.String()
	}
	run(exitDone, "user", "add", "--name", "jane", "--role", "portal-administrator", "--password-stdin")
	if said := run(exitDone, "user", "second-factor", "jane"); !strings.Contains(said, "User 1 (jane) has no second factor.") {
		t.Error(said)
	}
	run(exitFailed, "user", "second-factor", "jane", "--remove")

	from, known := access.Client{Address: "192.0.2.7"}, access.Credentials{Name: "jane", Password: "correct horse battery"}
	console := func(use func(*access.Service)) {
		t.Helper()
		a, err := app.Open(t.Context(), app.Options{DataDir: data})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}()
		use(a.Access)
	}
	console(func(s *access.Service) {
		offer, err := s.OfferFactor(access.Actor{User: 1, Name: "jane"}, "Tallystick")
		if err != nil {
			t.Fatal(err)
		}
		code := func(at time.Time) string {
			c, err := totp.GenerateCode(offer.Secret, at)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if _, _, err := s.AddFactor(t.Context(), from, 1, known.Password, offer.Sealed, code(time.Now())); err != nil {
			t.Fatal(err)
		}
		e, err := s.SignIn(t.Context(), from, known)
		if err != nil || e.Half == "" {
			t.Fatalf("%+v, %v", e, err)
		}
		if _, err := s.SignInSecond(t.Context(), from, e.Half, code(time.Now().Add(30*time.Second))); err != nil {
			t.Error(err)
		}
	})
	if said := run(exitDone, "user", "second-factor", "jane"); !strings.Contains(said, "has a second factor since 20") || !strings.Contains(said, "and 10 recovery codes") {
		t.Error(said)
	}
	if said := run(exitDone, "user", "second-factor", "jane", "--json"); !strings.Contains(said, `"recoveryCodes":10`) || strings.Contains(said, "sealed") {
		t.Error(said)
	}
	if said := run(exitDone, "doctor"); !strings.Contains(said, "opens 1 sealed secrets") {
		t.Error(said)
	}
	if err := os.Remove(filepath.Join(data, "secret.key")); err != nil {
		t.Fatal(err)
	}
	console(func(s *access.Service) {
		if _, err := s.SignIn(t.Context(), from, known); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.Text(err), "tallystick doctor") || strings.Contains(fault.Text(err), data) {
			t.Errorf("without the key: %v", err)
		}
	})
	if said := run(exitFailed, "doctor"); !strings.Contains(said, "secret.key") || !strings.Contains(said, "second-factor") {
		t.Errorf("the doctor, whom that names: %s", said)
	}
	if said := run(exitDone, "user", "second-factor", "jane", "--remove"); !strings.Contains(said, "is off") {
		t.Error(said)
	}
	console(func(s *access.Service) {
		if e, err := s.SignIn(t.Context(), from, known); err != nil || e.Half != "" {
			t.Errorf("%+v, %v", e, err)
		}
	})
	if trail := run(exitDone, "audit"); strings.Count(trail, "second factor") != 2 {
		t.Error(trail)
	}
}

package access_test

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

const (
	password = "correct horse battery"
	client   = "192.0.2.7"
)

var from = access.Client{Address: client, Agent: "test/1"}

// world is the service over a real store, with a clock that the test sets.
type world struct {
	*access.Service
	t    testing.TB
	path string

	mu sync.Mutex
	at time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "tally.db"), at: time.Date(2026, 10, 20, 12, 0, 0, 123456789, time.UTC)}
	w.Service = w.another()
	return w
}

// another is a second process on the same store.
func (w *world) another() *access.Service {
	w.t.Helper()
	s, err := sqlite.Open(w.t.Context(), w.path, sqlite.Now(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return &access.Service{Users: s, Sessions: s, APITokens: s, Factors: s, Sealer: plain{}, Now: w.now}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// user adds a user whose password is hashed as AddUser does, with parameters that cost nothing.
func (w *world) user(name string) access.User {
	w.t.Helper()
	salt := []byte("salt of the test")
	u, err := w.Users.AddUser(w.t.Context(), access.User{
		Name: name, Role: access.PortalAdministrator, Enabled: true, CreatedAt: w.now(),
		PasswordHash: fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt),
			base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 1, 8, 1, 32))),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *world) login(name string) access.Pair {
	w.t.Helper()
	p, err := w.Login(w.t.Context(), name, password, client)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) refresh(token string) access.Pair {
	w.t.Helper()
	p, err := w.Refresh(w.t.Context(), token, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) wantLiving(token string, living bool) {
	w.t.Helper()
	_, err := w.Check(w.t.Context(), token)
	if living && err != nil {
		w.t.Errorf("a token that should live: %v", err)
	}
	if !living {
		wantCode(w.t, err, fault.Unauthenticated)
	}
}

func wantCode(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error %v, want %q", err, code)
	}
}

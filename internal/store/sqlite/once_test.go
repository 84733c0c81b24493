package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/once"
)

// A write that breaks off anywhere, as when the disk is full or the program ends, leaves neither change nor key, and is
// done by the repetition; after that, it is done no more.
func TestABrokenOffWriteLeavesNoKey(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "tally.db"))
	u, err := s.AddUser(t.Context(), access.User{Name: "u", Role: access.PortalAdministrator, Enabled: true, CreatedAt: killStart})
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		if err := execute(t, s, statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	run(`CREATE TABLE nobody (user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)`)
	for n, step := range []string{"INSERT once", "INSERT companies", "UPDATE meta", "COMMIT"} {
		add := func() error {
			r, err := once.NewRequest(u.ID, "key", step, "body")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.AddCompany(once.With(t.Context(), r), fleet.Company{UID: step, Name: step, CreatedAt: killStart}, nil, killStart)
			return err
		}
		want := func(companies int, key bool) {
			t.Helper()
			list, err := s.Companies(t.Context())
			if err != nil || len(list) != companies {
				t.Errorf("%s: %d companies, %v", step, len(list), err)
			}
			if _, err := s.Recall(t.Context(), u.ID, step); key == fault.Is(err, fault.NotFound) {
				t.Errorf("%s: the key: %v", step, err)
			}
		}
		trigger := `BEFORE ` + strings.Replace(step, " ", " ON ", 1) + ` BEGIN SELECT RAISE(ABORT, 'it fails'); END`
		if step == "COMMIT" {
			trigger = `AFTER UPDATE ON meta BEGIN INSERT INTO nobody VALUES (-1); END`
		}
		run(`CREATE TRIGGER failing ` + trigger)
		if err := add(); err == nil || once.IsTaken(err) {
			t.Errorf("%s: %v", step, err)
		}
		run(`DROP TRIGGER failing`)
		want(n, false)
		if err := add(); err != nil {
			t.Errorf("%s, again: %v", step, err)
		}
		if err := add(); !once.IsTaken(err) {
			t.Errorf("%s, done: %v", step, err)
		}
		want(n+1, true)
	}
}

package postgres

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/pgtest"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

func digestOf(t *testing.T, s *sqlstore.Store) sqlstore.Digest {
	t.Helper()
	d, err := s.Digest(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Both ways between the engines everything arrives, and has the same digest: also where the database sorts texts as
// some language does.
func TestCopyBetweenEngines(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"C": func(t *testing.T) string { return pgtest.Database(t) },
		"icu": func(t *testing.T) string {
			return pgtest.Database(t, "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copyThereAndBack(t, database(t))
		})
	}
}

func copyThereAndBack(t *testing.T, url string) {
	t.Helper()
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "tally.db"), sqlite.Now(storetest.Now))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the test is over
	storetest.Seed(t, file)
	for _, name := range []string{"a2", "B", "_", "ä", "Z-z", "é", "日本", "zz"} { // in an order that depends on the language
		if _, err := file.AddCompany(t.Context(), fleet.Company{UID: name, Name: name, Enabled: true, CreatedAt: storetest.Now()}, nil, storetest.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := file.AddServer(t.Context(), fleet.Server{Name: name, Product: usage.ProductVBR, InstallationID: name, CreatedAt: storetest.Now()}, func(id usage.ServerID) []usage.Fact {
			return []usage.Fact{{Subject: usage.ServerSubject(id), Attribute: usage.AttrCompany, Value: "1"}}
		}, nil, storetest.Now()); err != nil {
			t.Fatal(err)
		}
	}
	want := digestOf(t, file.Store)
	server := openAt(t, url)
	copied, err := file.CopyTo(t.Context(), server.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if there := digestOf(t, server.Store); there.Sum() != want.Sum() || copied.Sum() != want.Sum() {
		t.Errorf("it differs in %s", want.Differs(there))
	}
	if err := server.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	back, err := sqlite.NewDraft(t.Context(), filepath.Join(t.TempDir(), "back.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Discard()
	if _, err := server.CopyTo(t.Context(), back.Store, nil); err != nil {
		t.Fatalf("back: %v", err)
	}
	if again := digestOf(t, back.Store); again.Sum() != want.Sum() {
		t.Errorf("back it differs in %s", want.Differs(again))
	}
}

// A copy that is refused or interrupted leaves an empty database empty; Reset makes it new again.
func TestCopyInVain(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	from, to := openAt(t, pgtest.Schema(t, url)), openAt(t, url)
	storetest.Seed(t, from)
	empty := digestOf(t, to.Store)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := from.CopyTo(ctx, to.Store, func(int64, int64) { cancel() }); !fault.Is(err, fault.Unavailable) {
		t.Errorf("interrupted: %v", err)
	}
	if after := digestOf(t, to.Store); after.Sum() != empty.Sum() {
		t.Errorf("something is left in %s", empty.Differs(after))
	}
	if _, err := from.CopyTo(t.Context(), to.Store, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := from.CopyTo(t.Context(), to.Store, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("into what is not empty: %v", err)
	}
	if err := to.Reset(t.Context(), from.Store); !fault.Is(err, fault.Conflict) {
		t.Errorf("reset to what is not new: %v", err)
	}
	draft, err := sqlite.NewDraft(t.Context(), filepath.Join(t.TempDir(), "new.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer draft.Discard()
	for name, fresh := range map[string]*sqlstore.Store{"here": openAt(t, pgtest.Schema(t, url)).Store, "in a file": draft.Store} {
		if err := to.Reset(t.Context(), fresh); err != nil {
			t.Errorf("what is new %s: %v", name, err)
		}
		if again := digestOf(t, to.Store); again.Sum() != empty.Sum() {
			t.Errorf("it is not new %s: %s", name, empty.Differs(again))
		}
		if err := to.Empty(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := from.CopyTo(t.Context(), to.Store, nil); err != nil {
			t.Errorf("again: %v", err)
		}
	}
}

func TestExclusive(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	other := pgtest.Schema(t, url)
	a, b, c := openAt(t, url), openAt(t, url), openAt(t, other)
	hold, err := a.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exclusive(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "another console") {
		t.Errorf("a second one: %v", err)
	}
	if elsewhere, err := c.Exclusive(t.Context()); err != nil {
		t.Errorf("another schema: %v", err)
	} else {
		elsewhere.Release()
	}
	hold.Release()
	again, err := b.Exclusive(t.Context())
	if err != nil {
		t.Fatalf("after the first gave it back: %v", err)
	}
	again.Release()
}

// Looking changes nothing, and says what a newer program wrote.
func TestInspect(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	if schema, err := Inspect(t.Context(), url); err != nil || schema.Current != 0 || schema.Newest == 0 || len(schema.Pending) == 0 {
		t.Errorf("a new one: %+v, %v", schema, err)
	}
	if schema, err := Inspect(t.Context(), url); err != nil || schema.Current != 0 {
		t.Errorf("looking made something: %+v, %v", schema, err)
	}
	s := openAt(t, url)
	if schema, err := Inspect(t.Context(), url); err != nil || schema.Current != schema.Newest || len(schema.Pending) != 0 {
		t.Errorf("opened: %+v, %v", schema, err)
	}
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`); err != nil {
		t.Fatal(err)
	}
	if schema, err := Inspect(t.Context(), url); err != nil || !schema.Newer() {
		t.Errorf("a newer one: %+v, %v", schema, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := openAt(t, url)
	storetest.Seed(t, s)
	for _, extend := range []string{`SELECT 1`, `CREATE EXTENSION amcheck`} {
		if _, err := s.writer.ExecContext(t.Context(), extend); err != nil {
			t.Skip(err)
		}
		found, err := s.Check(t.Context())
		if err != nil || found.Problem != "" || !strings.Contains(found.Text, "amcheck") {
			t.Errorf("%s: %+v, %v", extend, found, err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgtest.Database(t))
	if size, err := s.Size(t.Context()); err != nil || size.Data < 1<<20 || size.Journal != 0 {
		t.Errorf("%+v, %v", size, err)
	}
}

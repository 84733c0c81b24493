package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/storetest"
)

// told is what a store answers, by what was asked for; where it gives an error, nothing.
type told map[string]any

func (o told) take(what string, answer any, err error) {
	if err == nil {
		o[what] = answer
	}
}

// asked opens a file and asks for everything that the ports tell.
func asked(ctx context.Context, path string) told {
	o := make(told)
	s, err := Open(ctx, path, Now(storetest.Now))
	if err != nil {
		return o
	}
	defer s.Close() //nolint:errcheck // it is damaged
	for _, at := range []time.Time{storetest.Now(), storetest.Now().AddDate(0, 0, -16)} {
		for company := usage.Unassigned; company <= 3; company++ {
			for _, before := range []usage.Position{1 << 60, 12} {
				figure, err := s.Facts(ctx, company, usage.ProductVBR, at, before)
				o.take(fmt.Sprint("figure ", company, " ", at, " ", before), figure, err)
			}
		}
	}
	each := ledger.Ahead{Companies: []usage.CompanyID{1, 2, 3}, Before: 1 << 60, From: storetest.Now().AddDate(0, -1, 0), Until: storetest.Now()}
	_ = s.LookEach(ctx, each, func(company usage.CompanyID, look ledger.View) error { // what it gives until it fails is held to be right
		figure, err := look.Facts(ctx, company, usage.ProductVBR, storetest.Now())
		o.take(fmt.Sprint("figure of many ", company), figure, err)
		period, err := look.Period(ctx, usage.ServerID(company), each.From, each.Until)
		o.take(fmt.Sprint("period ", company), period, err)
		return nil
	})
	ask(o, "company 3", func() (any, error) { return s.Company(ctx, 3) })
	ask(o, "companies", func() (any, error) { return s.Companies(ctx) })
	ask(o, "servers", func() (any, error) { return s.Servers(ctx) })
	ask(o, "readings", func() (any, error) { return s.Readings(ctx) })
	ask(o, "users", func() (any, error) { return s.Users(ctx) })
	ask(o, "session", func() (any, error) { return s.SessionByAccess(ctx, storetest.SeedAccess()) })
	ask(o, "events", func() (any, error) { return s.Events(ctx, 0) })
	ask(o, "mark", func() (any, error) { return s.Mark(ctx) })
	ask(o, "zone", func() (any, error) { return s.SubjectFacts(ctx, usage.PolicySubject, usage.AttrZone) })
	ask(o, "catalogue", func() (any, error) { return s.CatalogRows(ctx, storetest.SeedCatalogName) })
	ask(o, "position", func() (any, error) { return s.PositionAt(ctx, storetest.Now()) })
	ask(o, "head", func() (any, error) { return s.Head(ctx) })
	return o
}

func ask(o told, what string, do func() (any, error)) {
	answer, err := do()
	o.take(what, answer, err)
}

// flips are the places in a page that are tried: in its header, where its rows are pointed to, and three anywhere.
func flips(random *rand.Rand, size int) []int {
	return []int{random.IntN(8), 8 + random.IntN(16), random.IntN(size), size/2 + random.IntN(size/2), size - 1 - random.IntN(200)}
}

// A bit that flips anywhere in a database changes no answer, or what was asked for is refused, or the checks of doctor
// name it. A figure is never another one, but for how its servers were read: an index of gaps that is damaged can hide one, which only doctor
// tells.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	whole, path := readFile(t, ledgerFile(t)), filepath.Join(t.TempDir(), "tally.db")
	put := func(content []byte) {
		t.Helper()
		for _, end := range besides {
			_ = os.Remove(path + end)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(whole)
	want, size := asked(t.Context(), path), 4096
	if len(want) != 30 {
		t.Fatalf("%d answers", len(want))
	}
	gaps := rootOf(t, path, "gaps_at")
	random := rand.New(rand.NewPCG(5, 6))
	tried, refused := 0, 0
	for page := 0; page < len(whole); page += size {
		for _, at := range flips(random, size) {
			content := append([]byte(nil), whole...)
			content[page+at] ^= 1 << random.IntN(8)
			put(content)
			got := asked(t.Context(), path)
			tried++
			if len(got) < len(want) {
				refused++
			}
			changed := otherwise(want, got)
			if len(changed) == 0 {
				continue
			}
			put(content)
			found, _ := examined(t, path)
			if len(found) == 0 {
				t.Errorf("byte %d of page %d: %q changed, and nothing is told", at, page/size+1, changed)
			}
			if strings.HasPrefix(strings.Join(changed, "\n"), "figure") && page/size+1 != gaps {
				t.Errorf("byte %d of page %d: %q; told is %q", at, page/size+1, changed, found)
			}
		}
	}
	t.Logf("%d bits flipped: after %d something was refused", tried, refused)
	if refused < tried/4 {
		t.Error("too little is refused")
	}
}

// otherwise names what was answered, and in another way.
func otherwise(want, got told) (changed []string) {
	for what, answer := range got {
		if !cmp.Equal(want[what], answer, cmp.Comparer(sameZone)) {
			changed = append(changed, what)
		}
	}
	return changed
}

// rootOf gives the page of an index that has one.
func rootOf(t *testing.T, path, index string) (page int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it is only read
	if err := db.QueryRowContext(t.Context(), `SELECT rootpage FROM sqlite_master WHERE name = $1`, index).Scan(&page); err != nil {
		t.Fatal(err)
	}
	return page
}

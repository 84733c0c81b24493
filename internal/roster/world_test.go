package roster_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// office is a provider's directory over an empty store, and what takes files into it.
type office struct {
	*roster.Service
	store     *sqlite.Store
	directory *fleet.Directory
	plans     *plan.Service
}

func open(t testing.TB) *office {
	t.Helper()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &fleet.Directory{
		Companies: s, Servers: s, Credentials: s, Policy: s, NewUID: uuid.NewString, Now: clock.Now,
		Seal:    func(_ usage.ServerID, password string) ([]byte, error) { return []byte(password), nil },
		SealSet: func(_ fleet.CredentialID, password string) ([]byte, error) { return []byte(password), nil },
	}
	plans := &plan.Service{Records: s, Directory: d, Now: clock.Now}
	return &office{&roster.Service{Directory: d, Store: s, Plans: plans, Now: clock.Now}, s, d, plans}
}

func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// companies takes a file that is right.
func (o *office) companies(t testing.TB, file string, options roster.CompanyOptions) roster.Result {
	t.Helper()
	return must(o.Companies(t.Context(), strings.NewReader(file), options))(t)
}

func (o *office) servers(t testing.TB, file string) roster.Result {
	t.Helper()
	return must(o.Servers(t.Context(), strings.NewReader(file), roster.ServerOptions{ManagesSets: true}))(t)
}

// double makes a ledger as it may be from before external ids were told apart: while the company is away, a file gives
// another one what it has.
func (o *office) double(t testing.TB, id usage.CompanyID, file string) {
	t.Helper()
	for _, away := range []bool{true, false} {
		c := must(o.store.Company(t.Context(), id))(t)
		c.RemovedAt = nil
		if away {
			c.RemovedAt = &c.CreatedAt
		}
		if err := o.store.UpdateCompany(t.Context(), c, nil, o.Now()); err != nil {
			t.Fatal(err)
		}
		if away {
			o.companies(t, file, roster.CompanyOptions{})
		}
	}
}

// refused gives all that is said of a file that is wrong, and proves that nothing of it is kept.
func (o *office) refused(t testing.TB, take func(context.Context) error) []string {
	t.Helper()
	before := must(o.store.Head(t.Context()))(t)
	err := take(t.Context())
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("want Invalid, got %v", err)
	}
	if after := must(o.store.Head(t.Context()))(t); after != before {
		t.Error("something is kept")
	}
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) == 0 {
		return []string{err.Error()}
	}
	lines := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		lines[i] = field.Path + ": " + field.Text
	}
	return lines
}

// trail gives what was noted, the oldest first, as "company 2 added name …".
func (o *office) trail(t testing.TB) (lines []string) {
	t.Helper()
	for _, e := range must(o.store.Audit(t.Context(), audit.Query{}))(t) {
		lines = append([]string{fmt.Sprint(e.Subject, " ", e.Action, " ", e.Detail)}, lines...)
	}
	return lines
}

// same fails where lines are others than wanted, of which each is the beginning of one.
func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

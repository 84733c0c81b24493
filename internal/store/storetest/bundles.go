package storetest

import (
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

// exportOf is a bundle of a statement, in which nothing is zero.
func exportOf(company usage.CompanyID, month usage.Month, number int) statement.Exported {
	return statement.Exported{Key: statement.Key{Company: company, Month: month, Number: number}, SHA256: strings.Repeat("5a", 32), Signer: strings.Repeat("c3", 32)}
}

var bundleTests = map[string]func(*testing.T, store.Store){
	"a bundle is recorded once": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		saved(t, s, statementOf(c, october, 1))
		saved(t, s, statementOf(c, october, 2))
		want := exportOf(c, october, 1)
		_, err := s.Exported(t.Context(), want.Key)
		wantCode(t, err, fault.NotFound)
		if signers := must1(s.Signers(t.Context()))(t); len(signers) > 0 {
			t.Errorf("%q signed nothing", signers)
		}
		must(t, s.RecordExport(t.Context(), want))
		must(t, s.RecordExport(t.Context(), want))
		nonZero(t, want)
		wantEqual(t, want, must1(s.Exported(t.Context(), want.Key))(t))
		for _, change := range []func(*statement.Exported){
			func(e *statement.Exported) { e.SHA256 = strings.Repeat("00", 32) }, func(e *statement.Exported) { e.Signer = strings.Repeat("00", 32) },
		} {
			other := want
			change(&other)
			wantCode(t, s.RecordExport(t.Context(), other), fault.Conflict, "already")
		}
		wantEqual(t, want, must1(s.Exported(t.Context(), want.Key))(t))
		must(t, s.RecordExport(t.Context(), exportOf(c, october, 2)))
		wantEqual(t, []string{want.Signer}, must1(s.Signers(t.Context()))(t))
		if err := s.RecordExport(t.Context(), exportOf(c, october, 3)); err == nil {
			t.Error("a bundle of no statement was recorded")
		}
	},
}

// bundleTwice: of two that record different bundles of one statement at once, one is told that there is one already.
func bundleTwice(t *testing.T, a, b store.Store) {
	company := newCompany(t, a, "a").ID
	for number := 1; number <= 20; number++ {
		saved(t, a, statementOf(company, october, number))
		var wg sync.WaitGroup
		errs := make([]error, 2)
		want := make([]statement.Exported, 2)
		for i, s := range []store.Store{a, b} {
			want[i] = exportOf(company, october, number)
			want[i].SHA256 = strings.Repeat([]string{"0a", "0b"}[i], 32)
			wg.Go(func() { errs[i] = s.RecordExport(t.Context(), want[i]) })
		}
		wg.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		must(t, errs[winner])
		wantCode(t, errs[1-winner], fault.Conflict, "already")
		wantEqual(t, want[winner], must1(b.Exported(t.Context(), want[winner].Key))(t))
	}
}

package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

var october = usage.Month{Year: 2026, Month: time.October}

// statementOf is a statement in which nothing is zero that the oldest ones have.
func statementOf(company usage.CompanyID, month usage.Month, number int) statement.Statement {
	key := statement.RowKey{Product: usage.ProductConsole, Type: "VAC_Server_Agent", Unit: usage.Points}
	amount := statement.Amount{Count: 3, Units: usage.One / 3}
	row := statement.Row{RowKey: key, Used: amount, New: amount, Rental: amount, PeakAt: ref(day(3, 0))}
	billing := statement.Billing{Used: amount, New: amount, Rental: amount, Billed: statement.Amount{Count: -1, Units: -usage.One / 4}}
	return statement.Statement{
		Schema: statement.Schema, Company: company, CompanyUID: "uid", CompanyName: "Ñame <&>", Month: month.String(), Number: number, Supersedes: 1,
		State: statement.Approved, Cutoff: 17, CutoffAt: ref(kept),
		Content: statement.Content{
			Zone: "Europe/Berlin", At: day(30, 0), AtUTC: day(31, 0), Catalog: "c", Rows: []statement.Row{row},
			Classes: []statement.Class{{Class: statement.Foreign, Rows: []statement.Row{row}}},
			Servers: []statement.Server{{
				ID: 7, Name: "VBR", Product: usage.ProductVBR, Shared: true, Origin: metering.FromReport,
				License: &statement.License{Type: usage.LicenseRental, Edition: "e", LicensedTo: "l", Class: statement.Free},
				AsOf:    ref(day(4, 0)), Unknown: true, Stale: true, Cloned: true, Zero: true, Gone: true, Rows: []statement.Row{row},
				Reading: statement.Reading{Count: 1, First: ref(day(5, 0)), Last: ref(day(6, 0)), HoursWithout: 2, Coverage: usage.One / 100},
				Gaps:    []statement.Gaps{{Reason: usage.GapTLS, Count: 2, First: day(7, 0), Last: day(8, 0), Text: "t"}},
			}},
			Issues: []statement.Issue{{Key: "k", Text: "t"}}, Workloads: 5, Digest: "d",
		},
		Adjustments: []statement.Adjustment{{Number: 4, RowKey: key, Workloads: []statement.Ref{{Server: 7, Tenant: "t", ID: "i"}}, Amount: amount, Reason: "r", Actor: "a", At: kept}},
		Reasons:     []statement.Reason{{Issue: "k", Text: "r"}}, Unreviewed: true,
		Differences: []statement.Difference{{RowKey: key, Before: billing, After: billing}},
		Trail:       []statement.Step{{At: kept, Actor: "a", Did: "d", Text: "t"}},
	}
}

// priced is a plan in which nothing is zero.
func priced() *plan.State {
	s := plan.State{ID: 8, Revision: 9, Plan: plan.Plan{Name: "n", Description: "d", Currency: "EUR", Tax: plan.Taxes[1], TaxPercent: 1, Discount: 2}}
	for i, r := range s.Plan.Rates() {
		*r.Rate = plan.Rate{Price: usage.Units(i + 1), Per: "p", Free: 3, FreePer: "f"}
	}
	return &s
}

// saved keeps a statement and gives it as it is then.
func saved(t testing.TB, s store.Store, one statement.Statement) statement.Statement {
	t.Helper()
	must(t, s.SaveStatements(t.Context(), []statement.Statement{one}))
	one.Revision++
	return one
}

var statementTests = map[string]func(*testing.T, store.Store){
	"a statement comes back whole": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		want := statementOf(c, october, 2)
		for _, rows := range [][]statement.Row{want.Content.Rows, want.Content.Classes[0].Rows, want.Content.Servers[0].Rows} {
			rows[0].PeakLicense = want.Content.Servers[0].License
		}
		want.Adjustments[0].Servers = []statement.AmountOf{{Server: 7, Amount: want.Adjustments[0].Amount}}
		want.Priced = priced()
		want = saved(t, s, want)
		nonZero(t, want)
		wantEqual(t, want, must1(s.Statement(t.Context(), c, october, 2))(t))
		wantEqual(t, want, must1(s.Statement(t.Context(), c, october, 0))(t))
		_, err := s.Statement(t.Context(), c, october, 1)
		wantCode(t, err, fault.NotFound)
		_, err = s.Statement(t.Context(), c, october.Next(), 0)
		wantCode(t, err, fault.NotFound)
	},
	"statements come by month and number, or by company": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		if none := must1(s.Months(t.Context()))(t); len(none) > 0 {
			t.Errorf("%v", none)
		}
		later := saved(t, s, statementOf(a, october.Next(), 1))
		second := saved(t, s, statementOf(a, october, 2))
		theirs := saved(t, s, statementOf(b, october, 1))
		first := saved(t, s, statementOf(a, october, 1))
		wantEqual(t, []statement.Statement{first, second, later}, must1(s.StatementsOf(t.Context(), a))(t))
		wantEqual(t, []statement.Statement{second, theirs}, must1(s.StatementsIn(t.Context(), october))(t))
		wantEqual(t, first, must1(s.Statement(t.Context(), a, october, 1))(t))
		wantEqual(t, second, must1(s.Statement(t.Context(), a, october, 0))(t))
		wantEqual(t, map[usage.CompanyID]usage.Month{a: october, b: october}, must1(s.FirstMonths(t.Context()))(t))
		wantEqual(t, map[usage.CompanyID]usage.Month{a: october.Next(), b: october}, must1(s.LatestMonths(t.Context()))(t))
		wantEqual(t, []usage.Month{october, october.Next()}, must1(s.Months(t.Context()))(t))
		if none := must1(s.StatementsIn(t.Context(), october.Next().Next()))(t); len(none) > 0 {
			t.Errorf("%+v", none)
		}
	},
	"a statement that was changed since is not overwritten, nor are those with it": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		one, other := saved(t, s, statementOf(a, october, 1)), saved(t, s, statementOf(b, october, 1))
		now := one
		now.State = statement.Final
		now = saved(t, s, now)
		other.State = statement.Final
		for _, stale := range []statement.Statement{one, statementOf(a, october, 1)} { // an old one, and one as if it were new
			wantCode(t, s.SaveStatements(t.Context(), []statement.Statement{other, stale}), fault.Conflict, "was changed")
		}
		wantEqual(t, []statement.Statement{now}, must1(s.StatementsOf(t.Context(), a))(t))
		other.State = statement.Approved
		wantEqual(t, []statement.Statement{other}, must1(s.StatementsOf(t.Context(), b))(t))
		// What a step rests on must still be so: the last month, and, where they matter, all statements of the company.
		for _, seen := range []statement.Seen{
			{Company: a},
			{Company: a, Last: october.Next()},
			{Company: a, Last: october, Marks: []statement.Mark{}},
			{Company: a, Last: october, Marks: []statement.Mark{{Month: october, Number: 1, Revision: 1}}},
		} {
			wantCode(t, s.SaveStatements(t.Context(), []statement.Statement{other}, seen), fault.Conflict, "company 2 were changed")
		}
		fits := statement.Seen{Company: a, Last: october, Marks: []statement.Mark{{Month: october, Number: 1, Revision: 2}}}
		must(t, s.SaveStatements(t.Context(), []statement.Statement{statementOf(a, october.Next(), 1)}, fits, statement.Seen{Company: b, Last: october}))
		wantCode(t, s.SaveStatements(t.Context(), []statement.Statement{statementOf(b, october.Next(), 1)}, fits), fault.Conflict)
		gone := statementOf(a, october, 5)
		gone.Revision = 3
		wantCode(t, s.SaveStatements(t.Context(), []statement.Statement{gone}), fault.Conflict)
	},
	"what is priced with a plan that was changed since is not kept": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		agreed := newRecord(t, s, fleet.KindPlan, 0, 0)
		other := newRecord(t, s, fleet.KindPlan, 0, 0)
		give := func(plan int64) {
			t.Helper()
			now := must1(s.Company(t.Context(), c.ID))(t)
			now.Profile.Plan = plan
			must(t, s.UpdateCompany(t.Context(), now, nil, Now()))
		}
		number := 0
		save := func(seen *statement.Agreed) error {
			all := must1(s.StatementsOf(t.Context(), c.ID))(t)
			is := statement.Seen{Company: c.ID, Agreed: seen}
			if len(all) > 0 {
				is.Last = october
			}
			number++
			return s.SaveStatements(t.Context(), []statement.Statement{statementOf(c.ID, october, number)}, is)
		}
		must(t, save(&statement.Agreed{}))
		give(agreed.ID)
		wantCode(t, save(&statement.Agreed{}), fault.Conflict, "the plan of company 2 was changed")
		wantCode(t, save(&statement.Agreed{Plan: other.ID, Revision: other.Revision}), fault.Conflict)
		was := &statement.Agreed{Plan: agreed.ID, Revision: agreed.Revision}
		must(t, save(was))
		agreed.Body = `{"n":2}`
		must(t, s.UpdateRecord(t.Context(), agreed, Now()))
		wantCode(t, save(was), fault.Conflict)
		must(t, save(nil)) // nothing is priced
		must(t, save(&statement.Agreed{Plan: agreed.ID, Revision: must1(s.Record(t.Context(), fleet.KindPlan, agreed.ID))(t).Revision}))
		give(0)
		wantCode(t, save(&statement.Agreed{Plan: agreed.ID, Revision: agreed.Revision}), fault.Conflict)
		if all := must1(s.StatementsOf(t.Context(), c.ID))(t); len(all) != 4 {
			t.Errorf("%d statements are kept", len(all))
		}
	},
}

// statementTwice: of two that change one statement at once, one is told that it was too late.
func statementTwice(t *testing.T, a, b store.Store) {
	company := newCompany(t, a, "a").ID
	one := saved(t, a, statementOf(company, october, 1))
	const rounds = 20
	for round := range rounds {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, s := range []store.Store{a, b} {
			wg.Go(func() {
				mine := one
				mine.CompanyName = fmt.Sprint("round ", round, " by ", i)
				errs[i] = s.SaveStatements(t.Context(), []statement.Statement{mine})
			})
		}
		wg.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		must(t, errs[winner])
		wantCode(t, errs[1-winner], fault.Conflict, "was changed")
		one = must1(b.Statement(t.Context(), company, october, 0))(t)
		wantEqual(t, fmt.Sprint("round ", round, " by ", winner), one.CompanyName)
	}
}

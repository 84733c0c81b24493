package statement_test

import (
	"context"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/statement"
)

// meanwhile has somebody else do something as soon as a plan was read.
type meanwhile struct {
	statement.Plans
	do func()
}

func (m *meanwhile) Get(ctx context.Context, id int64) (plan.Item, error) {
	item, err := m.Plans.Get(ctx, id)
	if m.do != nil {
		m.do()
	}
	return item, err
}

// A month is not made final with prices that somebody changed, or a plan that the company was taken off, while it was being done.
func TestPriceChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	companies := w.crowd(2)
	w.fleet.Credentials = w.store
	plans := &plan.Service{Records: w.store, Directory: w.fleet, Now: w.Now}
	item, err := plans.Add(t.Context(), plan.Plan{Name: "gold", Currency: "EUR", Tax: plan.Taxes[0], Discount: 0})
	w.check(err)
	other, err := plans.Add(t.Context(), plan.Plan{Name: "silver", Currency: "EUR", Tax: plan.Taxes[0]})
	w.check(err)
	give := func(id int64) {
		_, err := w.fleet.EditCompany(t.Context(), companies[0], fleet.CompanyEdit{Profile: plan.Giving(id)})
		w.check(err)
	}
	give(item.ID)
	for _, c := range companies {
		w.must(statementOf(w.Draft(t.Context(), c, september, "jane")))
		w.must(w.Approve(t.Context(), c, september, "jane", nil, false))
	}
	m := &meanwhile{Plans: w.Plans}
	w.Plans = m
	for what, do := range map[string]func(){
		"another price": func() {
			_, err := plans.Edit(t.Context(), item.ID, func(p *plan.Plan) error { p.Discount++; return nil })
			w.check(err)
		},
		"another plan": func() { give(other.ID) },
		"no plan":      func() { give(0) },
	} {
		give(item.ID)
		m.do = do
		_, err := w.Finalise(t.Context(), companies[0], september, "jane")
		w.refused(err, fault.Conflict)
		give(item.ID)
		w.refused(w.FinaliseMonth(t.Context(), september, "jane"), fault.Conflict)
		for _, c := range companies {
			if s := w.must(w.Show(t.Context(), c, september, 0)); s.State != statement.Approved || s.Priced != nil {
				t.Errorf("%s: %s, priced %v", what, s.State, s.Priced)
			}
		}
	}
	m.do = nil
	give(item.ID)
	w.check(w.FinaliseMonth(t.Context(), september, "jane"))
	now, err := plans.Get(t.Context(), item.ID)
	w.check(err)
	same(t, plan.StateOf(now), *w.must(w.Show(t.Context(), companies[0], september, 0)).Priced)
}

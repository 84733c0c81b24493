package alarm

import (
	"context"
	"slices"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// walkStep is how many servers' readings are asked for, and held, at once.
const walkStep = 256

// walk checks one server after the other, and asks for what they share only once.
type walk struct {
	*Service
	all     []fleet.Company
	tallies map[whole]*metering.Tally
	known   map[usage.ServerID][]Event // nil: not asked for
}

// whole names what is counted freshly: of nobody's, with its members, or of shared servers as a whole.
type whole struct {
	company usage.CompanyID // usage.Unassigned or usage.Provider
	product usage.Product
}

// CheckAll checks every server. What is settled is left alone without a transaction of its own: of many servers few
// have something to settle.
func (s *Service) CheckAll(ctx context.Context) error {
	servers, err := s.Servers.Servers(ctx)
	if err != nil {
		return err
	}
	events, err := s.Store.Events(ctx, 0)
	if err != nil {
		return err
	}
	known := make(map[usage.ServerID][]Event)
	for i := range events {
		known[events[i].Server] = append(known[events[i].Server], events[i])
	}
	w := &walk{Service: s, known: known}
	for len(servers) > 0 {
		step := servers[:min(walkStep, len(servers))]
		if err := w.step(ctx, step); err != nil {
			return err
		}
		servers = servers[len(step):]
	}
	return nil
}

func (w *walk) step(ctx context.Context, servers []fleet.Server) error {
	ids := make([]usage.ServerID, len(servers))
	for i := range servers {
		ids[i] = servers[i].ID
	}
	readings, err := w.Ledger.Readings(ctx, ids...)
	if err != nil {
		return err
	}
	of := make(map[usage.ServerID][]ledger.ServerReadings, len(readings))
	for i := range readings {
		of[readings[i].Server] = readings[i : i+1]
	}
	for i := range servers {
		id := servers[i].ID
		v, err := w.conditions(ctx, &servers[i], of[id])
		if err == nil && !v.settled(w.known[id]) {
			err = w.settle(ctx, id, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settled reports whether a server's events say already what holds.
func (v *verdict) settled(events []Event) bool {
	type key struct {
		template TemplateID
		subject  string
	}
	status := make(map[key]Status, len(v.holds))
	for _, c := range v.holds {
		if k := (key{c.Template, c.Subject}); status[k] == "" { // of several the first counts, as for the store
			status[k] = c.Status
		}
	}
	for i := range events {
		e := &events[i]
		if slices.Contains(v.left, e.Template) {
			continue
		}
		want, held := status[key{e.Template, e.Subject}]
		delete(status, key{e.Template, e.Subject})
		if held && e.Status != want || !held && e.Status != StatusResolved {
			return false
		}
	}
	return len(status) == 0 // what is left never held before
}

func (w *walk) companies(ctx context.Context) (_ []fleet.Company, err error) {
	if w.all == nil {
		w.all, err = w.Companies.Companies(ctx)
	}
	return w.all, err
}

// whole counts what belongs to nobody, or the shared servers as a whole.
func (w *walk) whole(ctx context.Context, company usage.CompanyID, product usage.Product) (*metering.Tally, error) {
	key := whole{company, product}
	if t := w.tallies[key]; t != nil {
		return t, nil
	}
	t, err := w.Ledger.Usage(ctx, ledger.Query{Company: company, Product: product, Members: company == usage.Unassigned})
	if err != nil {
		return nil, err
	}
	if w.tallies == nil {
		w.tallies = make(map[whole]*metering.Tally)
	}
	w.tallies[key] = t
	return t, nil
}

// stands gives what the events of a template that stand for a server are about; only where all were asked for.
func (w *walk) stands(server usage.ServerID, template TemplateID) map[string]bool {
	subjects := make(map[string]bool)
	for i := range w.known[server] {
		if e := &w.known[server][i]; e.Template == template && e.Status != StatusResolved {
			subjects[e.Subject] = true
		}
	}
	return subjects
}

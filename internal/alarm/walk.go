package alarm

import (
	"context"

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
	tallies map[usage.Product]*metering.Tally // of the unassigned company, with its members
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
	w := &walk{Service: s}
	for len(servers) > 0 {
		step := servers[:min(walkStep, len(servers))]
		if err := w.step(ctx, step, known); err != nil {
			return err
		}
		servers = servers[len(step):]
	}
	return nil
}

func (w *walk) step(ctx context.Context, servers []fleet.Server, known map[usage.ServerID][]Event) error {
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
		holds, err := w.conditions(ctx, &servers[i], of[id])
		if err == nil && !settled(known[id], holds) {
			err = w.settle(ctx, id, holds)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settled reports whether a server's events say already what holds.
func settled(events []Event, holds []Condition) bool {
	type key struct {
		template TemplateID
		subject  string
	}
	status := make(map[key]Status, len(holds))
	for _, c := range holds {
		if k := (key{c.Template, c.Subject}); status[k] == "" { // of several the first counts, as for the store
			status[k] = c.Status
		}
	}
	for i := range events {
		e := &events[i]
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

// unassigned gives the tally of what belongs to nobody.
func (w *walk) unassigned(ctx context.Context, product usage.Product) (*metering.Tally, error) {
	if t := w.tallies[product]; t != nil {
		return t, nil
	}
	t, err := w.Ledger.Usage(ctx, ledger.Query{Company: usage.Unassigned, Product: product, Members: true})
	if err != nil {
		return nil, err
	}
	if w.tallies == nil {
		w.tallies = make(map[usage.Product]*metering.Tally)
	}
	w.tallies[product] = t
	return t, nil
}

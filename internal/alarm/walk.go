package alarm

import (
	"cmp"
	"context"
	"fmt"
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
	alone  bool // one server after a reading of it: it looks back, and does not rest on its events
	all    []fleet.Company
	wholes map[whole]counted
	known  map[usage.ServerID][]Event // nil: they are asked for one by one
	failed failures
}

// whole names what is counted freshly: of nobody's, with its members, or of shared servers as a whole.
type whole struct {
	company usage.CompanyID // usage.Unassigned or usage.Provider
	product usage.Product
}

// counted is a tally, or why there is none.
type counted struct {
	tally *metering.Tally
	err   error
}

// failures are the servers and companies whose conditions could not be found out, or not all: they are looked at again, and
// keep nobody else from being looked at.
type failures struct {
	servers   []usage.ServerID
	companies []usage.CompanyID
	first     error
}

func (f *failures) server(id usage.ServerID, err error) {
	f.servers = append(f.servers, id)
	f.first = cmp.Or(f.first, fmt.Errorf("server %s: %w", id, err))
}

func (f *failures) company(id usage.CompanyID, err error) {
	f.companies = append(f.companies, id)
	f.first = cmp.Or(f.first, fmt.Errorf("company %s: %w", id, err))
}

// err is the first of them, and says how many more there are.
func (f *failures) err() error {
	if more := len(f.servers) + len(f.companies) - 1; more > 0 {
		return fmt.Errorf("%w (and %d more that could not be checked)", f.first, more)
	}
	return f.first
}

// CheckAll checks every server. What is settled is left alone without a transaction of its own: of many servers few
// have something to settle. One that cannot be checked keeps no other from it, and is the error.
func (s *Service) CheckAll(ctx context.Context) error {
	failed, err := s.checkAll(ctx)
	return cmp.Or(err, failed.err())
}

func (s *Service) checkAll(ctx context.Context) (failures, error) {
	servers, err := s.Servers.Servers(ctx)
	if err != nil {
		return failures{}, err
	}
	w := &walk{Service: s}
	if events, err := s.Store.Events(ctx, 0); err == nil {
		w.known = make(map[usage.ServerID][]Event)
		for i := range events {
			w.known[events[i].Server] = append(w.known[events[i].Server], events[i])
		}
	}
	for len(servers) > 0 {
		step := servers[:min(walkStep, len(servers))]
		if err := w.step(ctx, step); err != nil {
			return failures{}, err
		}
		servers = servers[len(step):]
	}
	return w.failed, nil
}

// step checks some servers. The error is of the context alone.
func (w *walk) step(ctx context.Context, servers []fleet.Server) error {
	ids := make([]usage.ServerID, len(servers))
	for i := range servers {
		ids[i] = servers[i].ID
	}
	readings, err := w.Ledger.Readings(ctx, ids...)
	apart := err != nil // one of them is damaged, perhaps
	of := make(map[usage.ServerID][]ledger.ServerReadings, len(readings))
	for i := range readings {
		of[readings[i].Server] = readings[i : i+1]
	}
	for i := range servers {
		if err := w.one(ctx, &servers[i], of[servers[i].ID], apart); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			w.failed.server(servers[i].ID, err)
		}
	}
	return nil
}

// one checks a server of which the readings are known, or, apart, asked for.
func (w *walk) one(ctx context.Context, server *fleet.Server, readings []ledger.ServerReadings, apart bool) (err error) {
	events := w.known[server.ID]
	if w.known == nil {
		if events, err = w.Store.EventsOf(ctx, server.ID); err != nil {
			return err
		}
	}
	if apart {
		if readings, err = w.Ledger.Readings(ctx, server.ID); err != nil {
			return err
		}
	}
	return w.check(ctx, server, readings, events)
}

// settled reports whether a server's events say already what holds.
func (v *verdict) settled(events []Event) bool {
	type key struct {
		template TemplateID
		subject  string
	}
	holds := make(map[key]*Condition, len(v.holds))
	for i := range v.holds {
		c := &v.holds[i]
		if k := (key{c.Template, c.Subject}); holds[k] == nil { // of several the first counts, as for the store
			holds[k] = c
		}
	}
	for i := range events {
		e := &events[i]
		if slices.Contains(v.left, e.Template) {
			continue
		}
		c := holds[key{e.Template, e.Subject}]
		delete(holds, key{e.Template, e.Subject})
		if c != nil && !e.Says(c) || c == nil && e.Status != StatusResolved {
			return false
		}
	}
	return len(holds) == 0 // what is left never held before
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
	c, there := w.wholes[key]
	if !there {
		c.tally, c.err = w.Ledger.Usage(ctx, ledger.Query{Company: company, Product: product, Members: company == usage.Unassigned})
		if w.wholes == nil {
			w.wholes = make(map[whole]counted)
		}
		w.wholes[key] = c
	}
	return c.tally, c.err
}

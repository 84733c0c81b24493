package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Look lets visit ask about one state, in one transaction.
func (s *Store) Look(ctx context.Context, before usage.Position, visit func(ledger.View) error) error {
	return s.look(ctx, before, func(k *look) error { return visit(k) })
}

// LookEach is Look for one company after the other: what their servers' histories are read from is read for many at once.
func (s *Store) LookEach(ctx context.Context, ahead ledger.Ahead, visit func(usage.CompanyID, ledger.View) error) error {
	return s.look(ctx, ahead.Before, func(k *look) error {
		for rest := ahead.Companies; len(rest) > 0; {
			some, err := k.readAhead(ctx, rest, &ahead)
			if err != nil {
				return err
			}
			for _, company := range rest[:some] {
				err := visit(company, k)
				k.q.kept.done()
				if err != nil {
					return err
				}
			}
			rest = rest[some:]
		}
		return nil
	})
}

func (s *Store) look(ctx context.Context, before usage.Position, visit func(*look) error) error {
	return s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		before = min(before, h.Position+1)
		v, err := s.projection.view(ctx, tx, h, time.Time{}, before) // which is then up to the head
		if err != nil {
			return err
		}
		v.release()
		k := &look{question{store: s, tx: tx, head: h, before: before, read: series.Read, kept: &histories{known: make(map[usage.ServerID]*series.History)}}}
		defer k.q.kept.done()
		return visit(k)
	})
}

// look is one call of Look or LookEach; its question is about no company and instant yet.
type look struct{ q question }

// within gives faults for what goes wrong.
func (k *look) within(ctx context.Context, step func() error) error {
	return k.q.store.fault(ctx, step())
}

// Facts gives what the company's tally of a product at an instant rests on.
func (k *look) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (facts metering.Facts, err error) {
	return k.ask(ctx, company, product, at, false)
}

// CoveredFacts is Facts with how each server was read.
func (k *look) CoveredFacts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (facts metering.Facts, err error) {
	return k.ask(ctx, company, product, at, true)
}

func (k *look) ask(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, cover bool) (facts metering.Facts, err error) {
	q := k.q
	q.company, q.product, q.at, q.cover = company, product, usage.Truncate(at), cover
	err = k.within(ctx, func() error {
		facts, err = q.answer(ctx)
		return err
	})
	return facts, err
}

// Policy gives the dated values of an attribute of the policy.
func (k *look) Policy(ctx context.Context, attribute usage.Attribute) (facts []usage.Fact, err error) {
	err = k.within(ctx, func() error {
		v, err := k.q.store.projection.view(ctx, k.q.tx, k.q.head, time.Time{}, k.q.before)
		if err != nil {
			return err
		}
		defer v.release()
		facts = slices.Clone(v.dated(usage.PolicySubject, attribute))
		return nil
	})
	return facts, err
}

// histories are kept from one question to the next of a transaction; nil: nothing is.
type histories struct {
	known map[usage.ServerID]*series.History
	ahead ahead
}

func (k *histories) open(ctx context.Context, tx *sql.Tx, server usage.ServerID) (*series.History, error) {
	if k == nil {
		return openHistory(ctx, tx, server)
	}
	h := k.known[server]
	if h == nil {
		var err error
		if h, err = k.ahead.open(ctx, tx, server); err != nil {
			return nil, err
		}
		k.known[server] = h
	}
	err := h.Keep()
	return h, err
}

// read is told of a history that was read, and need not be again where nothing is kept.
func (k *histories) read(h *series.History) {
	if k == nil {
		h.Done()
	}
}

// done gives back what was read of histories; what they were read from stays.
func (k *histories) done() {
	for _, h := range k.known {
		h.Done()
	}
	clear(k.known)
}

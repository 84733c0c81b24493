package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Walk gives Facts for one instant after the other, in one transaction.
func (s *Store) Walk(ctx context.Context, company usage.CompanyID, product usage.Product, from time.Time, before usage.Position, visit ledger.Visit) error {
	return s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		q := question{
			store: s, tx: tx, head: h, company: company, product: product, before: min(before, h.Position+1), read: series.Read, kept: make(histories),
		}
		defer q.kept.done()
		for at := usage.Truncate(from); !at.IsZero(); at = usage.Truncate(at) {
			q.at = at
			facts, err := q.answer(ctx)
			if err != nil {
				return err
			}
			if at, err = visit(facts); err != nil {
				return err
			}
		}
		return nil
	})
}

// histories are kept from one question to the next of a transaction; nil: nothing is.
type histories map[usage.ServerID]*series.History

func (k histories) open(ctx context.Context, tx *sql.Tx, server usage.ServerID) (*series.History, error) {
	if k == nil {
		return openHistory(ctx, tx, server)
	}
	h := k[server]
	if h == nil {
		var err error
		if h, err = openHistory(ctx, tx, server); err != nil {
			return nil, err
		}
		k[server] = h
	}
	err := h.Keep()
	return h, err
}

// read is told of a history that was read, and need not be again where nothing is kept.
func (k histories) read(h *series.History) {
	if k == nil {
		h.Done()
	}
}

func (k histories) done() {
	for _, h := range k {
		h.Done()
	}
}

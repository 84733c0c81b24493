package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Logged gives the entries behind a position.
func (s *Store) Logged(ctx context.Context, after usage.Position, limit int) (list []ledger.Logged, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		entries, err := someAfter(ctx, tx, after, limit)
		if err != nil || len(entries) == 0 {
			return err
		}
		h, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		l := logging{ctx: ctx, tx: tx, after: entries[0].Position - 1, to: entries[len(entries)-1].Position}
		if err := l.read(entries); err != nil {
			return err
		}
		v, err := s.projection.view(ctx, tx, h, time.Time{}, h.Position+1)
		if err != nil {
			return err
		}
		defer v.release()
		list = l.list(v, entries)
		return nil
	})
	return list, err
}

// someAfter gives the entries behind a position, at most so many.
func someAfter(ctx context.Context, tx *sql.Tx, after usage.Position, limit int) (some []series.Entry, err error) {
	h, err := readLogHead(ctx, tx)
	for at := max(after, 0) + 1; err == nil && at <= h.position && len(some) < limit; {
		var piece []series.Entry
		if piece, err = entriesFrom(ctx, tx, &h, at); err == nil {
			piece = piece[:min(len(piece), limit-len(some))]
			some, at = append(some, piece...), at+usage.Position(len(piece))
		}
	}
	return some, err
}

// logging is one call of Logged.
type logging struct {
	ctx       context.Context //nolint:containedctx // it lives as long as one call
	tx        *sql.Tx
	after, to usage.Position

	gaps        map[usage.Position]usage.Gap
	corrections map[usage.Position]correction
	facts       map[usage.Position]usage.Fact
}

// read asks for what the log does not say itself.
func (l *logging) read(entries []series.Entry) error {
	l.gaps, l.corrections, l.facts = make(map[usage.Position]usage.Gap), make(map[usage.Position]correction), make(map[usage.Position]usage.Fact)
	var corrected, dated bool
	for _, e := range entries {
		switch e.Kind {
		case series.KindGap:
			g, found, err := first(l.ctx, l.tx, proven(scanGap), gapAtSQL, int64(e.Position))
			if err == nil && !found {
				err = errEntryLost(e.Position)
			}
			if err != nil {
				return err
			}
			l.gaps[e.Position] = g.Gap
		case series.KindCorrection:
			corrected = true
		case series.KindFact:
			dated = true
		}
	}
	if corrected {
		list, err := collect(l.ctx, l.tx, scanCorrection, correctionsAfterSQL, int64(l.after), int64(l.to))
		if err != nil {
			return err
		}
		for i := range list {
			l.corrections[list[i].position] = list[i]
		}
	}
	if !dated {
		return nil
	}
	list, err := collect(l.ctx, l.tx, scanFact, factsAfterSQL, int64(l.after), int64(l.to))
	for i := range list {
		l.facts[list[i].Position] = list[i]
	}
	return err
}

func (l *logging) list(v view, entries []series.Entry) []ledger.Logged {
	of := v.concernedByServer()
	var told arriving
	list := make([]ledger.Logged, 0, len(entries))
	for _, e := range entries {
		one := ledger.Logged{Position: e.Position, RecordedAt: fromMicros(e.Recorded), Kind: ledger.Kind(e.Kind.String()), Server: e.Server}
		switch e.Kind {
		case series.KindGap:
			gap := l.gaps[e.Position]
			one.Gap = &gap
		case series.KindCorrection:
			c := l.corrections[e.Position]
			one.Server, one.Revokes = cmp.Or(e.Server, c.server), c.Entry // the first programs that kept a log named no server
		}
		if e.Kind == series.KindFact {
			f := l.facts[e.Position]
			one.Companies = told.concernedBy(v, f.Subject, of)
			one.AnyCompany = one.Companies == nil
		} else {
			one.Companies = of(one.Server)
		}
		list = append(list, one)
	}
	return list
}

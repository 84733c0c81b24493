package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// The mark is one row. Its checksum is the sum of its numbers, as the head's is: a migration can give it.
const (
	markThereSQL = `SELECT 1 FROM mark`
	markSQL      = `SELECT position, revision, again, checksum FROM mark`
	setMarkSQL   = `UPDATE mark SET position = $1, revision = $2, again = $3,
 checksum = checksum + ($1 - position) + ($2 - revision) + ($3 - again) WHERE revision = $2 - 1`
)

// Mark gives up to where late facts were looked for.
func (s *Store) Mark(ctx context.Context) (m alarm.Mark, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		m, err = readMark(ctx, tx)
		return err
	})
	return m, err
}

func readMark(ctx context.Context, tx *sql.Tx) (alarm.Mark, error) {
	m, found, err := first(ctx, tx, proven(scanMark), markSQL)
	if err == nil && !found {
		err = fault.New(fault.Internal, "the database is damaged: it does not say up to where late facts were looked for; restore it from a backup")
	}
	return m, err
}

func scanMark(row scanner) (m alarm.Mark, p proof, err error) {
	var again int64
	err = row.Scan(&m.Position, &m.Revision, &again, &p.kept)
	m.Again = again != 0
	p.what, p.want = "the mark of late facts", int64(m.Position)+m.Revision+again
	return m, p, err
}

func summedMark() summed {
	return summed{"mark", markSQL, byNumber(scanMark), ""}
}

// moveMark puts a mark in place of the one of the revision before. Conflict: that was moved meanwhile.
func moveMark(ctx context.Context, tx *sql.Tx, m alarm.Mark) error {
	done, err := tx.ExecContext(ctx, setMarkSQL, int64(m.Position), m.Revision, fromBool(m.Again))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fault.New(fault.Conflict, "somebody else looked for late facts meanwhile")
}

// SettleFinals makes the conditions of companies the ones that hold, and moves the mark, which alone no answer rests on.
func (s *Store) SettleFinals(ctx context.Context, f alarm.Finals, at time.Time) error {
	templates := []alarm.TemplateID{alarm.FinalOutdated}
	if err := amongAll(templates, f.Holds); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := moveMark(ctx, tx, alarm.Mark{Position: f.To, Revision: f.Seen.Revision + 1}); err != nil {
			return err
		}
		changed, err := settleCompanies(ctx, tx, templates, f.Holds, at)
		if err != nil {
			return err
		}
		if !changed {
			return nil
		}
		return bump(ctx, tx)
	})
}

// markFinal moves the mark back to the cutoff of each statement that becomes final: nobody looked yet at what arrived
// between that and the mark.
func markFinal(ctx context.Context, tx *sql.Tx, statements []statement.Statement) error {
	var cutoff usage.Position // 0: none is final
	for i := range statements {
		if t := &statements[i]; t.State == statement.Final && (cutoff == 0 || t.Cutoff < cutoff) {
			cutoff = t.Cutoff
		}
	}
	if cutoff == 0 {
		return nil
	}
	m, err := readMark(ctx, tx)
	if err != nil {
		return err
	}
	return moveMark(ctx, tx, alarm.Mark{Position: min(m.Position, cutoff-1), Revision: m.Revision + 1, Again: true})
}

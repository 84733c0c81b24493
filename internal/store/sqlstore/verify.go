package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	allLogSQL         = logColumns + ` ORDER BY first_position`
	allGapsSQL        = `SELECT position, server FROM gaps ORDER BY position`
	allCorrectionsSQL = `SELECT position, entry, server, reason, actor, checksum FROM corrections ORDER BY position`
	allFactsSQL       = `SELECT position, subject, attribute, value, valid_from, checksum FROM facts ORDER BY position`
)

// Verify reads every stored entry in one consistent state and reports what is not as it was written. An error means
// that reading itself failed.
func (s *Store) Verify(ctx context.Context, report func(problem string)) error {
	return s.read(ctx, func(tx *sql.Tx) error {
		v := verifier{ctx: ctx, tx: tx, say: func(format string, args ...any) { report(fmt.Sprintf(format, args...)) }}
		for _, check := range []func() error{v.rows, v.log, v.installations, v.histories, v.derived, v.gaps, v.corrections, v.facts, v.mark, v.lost} {
			if err := check(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sound is Verify for who wants to know only whether everything is as it was written: Internal, with the first problem,
// where it is not. The message begins with "it".
func (s *Store) Sound(ctx context.Context) error {
	first, more := "", 0
	err := s.Verify(ctx, func(problem string) {
		if first == "" {
			first = problem
			return
		}
		more++
	})
	switch {
	case err != nil || first == "":
		return err
	case more > 0:
		first = fmt.Sprintf("%s; and %d more", first, more)
	}
	return fault.New(fault.Internal, "it holds damaged data: %s", first)
}

// verifier holds the log against the tables.
type verifier struct {
	ctx context.Context //nolint:containedctx // it lives as long as one call
	tx  *sql.Tx
	say func(format string, args ...any)

	entries   []line                  // by position, from 1
	installed map[said]usage.Position // the table of installation ids, as far as no reading said them
}

// line is an entry of the log, and whether what it says was found.
type line struct {
	server usage.ServerID
	kind   series.Kind
	found  bool
}

// damaged reports a fault of the data and lets the check go on; any other error ends it.
func (v *verifier) damaged(err error, where string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.Internal {
		v.say("%s: %s", where, f.Message)
		return nil
	}
	return err
}

// log: positions are dense, recordedAt strictly increases (C42), and the last one is the head's.
func (v *verifier) log() error {
	h, err := readLogHead(v.ctx, v.tx)
	if err != nil {
		return v.damaged(err, "the end of the log")
	}
	logs, err := collect(v.ctx, v.tx, unproven(scanLog), allLogSQL)
	if err != nil {
		return v.damaged(err, "the log")
	}
	var last series.Entry
	for _, log := range append(logs, h.log) {
		entries, err := log.Entries()
		if err != nil {
			return v.damaged(err, "the log")
		}
		for _, e := range entries {
			if e.Position != last.Position+1 {
				v.say("the log goes from entry %d to entry %d", last.Position, e.Position)
			}
			if last.Position > 0 && e.Recorded <= last.Recorded {
				v.say("entry %d was not recorded after the entry before it", e.Position)
			}
			last = e
			v.entries = append(v.entries, line{server: e.Server, kind: e.Kind})
		}
	}
	if last.Position != h.position || last.Recorded != h.recorded && h.position > 0 {
		v.say("the log ends with entry %d, and the head says %d", last.Position, h.position)
	}
	return nil
}

// take notes that an entry was found where its kind lies.
func (v *verifier) take(position usage.Position, kind series.Kind, server usage.ServerID) {
	if position < 1 || int(position) > len(v.entries) {
		v.say("there is a %s as entry %d, which the log does not know", kind, position)
		return
	}
	l := &v.entries[position-1]
	if l.kind != kind || l.server != server || l.found {
		v.say("entry %d is a %s of server %d in the log, and a %s of server %d is there", position, l.kind, l.server, kind, server)
	}
	l.found = true
}

func (v *verifier) gaps() error {
	gaps, err := collect(v.ctx, v.tx, scanPair[usage.Position, usage.ServerID], allGapsSQL)
	for _, g := range gaps {
		v.take(g.a, series.KindGap, g.b)
	}
	return err
}

func (v *verifier) corrections() error {
	corrections, err := collect(v.ctx, v.tx, scanCorrection, allCorrectionsSQL)
	for i := range corrections {
		c := &corrections[i]
		v.take(c.position, series.KindCorrection, v.named(c.position, c.server))
	}
	return v.damaged(err, "the corrections")
}

// named is the server that a correction's line in the log must name: whose the revoked entry is. The first programs that
// kept a log named none.
func (v *verifier) named(position usage.Position, server usage.ServerID) usage.ServerID {
	if at := int(position) - 1; at >= 0 && at < len(v.entries) && v.entries[at].server == 0 {
		return 0
	}
	return server
}

func (v *verifier) facts() error {
	facts, err := collect(v.ctx, v.tx, scanFact, allFactsSQL)
	for i := range facts {
		v.take(facts[i].Position, series.KindFact, 0)
	}
	if err := v.damaged(err, "the dated facts"); err != nil {
		return err
	}
	return v.catalogs(facts)
}

// catalogs: the own rows of every catalogue that ever counted are there; their checksums were looked at before.
func (v *verifier) catalogs(facts []usage.Fact) error {
	rows, err := collect(v.ctx, v.tx, unproven(scanCatalog), catalogColumns)
	if err != nil {
		return v.damaged(err, "the catalogues")
	}
	kept := make(map[string]bool)
	for _, c := range rows {
		kept[c.version] = true
	}
	for i := range facts {
		_, own := catalog.SplitVersion(facts[i].Value)
		if own && facts[i].Attribute == usage.AttrCatalog && !kept[facts[i].Value] {
			v.say("the rows of catalogue %s, which counts from entry %d on, are not there", facts[i].Value, facts[i].Position)
		}
	}
	return nil
}

// lost: what the log knows is there.
func (v *verifier) lost() error {
	for i := range v.entries {
		if l := &v.entries[i]; !l.found {
			v.say("entry %d, a %s, is not there", i+1, l.kind)
		}
	}
	return nil
}

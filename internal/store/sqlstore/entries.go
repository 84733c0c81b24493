package sqlstore

import (
	"context"
	"database/sql"
	"hash/crc32"
	"strconv"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

// Every entry has its line in the log, of which the last piece lies in the row of the head: giving a position is
// one update of that row.
const (
	headSQL    = `SELECT version, fleet, position, recorded_at, log_first, checksum FROM meta`
	logHeadSQL = `SELECT version, fleet, position, recorded_at, log_first, checksum, log FROM meta`
	logAddSQL  = `UPDATE meta SET version = version + 1, position = $1, recorded_at = $2, log_first = $3, log = $4,
 checksum = checksum + 1 + ($1 - position) + ($2 - recorded_at) + ($3 - log_first)`
	insertLogSQL  = `INSERT INTO log (first_position, first_recorded, body, checksum) VALUES ($1, $2, $3, $4)`
	logColumns    = `SELECT first_position, first_recorded, body, checksum FROM log`
	logAtSQL      = logColumns + ` WHERE first_position <= $1 ORDER BY first_position DESC LIMIT 1`
	logSinceSQL   = logColumns + ` WHERE first_recorded <= $1 ORDER BY first_recorded DESC LIMIT 1`
	logAfterSQL   = logColumns + ` WHERE first_position > $1 ORDER BY first_position`
	insertFactSQL = `INSERT INTO facts (position, subject, attribute, value, valid_from, checksum) VALUES ($1, $2, $3, $4, $5, $6)`
	// The first value of an attribute is valid from the beginning of time (C38): its validFrom is no instant.
	subjectFactsSQL = `SELECT position, subject, attribute, value, valid_from, checksum FROM facts
WHERE subject = $1 AND attribute = $2 ORDER BY position`
)

// logHead is the end of the log.
type logHead struct {
	position usage.Position
	recorded int64
	log      series.Log
}

func readLogHead(ctx context.Context, tx *sql.Tx) (logHead, error) {
	h, found, err := first(ctx, tx, func(row scanner) (h logHead, err error) {
		var body []byte
		m, err := scanMeta(row, &body)
		if err != nil {
			return h, err
		}
		h.position, h.recorded = m.position, m.recorded
		h.log, err = series.OpenLog(m.logFirst, body)
		return h, err
	}, logHeadSQL)
	if err == nil && !found {
		return h, errHeadless()
	}
	return h, err
}

// appendEntry gives the next position and recordedAt: now, or later where the clock went back. The writing
// transaction is the one lock under which positions are given.
func appendEntry(ctx context.Context, tx *sql.Tx, kind series.Kind, server usage.ServerID, now time.Time) (ledger.Receipt, error) {
	h, err := readLogHead(ctx, tx)
	if err != nil {
		return ledger.Receipt{}, err
	}
	if err := h.add(ctx, tx, kind, server, now); err != nil {
		return ledger.Receipt{}, err
	}
	return ledger.Receipt{Position: h.position, RecordedAt: fromMicros(h.recorded)}, h.put(ctx, tx)
}

// add puts an entry behind the others; put writes that down.
func (h *logHead) add(ctx context.Context, tx *sql.Tx, kind series.Kind, server usage.ServerID, now time.Time) error {
	e := series.Entry{Position: h.position + 1, Recorded: micros(now), Kind: kind, Server: server}
	if h.position > 0 {
		e.Recorded = max(e.Recorded, h.recorded+1)
	}
	if h.log.Full() {
		if err := closeLog(ctx, tx, &h.log); err != nil {
			return err
		}
		h.log = series.Log{}
	}
	h.log.Add(e, h.recorded)
	h.position, h.recorded = e.Position, e.Recorded
	return nil
}

func (h *logHead) put(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, logAddSQL, int64(h.position), h.recorded, int64(h.log.First), h.log.Marshal())
	return err
}

func closeLog(ctx context.Context, tx *sql.Tx, l *series.Log) error {
	entries, err := l.Entries()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, insertLogSQL, int64(l.First), entries[0].Recorded, l.Marshal(), logSum(l.First, entries[0].Recorded))
	return err
}

func scanLog(row scanner) (l series.Log, p proof, err error) {
	var begin usage.Position
	var recorded int64
	var body []byte
	if err := row.Scan(&begin, &recorded, &body, &p.kept); err != nil {
		return l, p, err
	}
	p.what, p.of, p.want = "the log from entry", int64(begin), logSum(begin, recorded)
	l, err = series.OpenLog(begin, body)
	return l, p, err
}

// logSum is over the place: the body is sealed.
func logSum(begin usage.Position, recorded int64) int64 {
	return checksum(number(int64(begin)), number(recorded))
}

// meta is the row of the head, but for the log. Its checksum is the sum of its numbers, which a statement can go on
// with that does not read them.
type meta struct {
	version, fleet, recorded int64
	position, logFirst       usage.Position
}

func scanMeta(row scanner, more ...any) (m meta, err error) {
	var sum int64
	if err := row.Scan(append([]any{&m.version, &m.fleet, &m.position, &m.recorded, &m.logFirst, &sum}, more...)...); err != nil {
		return m, err
	}
	return m, proof{what: "the head", kept: sum, want: m.version + m.fleet + int64(m.position) + m.recorded + int64(m.logFirst)}.err()
}

// entryAt gives an entry's line.
func entryAt(ctx context.Context, tx *sql.Tx, position usage.Position) (series.Entry, bool, error) {
	h, err := readLogHead(ctx, tx)
	if err != nil || position < 1 || position > h.position {
		return series.Entry{}, false, err
	}
	entries, err := entriesFrom(ctx, tx, &h, position)
	if err != nil {
		return series.Entry{}, false, err
	}
	return entries[0], true, nil
}

// entriesFrom gives the entry at a position that was given, and those behind it in the same piece of the log.
func entriesFrom(ctx context.Context, tx *sql.Tx, h *logHead, position usage.Position) (entries []series.Entry, err error) {
	log, found := h.log, true
	if position < log.First {
		if log, found, err = first(ctx, tx, proven(scanLog), logAtSQL, int64(position)); err != nil {
			return nil, err
		}
	}
	entries, err = log.Entries()
	at := int(position - log.First)
	if err == nil && (!found || at >= len(entries)) {
		err = errEntryLost(position)
	}
	if err != nil {
		return nil, err
	}
	return entries[at:], nil
}

// receiptOf gives the receipt of an entry that is there.
func receiptOf(ctx context.Context, tx *sql.Tx, position usage.Position) (ledger.Receipt, error) {
	e, _, err := entryAt(ctx, tx, position)
	return ledger.Receipt{Position: e.Position, RecordedAt: fromMicros(e.Recorded)}, err
}

// entriesAfter calls visit with every entry behind a position, in their order; an error ends it.
func entriesAfter(ctx context.Context, tx *sql.Tx, after usage.Position, visit func(series.Entry) error) error {
	h, err := readLogHead(ctx, tx)
	if err != nil || h.position <= after {
		return err
	}
	var logs []series.Log
	if after+1 < h.log.First {
		begin, _, err := first(ctx, tx, proven(scanLog), logAtSQL, int64(after+1))
		if err != nil {
			return err
		}
		if logs, err = collect(ctx, tx, proven(scanLog), logAfterSQL, int64(begin.First)); err != nil {
			return err
		}
		logs = append([]series.Log{begin}, logs...)
	}
	last := after
	for _, log := range append(logs, h.log) {
		entries, err := log.Entries()
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Position <= after {
				continue
			}
			if e.Position != last+1 {
				return errEntryLost(last + 1)
			}
			last = e.Position
			if err := visit(e); err != nil {
				return err
			}
		}
	}
	if last != h.position {
		return errEntryLost(last + 1)
	}
	return nil
}

// errEntryLost says that an entry that was given a position is not there.
func errEntryLost(position usage.Position) error {
	return fault.New(fault.Internal, "the database lacks entry %d: it is damaged; restore it from a backup", position)
}

// appendFacts appends each fact as an entry of its own.
func appendFacts(ctx context.Context, tx *sql.Tx, facts []usage.Fact, now time.Time) error {
	return telling(ctx, tx, now, func(t *teller) error { return t.tell(ctx, facts) })
}

// teller appends facts within one step. The row of the head is written once, at its end: engines that keep every version
// of a row until a transaction is over look through all of them for each.
type teller struct {
	tx   *sql.Tx
	now  time.Time
	head logHead

	many          bool                           // companies are put in this step
	installations map[string]usage.ServerID      // by folded id, of the servers that are there; nil: not asked for yet
	externalIDs   map[externalID]usage.CompanyID // of companies that are there, as far as they were asked for
}

// telling lets a step append facts.
func telling(ctx context.Context, tx *sql.Tx, now time.Time, step func(*teller) error) error {
	h, err := readLogHead(ctx, tx)
	if err != nil {
		return err
	}
	t := &teller{tx: tx, now: now, head: h}
	if err := step(t); err != nil || t.head.position == h.position {
		return err
	}
	return t.head.put(ctx, tx)
}

func (t *teller) tell(ctx context.Context, facts []usage.Fact) error {
	for _, f := range facts {
		if err := t.head.add(ctx, t.tx, series.KindFact, 0, t.now); err != nil {
			return err
		}
		f.Position = t.head.position
		if err := insertFact(ctx, t.tx, f); err != nil {
			return err
		}
	}
	return nil
}

func insertFact(ctx context.Context, tx *sql.Tx, f usage.Fact) error {
	_, err := tx.ExecContext(ctx, insertFactSQL, int64(f.Position),
		string(f.Subject), string(f.Attribute), f.Value, micros(f.ValidFrom), factSum(&f))
	return err
}

// checksum is kept beside what a row says: a figure must not rest on bits that flipped.
func checksum(parts ...string) int64 {
	room, _ := sumRooms.Get().(*[]byte)
	text := (*room)[:0]
	for _, part := range parts {
		text = append(append(strconv.AppendInt(text, int64(len(part)), 10), ':'), part...)
	}
	sum := crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
	*room = text
	sumRooms.Put(room)
	return int64(sum)
}

// sumRooms is where the text of a row is put together: there are many, and none lasts.
var sumRooms = sync.Pool{New: func() any { return new([]byte) }}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func factSum(f *usage.Fact) int64 {
	return checksum(number(int64(f.Position)), string(f.Subject), string(f.Attribute), f.Value, number(micros(f.ValidFrom)))
}

func errChecksum(table string, position usage.Position) error {
	return fault.New(fault.Internal, "the database is damaged: entry %d (%s) has a wrong checksum; restore it from a backup", position, table)
}

// scanFact takes values as what they are kept as: database/sql converts others by reflection, and there are many facts.
func scanFact(row scanner) (usage.Fact, error) {
	var from, sum int64
	var f usage.Fact
	if err := row.Scan((*int64)(&f.Position), (*string)(&f.Subject), (*string)(&f.Attribute), &f.Value, &from, &sum); err != nil {
		return f, err
	}
	f.ValidFrom = fromMicros(from)
	if factSum(&f) != sum {
		return f, errChecksum("dated fact", f.Position)
	}
	return f, nil
}

// SubjectFacts gives the entries of one subject and attribute in the order of their positions.
func (s *Store) SubjectFacts(ctx context.Context, subject usage.Subject, attribute usage.Attribute) (facts []usage.Fact, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		facts, err = subjectFacts(ctx, tx, subject, attribute)
		return err
	})
	return facts, err
}

func subjectFacts(ctx context.Context, tx *sql.Tx, subject usage.Subject, attribute usage.Attribute) ([]usage.Fact, error) {
	return collect(ctx, tx, scanFact, subjectFactsSQL, string(subject), string(attribute))
}

// RecordFacts appends facts in one transaction, if what was seen is still the last of its kind.
func (s *Store) RecordFacts(ctx context.Context, facts []usage.Fact, now time.Time, seen ...fleet.SeenFact) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, f := range seen {
			if err := lastIs(ctx, tx, f); err != nil {
				return err
			}
		}
		if err := appendFacts(ctx, tx, facts, now); err != nil {
			return err
		}
		return noted(ctx, tx, ofPolicy, now)
	})
}

// lastIs is fault.Meanwhile where another fact was recorded behind the one that was seen.
func lastIs(ctx context.Context, tx *sql.Tx, seen fleet.SeenFact) error {
	facts, err := subjectFacts(ctx, tx, seen.Subject, seen.Attribute)
	if n := len(facts); err == nil && n > 0 && facts[n-1].Position > seen.Last {
		err = fault.Meanwhile("the " + string(seen.Attribute))
	}
	return err
}

// head is the state that a reading transaction sees.
type head struct {
	ledger.Head
	fleet int64 // changes with every change of a company's or server's row
}

func readHead(ctx context.Context, tx *sql.Tx) (h head, err error) {
	h, found, err := first(ctx, tx, func(row scanner) (h head, err error) {
		m, err := scanMeta(row)
		h.Version, h.fleet, h.Fleet, h.Position = m.version, m.fleet, m.fleet, m.position
		if h.Position > 0 {
			h.RecordedAt = fromMicros(m.recorded)
		}
		return h, err
	}, headSQL)
	if err == nil && !found {
		return h, errHeadless()
	}
	return h, err
}

// Head gives the end of the ledger. Its Version changes with every change but log-ins, refreshes and log-outs.
func (s *Store) Head(ctx context.Context) (ledger.Head, error) {
	var h head
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		h, err = readHead(ctx, tx)
		return err
	})
	return h.Head, err
}

// PositionAt gives the position of the first entry with recordedAt >= t, or one past the end (C42).
func (s *Store) PositionAt(ctx context.Context, t time.Time) (at usage.Position, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		at, err = positionAt(ctx, tx, microsUp(t))
		return err
	})
	return at, err
}

func positionAt(ctx context.Context, tx *sql.Tx, recorded int64) (usage.Position, error) {
	h, err := readLogHead(ctx, tx)
	if err != nil || h.position == 0 || recorded > h.recorded {
		return h.position + 1, err
	}
	open, err := h.log.Entries()
	if err != nil {
		return 0, err
	}
	if recorded > open[0].Recorded {
		return firstFrom(open, recorded), nil
	}
	log, found, err := first(ctx, tx, proven(scanLog), logSinceSQL, recorded)
	switch {
	case err != nil:
		return 0, err
	case !found: // before the first of all
		return 1, nil
	}
	entries, err := log.Entries()
	return firstFrom(entries, recorded), err
}

// firstFrom gives the first entry recorded at an instant or later; one past the last where there is none.
func firstFrom(entries []series.Entry, recorded int64) (at usage.Position) {
	for _, e := range entries {
		at = e.Position
		if e.Recorded >= recorded {
			return at
		}
	}
	return at + 1
}

package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	gapsArrivedSQL = gapColumns + ` WHERE g.position > $1 ORDER BY g.position`
	gapAtSQL       = gapColumns + ` WHERE g.position = $1`
)

// arrivedMax is beyond how many entries they are not told apart any more.
const arrivedMax = 1 << 16

// Arrived gives those of the entries behind a position on which answers at an instant that is not after another may rest.
func (s *Store) Arrived(ctx context.Context, after usage.Position, until time.Time) (out ledger.Arrived, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		h, err := readHead(ctx, tx)
		out.To = h.Position
		if err != nil || h.Position <= after {
			return err
		}
		a := arriving{ctx: ctx, tx: tx, after: after, until: until, servers: make(map[usage.ServerID]bool)}
		if err := a.read(h.Position); err != nil {
			return err
		}
		v, err := s.projection.view(ctx, tx, h, time.Time{}, h.Position+1)
		if err != nil {
			return err
		}
		defer v.release()
		out.Entries = a.concern(v)
		return nil
	})
	return out, err
}

// arriving is one call of Arrived.
type arriving struct {
	ctx   context.Context //nolint:containedctx // it lives as long as one call
	tx    *sql.Tx
	after usage.Position
	until time.Time

	servers   map[usage.ServerID]bool // that have readings among the entries
	gapped    bool                    // there are gaps, corrections, dated facts among them
	corrected bool
	dated     bool

	found  []arrival
	facts  []usage.Fact
	mapped map[string][]usage.CompanyID // tenants; nil: not asked yet
}

// arrival is a reading or gap, or what revokes one.
type arrival struct {
	position usage.Position
	server   usage.ServerID
	from     time.Time
}

func (a *arriving) read(to usage.Position) error {
	err := entriesAfter(a.ctx, a.tx, a.after, func(e series.Entry) error {
		switch e.Kind {
		case series.KindSnapshot:
			a.servers[e.Server] = true
		case series.KindGap:
			a.gapped = true
		case series.KindCorrection:
			a.corrected = true
		case series.KindFact:
			a.dated = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, step := range []func(to usage.Position) error{a.readReadings, a.readGaps, a.readCorrections, a.readFacts} {
		if err := step(to); err != nil || a.full() {
			return err
		}
	}
	return nil
}

func (a *arriving) full() bool { return len(a.found) > arrivedMax }

func (a *arriving) add(position usage.Position, server usage.ServerID, from time.Time) {
	if !from.After(a.until) {
		a.found = append(a.found, arrival{position, server, from})
	}
}

func (a *arriving) readReadings(usage.Position) error {
	for _, server := range slices.Sorted(maps.Keys(a.servers)) {
		h, err := openHistory(a.ctx, a.tx, server)
		if err != nil {
			return atServer(err, server)
		}
		readings, err := h.ReadingsAfter(a.after)
		if err != nil {
			return atServer(err, server)
		}
		for _, r := range readings {
			a.add(r.Position, server, r.TakenAt)
		}
		if a.full() {
			return nil
		}
	}
	return nil
}

func (a *arriving) readGaps(usage.Position) error {
	if !a.gapped {
		return nil
	}
	gaps, err := collect(a.ctx, a.tx, proven(scanGap), gapsArrivedSQL, int64(a.after))
	for i := range gaps {
		a.add(gaps[i].position, gaps[i].server, gaps[i].At)
	}
	return err
}

// readCorrections: a correction tells of what it revokes.
func (a *arriving) readCorrections(to usage.Position) error {
	if !a.corrected {
		return nil
	}
	corrections, err := collect(a.ctx, a.tx, scanCorrection, correctionsAfterSQL, int64(a.after), int64(to))
	if err != nil {
		return err
	}
	for i := range corrections {
		c := &corrections[i]
		from, err := a.revoked(c)
		if err != nil {
			return err
		}
		a.add(c.position, c.server, from)
	}
	return nil
}

// revoked gives the instant of the reading or gap that a correction revokes.
func (a *arriving) revoked(c *correction) (time.Time, error) {
	gap, found, err := first(a.ctx, a.tx, proven(scanGap), gapAtSQL, int64(c.Entry))
	if err != nil || found {
		return gap.At, err
	}
	h, err := openHistory(a.ctx, a.tx, c.server)
	if err != nil {
		return time.Time{}, atServer(err, c.server)
	}
	readings, err := h.ReadingsAfter(c.Entry - 1)
	if err == nil && (len(readings) == 0 || readings[0].Position != c.Entry) {
		err = errEntryLost(c.Entry)
	}
	if err != nil {
		return time.Time{}, err
	}
	return readings[0].TakenAt, nil
}

func (a *arriving) readFacts(to usage.Position) (err error) {
	if a.dated {
		a.facts, err = collect(a.ctx, a.tx, scanFact, factsAfterSQL, int64(a.after), int64(to))
	}
	return err
}

// concern says whom it concerns.
func (a *arriving) concern(v view) []ledger.Arrival {
	if a.full() {
		return []ledger.Arrival{{Position: v.before - 1}}
	}
	of := v.concernedByServer()
	entries := make([]ledger.Arrival, 0, len(a.found)+len(a.facts))
	for _, f := range a.found {
		entries = append(entries, ledger.Arrival{Position: f.position, From: f.from, Companies: of(f.server)})
	}
	for i := range a.facts {
		f := &a.facts[i]
		if from := v.validFrom(f); !from.After(a.until) && !v.saysNothing(f, a.after) {
			entries = append(entries, ledger.Arrival{Position: f.Position, From: from, Companies: a.concernedBy(v, f.Subject, of)})
		}
	}
	slices.SortFunc(entries, func(a, b ledger.Arrival) int { return cmp.Compare(a.Position, b.Position) })
	return entries
}

// concernedByServer gives what tells whom a server concerns, and reckons it once.
func (v view) concernedByServer() func(usage.ServerID) []usage.CompanyID {
	known := make(map[usage.ServerID][]usage.CompanyID)
	return func(server usage.ServerID) []usage.CompanyID {
		companies, asked := known[server]
		if !asked {
			companies = v.concerned(map[usage.ServerID]bool{server: true})
			known[server] = companies
		}
		return companies
	}
}

// validFrom gives from when a fact is valid: the first of its attribute from the beginning of time (C38).
func (v view) validFrom(f *usage.Fact) time.Time {
	if all := v.dated(f.Subject, f.Attribute); len(all) > 0 && all[0].Position == f.Position {
		return time.Time{}
	}
	return f.ValidFrom
}

// saysNothing reports whether no answer rests on a fact: it says what no fact says, or it is of a server that was added
// behind a position, which tells of the past only by what is read of it.
func (v view) saysNothing(f *usage.Fact, after usage.Position) bool {
	if f.Attribute == usage.AttrRemoved && v.validFrom(f).IsZero() && f.Value != "true" {
		return true
	}
	added := v.dated(f.Subject, usage.AttrCompany)
	_, is := serverOf(f.Subject)
	return is && len(added) > 0 && added[0].Position > after
}

// concernedBy gives the companies whose answers can rest on what is said of a subject; nil: everybody's.
func (a *arriving) concernedBy(v view, subject usage.Subject, of func(usage.ServerID) []usage.CompanyID) []usage.CompanyID {
	if id, is := serverOf(subject); is {
		return of(id)
	}
	if _, name, is := subject.Tenant(); is {
		if a.mapped == nil {
			a.mapped = v.mapped()
		}
		return append([]usage.CompanyID{usage.Unassigned}, a.mapped[name]...) // whose it is otherwise (C30)
	}
	if company, is := companyOf(subject); is {
		return []usage.CompanyID{usage.Unassigned, company} // whose its tenants are when it is removed (C31)
	}
	return nil
}

// mapped gives, by the name of a tenant, the companies that it was ever mapped to, on any server, in their order.
func (v view) mapped() map[string][]usage.CompanyID {
	mapped := make(map[string][]usage.CompanyID)
	for _, company := range slices.Sorted(maps.Keys(v.p.tenantsOf)) {
		for _, s := range v.p.tenantsOf[company] {
			if _, name, _ := s.Tenant(); company >= usage.FirstCompany {
				mapped[name] = append(mapped[name], company)
			}
		}
	}
	return mapped
}

func companyOf(subject usage.Subject) (usage.CompanyID, bool) {
	id, is := strings.CutPrefix(string(subject), "company/")
	company := parseCompany(id)
	return company, is && company != 0
}

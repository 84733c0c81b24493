package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	factsAfterSQL = `SELECT position, subject, attribute, value, valid_from, checksum FROM facts
WHERE position > $1 AND position <= $2 ORDER BY position`
	correctionsAfterSQL = `SELECT position, entry, server, reason, actor, checksum FROM corrections
WHERE position > $1 AND position <= $2 ORDER BY position`
	registrySQL = ownColumns + `NULL, NULL FROM servers v ORDER BY v.id`
	// The rows that changed behind a state of the fleet.
	registryAfterSQL = ownColumns + `NULL, NULL FROM servers v WHERE v.changed > $1 ORDER BY v.changed`
)

// projection is what decides about attribution, kept in memory: all dated facts
// in the order of their positions, and what narrows a search. It only grows, as
// the ledger does; every question names its cutoff, so that newer entries in it
// never change an older answer.
type projection struct {
	mu       sync.RWMutex
	position usage.Position // everything up to here is in

	facts     map[factKey][]usage.Fact
	serversOf map[usage.CompanyID][]usage.ServerID // every server that ever belonged to it; 0: shared
	tenantsOf map[usage.CompanyID][]usage.Subject  // every tenant that was ever mapped to it
	corrected map[usage.ServerID][]revocation      // of its entries, in their order
	saidBy    map[string][]usage.ServerID          // every server that ever said this installation id
	saidOf    map[usage.ServerID][]string          // the same, the other way round
	readFrom  map[usage.ServerID]usage.Position    // the first reading of each server
	turns     []int64                              // from when facts are valid that are not the first of their attribute, sorted
	told      int                                  // how many facts there are

	fleet    int64 // the state of the rows below
	registry map[usage.ServerID]registered
	product  map[usage.Product][]usage.ServerID // every server of it that there ever was
}

type factKey struct {
	subject   usage.Subject
	attribute usage.Attribute
}

// registered is what is not dated about a server.
type registered struct {
	name    string
	product usage.Product
	read    bool // it has a connection
}

// view asks the projection as of an instant and a cutoff. It holds the
// projection for reading until it is released.
type view struct {
	p      *projection
	at     time.Time
	before usage.Position
}

func (v view) release() { v.p.mu.RUnlock() }

// viewNow gives a view of everything that the transaction sees.
func (s *Store) viewNow(ctx context.Context, tx *sql.Tx, now time.Time) (view, error) {
	h, err := readHead(ctx, tx)
	if err != nil {
		return view{}, err
	}
	return s.projection.view(ctx, tx, h, now, h.Position+1)
}

// view brings the projection up to the head and gives a view, to be released by the caller.
func (p *projection) view(ctx context.Context, tx *sql.Tx, h head, at time.Time, before usage.Position) (view, error) {
	p.mu.RLock()
	for p.position < h.Position || p.registry == nil || p.fleet < h.fleet {
		p.mu.RUnlock()
		if err := p.advance(ctx, tx, h); err != nil {
			return view{}, err
		}
		p.mu.RLock()
	}
	return view{p, at, before}, nil
}

// advance reads everything before it changes anything: a broken read leaves the projection as it was.
func (p *projection) advance(ctx context.Context, tx *sql.Tx, h head) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.registry == nil || p.fleet < h.fleet {
		if err := p.readRegistry(ctx, tx, h); err != nil {
			return err
		}
	}
	if p.position >= h.Position {
		return nil
	}
	after, upTo := int64(p.position), int64(h.Position)
	facts, err := collect(ctx, tx, scanFact, factsAfterSQL, after, upTo)
	if err != nil {
		return err
	}
	corrections, err := collect(ctx, tx, scanCorrection, correctionsAfterSQL, after, upTo)
	if err != nil {
		return err
	}
	if err := p.whole(ctx, tx, facts, corrections); err != nil {
		return err
	}
	if err := p.owned(facts); err != nil {
		return err
	}
	said, err := installationsAfter(ctx, tx, after, upTo)
	if err != nil {
		return err
	}
	p.init(len(facts))
	for _, f := range facts {
		p.addFact(f)
	}
	for i := range corrections {
		c := &corrections[i]
		p.corrected[c.server] = append(p.corrected[c.server], revocation{c.Entry, c.position})
	}
	for _, i := range said {
		p.saidBy[i.id] = append(p.saidBy[i.id], i.server)
		p.saidOf[i.server] = append(p.saidOf[i.server], i.id)
		if p.readFrom[i.server] == 0 {
			p.readFrom[i.server] = i.position
		}
	}
	p.position = h.Position
	return nil
}

// owned refuses facts that give away a server whose row is lost.
func (p *projection) owned(facts []usage.Fact) error {
	for i := range facts {
		if id, is := serverOf(facts[i].Subject); is && facts[i].Attribute == usage.AttrCompany {
			if _, there := p.registry[id]; !there {
				return fault.New(fault.Internal, "the database lacks server %s: it is damaged; restore it from a backup", id)
			}
		}
	}
	return nil
}

func (p *projection) init(facts int) {
	if p.facts != nil {
		return
	}
	p.facts = make(map[factKey][]usage.Fact, facts)
	p.serversOf = make(map[usage.CompanyID][]usage.ServerID)
	p.tenantsOf = make(map[usage.CompanyID][]usage.Subject)
	p.corrected = make(map[usage.ServerID][]revocation)
	p.saidBy = make(map[string][]usage.ServerID)
	p.saidOf = make(map[usage.ServerID][]string)
	p.readFrom = make(map[usage.ServerID]usage.Position)
}

// readRegistry reads the rows that changed since they were read last.
func (p *projection) readRegistry(ctx context.Context, tx *sql.Tx, h head) error {
	query, args := registryAfterSQL, []any{p.fleet}
	if p.registry == nil {
		query, args = registrySQL, nil
	}
	rows, err := collect(ctx, tx, proven(scanServer), query, args...)
	if err != nil {
		return err
	}
	if p.registry == nil {
		p.registry = make(map[usage.ServerID]registered, len(rows))
		p.product = make(map[usage.Product][]usage.ServerID)
	}
	p.fleet = h.fleet
	for i := range rows {
		r := &rows[i]
		if _, known := p.registry[r.ID]; !known {
			p.product[r.Product] = append(p.product[r.Product], r.ID)
		}
		p.registry[r.ID] = registered{r.Name, r.Product, r.Connection != nil}
	}
	return nil
}

func (p *projection) addFact(f usage.Fact) {
	p.told++
	key := factKey{f.Subject, f.Attribute}
	p.facts[key] = append(p.facts[key], f)
	if len(p.facts[key]) > 1 { // the first one is valid from the beginning of time (C38)
		turn := micros(f.ValidFrom)
		at, _ := slices.BinarySearch(p.turns, turn)
		p.turns = slices.Insert(p.turns, at, turn)
	}
	if f.Attribute != usage.AttrCompany {
		return
	}
	company := parseCompany(f.Value)
	for _, earlier := range p.facts[key][:len(p.facts[key])-1] {
		if parseCompany(earlier.Value) == company {
			return // it is in the lists below already
		}
	}
	if _, _, ok := f.Subject.Tenant(); ok {
		p.tenantsOf[company] = append(p.tenantsOf[company], f.Subject)
	} else if id, ok := serverOf(f.Subject); ok {
		p.serversOf[company] = append(p.serversOf[company], id)
	}
}

func serverOf(subject usage.Subject) (usage.ServerID, bool) {
	const prefix = "server/"
	if len(subject) <= len(prefix) || subject[:len(prefix)] != prefix {
		return 0, false
	}
	id, err := strconv.ParseInt(string(subject[len(prefix):]), 10, 64)
	return usage.ServerID(id), err == nil
}

// parseCompany reads the value of a company fact; what is no number is no company.
func parseCompany(value string) usage.CompanyID {
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0
	}
	return usage.CompanyID(id)
}

type pair[A, B any] struct {
	a A
	b B
}

func scanPair[A, B any](row scanner) (p pair[A, B], err error) {
	err = row.Scan(&p.a, &p.b)
	return p, err
}

// value gives what an attribute is at the view's instant among the facts before its cutoff (C38).
func (v view) value(subject usage.Subject, attribute usage.Attribute) (string, bool) {
	return usage.ValueAt(v.dated(subject, attribute), v.at)
}

// dated gives the values of an attribute before the view's cutoff.
func (v view) dated(subject usage.Subject, attribute usage.Attribute) []usage.Fact {
	facts := v.p.facts[factKey{subject, attribute}]
	return facts[:sort.Search(len(facts), func(i int) bool { return facts[i].Position >= v.before })]
}

// nextTurn gives the first instant after the view's from which a dated fact is valid; zero: none.
func (v view) nextTurn() time.Time {
	at, _ := slices.BinarySearch(v.p.turns, micros(v.at)+1)
	if at == len(v.p.turns) {
		return time.Time{}
	}
	return fromMicros(v.p.turns[at])
}

// company gives the company that a server or tenant belongs to; 0 where there is no fact.
func (v view) company(subject usage.Subject) usage.CompanyID {
	value, _ := v.value(subject, usage.AttrCompany)
	return parseCompany(value)
}

// owner gives a server's company, 0 for a shared one; ok is false where the server is not there before the cutoff.
func (v view) owner(id usage.ServerID) (company usage.CompanyID, ok bool) {
	value, ok := v.value(usage.ServerSubject(id), usage.AttrCompany)
	return parseCompany(value), ok
}

func (v view) removed(subject usage.Subject) bool {
	value, _ := v.value(subject, usage.AttrRemoved)
	return value == "true"
}

// present reports whether a server is there at the view's instant: added, and not removed.
func (v view) present(id usage.ServerID) bool {
	_, ok := v.owner(id)
	return ok && !v.removed(usage.ServerSubject(id))
}

func (v view) domain(id usage.ServerID) string {
	value, _ := v.value(usage.ServerSubject(id), usage.AttrDomain)
	return value
}

func (v view) authority(id usage.ServerID) metering.Authority {
	if value, ok := v.value(usage.ServerSubject(id), usage.AttrAuthority); ok {
		return metering.Authority(value)
	}
	return defaultAuthority
}

func (v view) interval(id usage.ServerID, read bool) time.Duration {
	value, _ := v.value(usage.ServerSubject(id), usage.AttrInterval)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return defaultInterval(read)
}

// tenant gives the company that a tenant of a shared server maps to: the server's own mapping before the one for
// any; Unassigned where there is none, or its company is removed (C30, C31). A mapping that was taken back is none.
func (v view) tenant(server usage.ServerID, name string) usage.CompanyID {
	company := v.company(usage.TenantSubject(server, name))
	if company < usage.FirstCompany {
		company = v.company(usage.TenantSubject(0, name))
	}
	if company < usage.FirstCompany || v.removed(usage.CompanySubject(company)) {
		return usage.Unassigned
	}
	return company
}

// revocation is a correction: which entry it revokes, and from which position on.
type revocation struct{ entry, by usage.Position }

// revoked gives the entries of a server that were revoked before a cutoff.
func (p *projection) revoked(id usage.ServerID, before usage.Position) map[usage.Position]bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var revoked map[usage.Position]bool
	for _, r := range p.corrected[id] {
		if r.by < before {
			if revoked == nil {
				revoked = make(map[usage.Position]bool)
			}
			revoked[r.entry] = true
		}
	}
	return revoked
}

// whole reports, as an error, dated facts and corrections that the log names and their tables lack: what rests on them
// would be answered otherwise.
func (p *projection) whole(ctx context.Context, tx *sql.Tx, facts []usage.Fact, corrections []correction) error {
	return entriesAfter(ctx, tx, p.position, func(e series.Entry) error {
		switch e.Kind {
		case series.KindFact:
			if len(facts) == 0 || facts[0].Position != e.Position {
				return errEntryLost(e.Position)
			}
			facts = facts[1:]
		case series.KindCorrection:
			if len(corrections) == 0 || corrections[0].position != e.Position {
				return errEntryLost(e.Position)
			}
			corrections = corrections[1:]
		default: // readings and gaps have places of their own
		}
		return nil
	})
}

// everRead reports whether a server had a reading at a position.
func (p *projection) everRead(id usage.ServerID, position usage.Position) bool {
	from, _ := p.firstRead(id)
	return from > 0 && from <= position
}

// firstRead gives the position of a server's first reading, 0 where there is none, among the entries up to known.
func (p *projection) firstRead(id usage.ServerID) (first, known usage.Position) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.readFrom[id], p.position
}

// registered reports whether a server has a row in a state of the fleet; false also where that is not the known one.
func (p *projection) registered(id usage.ServerID, fleet int64) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, there := p.registry[id]
	return there && p.fleet == fleet
}

package ledger

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Entry is one line of a server's history: a reading or a gap, and what became of it.
type Entry struct {
	Position   usage.Position
	RecordedAt time.Time
	At         time.Time   // takenAt, or when the reading that did not come about began
	Listed     bool        // a reading whose list was read (C27)
	Gap        *usage.Gap  // nil: a reading
	Revoked    *Revocation // nil: in force
}

// Revocation says who revoked an entry, when and why (C44).
type Revocation struct {
	Position   usage.Position // of the correction
	RecordedAt time.Time
	Reason     string
	Actor      string
}

// History is what an engine tells of the entries themselves.
type History interface {
	// Entries gives a server's readings and gaps from an instant until before another, by these instants, then by
	// position; revoked ones, too. NotFound: there is no such server.
	Entries(ctx context.Context, server usage.ServerID, from, until time.Time) ([]Entry, error)
	// Owners gives to whom what a server lists under a tenant belonged (C30, C31, C38), among the entries before a cutoff:
	// from the beginning of time on, one after the other. The tenant decides only while the server is shared. Nothing: the
	// server was not added before the cutoff.
	Owners(ctx context.Context, server usage.ServerID, tenant string, before usage.Position) ([]Ownership, error)
	// Look lets visit ask any number of questions about one state of the ledger, among the entries before a cutoff; each
	// history is read once for all of them. The view ends with visit, whose error is given.
	Look(ctx context.Context, before usage.Position, visit func(View) error) error
	// LookEach lets visit ask about one company after the other, all about one state of the ledger; a view ends with its
	// visit, and the first error ends it all. What is said to be asked for is read for many companies at once; everything
	// else can be asked for, too, and comes out the same.
	LookEach(ctx context.Context, ahead Ahead, visit func(usage.CompanyID, View) error) error
	// Arrived gives, by their positions, those of the entries behind a position on which answers at an instant that is not
	// after another may rest: it may name too many, and of very many it gives one that stands for all. Cheap where what
	// arrived tells of later.
	Arrived(ctx context.Context, after usage.Position, until time.Time) (Arrived, error)
	// Logged gives the entries behind a position in the order of their positions, at most so many. It may name too many companies.
	Logged(ctx context.Context, after usage.Position, limit int) ([]Logged, error)
}

// Kind is what an entry is.
type Kind string

// The kinds of entries.
const (
	KindSnapshot   Kind = "snapshot"
	KindGap        Kind = "gap"
	KindCorrection Kind = "correction"
	KindFact       Kind = "fact"
)

// Logged is an entry as the log of the whole ledger has it.
type Logged struct {
	Position   usage.Position
	RecordedAt time.Time
	Kind       Kind
	Server     usage.ServerID // whose reading or gap it is, or revokes; 0: a dated fact
	Gap        *usage.Gap     // of a gap
	Revokes    usage.Position // of a correction
	// Companies are those whose answers may rest on it, at whatever instant; AnyCompany: they may be everybody's.
	Companies  []usage.CompanyID
	AnyCompany bool
}

// Ahead says what will be asked for: about which companies, among the entries before a cutoff, and in which stretch of
// time.
type Ahead struct {
	Companies   []usage.CompanyID
	Before      usage.Position
	From, Until time.Time
}

// Arrived is what entries tell of the past.
type Arrived struct {
	To      usage.Position // the last entry that was looked at
	Entries []Arrival
}

// Arrival is an entry, and what it tells about: a reading of takenAt, a correction of what it revokes, a dated fact of
// all instants from its validFrom on (C38).
type Arrival struct {
	Position  usage.Position
	From      time.Time         // before it, no answer rests on the entry; zero: the beginning of time
	Companies []usage.CompanyID // whose answers may; nil: everybody's
}

// View is one state of the ledger, as of a cutoff. It is for one goroutine.
type View interface {
	// Facts gives what Store.Facts gives, but not how the servers were read.
	Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, error)
	// CoveredFacts gives all of it.
	CoveredFacts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time) (metering.Facts, error)
	// Lists gives what each server of a product that is not removed at an instant lists then, in the order in which they
	// were added, a shared one's as a whole; whichever company's they are.
	Lists(ctx context.Context, product usage.Product, at time.Time) (Lists, error)
	// Period gives what a server's readings and gaps in force say of a stretch of time. NotFound: there is no such server.
	Period(ctx context.Context, server usage.ServerID, from, until time.Time) (Period, error)
	// CatalogRows gives what a catalogue version has of the provider's own: a question of its own would wait for a
	// connection while this one holds one.
	CatalogRows(ctx context.Context, version string) (string, error)
	// Policy gives the dated values of an attribute of the policy, by their positions.
	Policy(ctx context.Context, attribute usage.Attribute) ([]usage.Fact, error)
}

// Lists is what all servers of a product list.
type Lists struct {
	Catalog string // catalogue version in force; empty: none was recorded yet
	Servers []ServerList
}

// ServerList is one server's. It has no snapshot where the server is unknown, and no list where it never gave one.
type ServerList struct {
	Owner usage.CompanyID // whose server it is; usage.Provider: it is shared
	metering.Server
}

// Period is how a server was read from an instant until before another.
type Period struct {
	Before *time.Time  // the takenAt of the last reading before it; nil: there is none
	Taken  []time.Time // the takenAt of each reading in it, in their order
	Gaps   []usage.Gap // by their instants, then by their reasons
}

// Ownership is who owned something from an instant on, until the next one's.
type Ownership struct {
	From    time.Time // the first one's is zero: the beginning of time
	Company usage.CompanyID
	Removed bool // the server was not there: nothing of it counts (C1)
}

// Owned tells whether a server belonged to a company at an instant, as far as is known now.
func (l *Ledger) Owned(ctx context.Context, server usage.ServerID, company usage.CompanyID) (func(time.Time) bool, error) {
	head, err := l.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := l.History.Owners(ctx, server, "", head.Position+1)
	return func(at time.Time) bool {
		mine := false
		for _, o := range owners {
			if o.From.After(at) {
				break
			}
			mine = o.Company == company
		}
		return mine
	}, err
}

package metering

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Tally is the result of counting one company and product at one instant.
type Tally struct {
	Company  usage.CompanyID
	Product  usage.Product
	At       time.Time  // T
	AsOf     *time.Time // the oldest reading in it; nil when there is none (C32)
	Complete bool       // no server is unknown or stale (C32)
	NoSource bool       // the provider has no server of this product (C32)
	Catalog  string     // catalogue version

	Rows    []Row    // catalogue order, then unit kind; never a row of zeros (C28)
	Servers []Source // every server of the facts, in their order
	Members []Member // every listed workload, by server, tenant and id
	Flags   []Flag   // what wants a person's eye
}

// Amount is a number of workloads and their units, an exact sum (C18).
type Amount struct {
	Count int64
	Units usage.Units
}

// Row is one (type, unit kind) of an answer. Rental, new and used are disjoint (C28).
type Row struct {
	Type   string // catalogue id, or catalog.UnknownType
	Unit   usage.UnitKind
	Rental Amount
	New    Amount
	Used   Amount
}

// Origin says which figure a server contributes (C21, C24).
type Origin string

// The origins. A server that is unknown contributes nothing.
const (
	FromReport Origin = "reported"
	FromList   Origin = "computed"
	FromNone   Origin = "none"
)

// Source is one server's contribution. The rows of all sources add up to the tally's.
type Source struct {
	Server   usage.ServerID
	Name     string
	TakenAt  *time.Time // of S; nil: unknown
	ListAt   *time.Time // of the list that was counted; nil: never gave one
	Unknown  bool
	Stale    bool
	Cloned   bool
	Cover    *Cover // how it was read this month; nil: nobody asked
	Origin   Origin
	Rows     []Row     // what it contributes
	Reported []Row     // C21-C23; nil without counters
	Computed []Row     // C1-C20; nil without a list
	Parted   []string  // the types of which both figures are there and are not the same, sorted (C25)
	Counters []Counted // what the reported rows were added up from, as the source orders them; like Members, for who asks
}

// State is the state of a workload at T (counting.md §2).
type State string

// The states C2 to C7; C1 (absent) never appears in a tally.
const (
	Revoked State = "revoked"
	Lapsed  State = "lapsed"
	Covered State = "covered"
	Rental  State = "rental"
	New     State = "new"
	Used    State = "used"
)

// Member is one listed workload with its state and the reason for it.
type Member struct {
	Server    usage.ServerID
	Key       usage.WorkloadKey
	Name      string
	Stated    string // the type as the source wrote it
	Type      string // catalogue id, or catalog.UnknownType
	State     State
	Rule      string // the number of the rule that decided: "C2" … "C7"
	Unit      usage.UnitKind
	Units     usage.Units // C16
	Weighed   Weighed     // where they come from
	First     *time.Time  // first protection (C9); nil: unknown
	Evidence  Evidence    // what it follows from
	NotFree   string      // used though first protected in T's month: why that month is not free, with the rules' numbers
	Last      *time.Time  // last protection as stated
	ChargedBy *MemberRef  // with state covered: the member that is charged instead (C4)
}

// WeighedBy says where units come from.
type WeighedBy string

// The ways to weigh a workload (C16, C19).
const (
	ByStatement WeighedBy = "stated"     // the source states its units
	ByObject    WeighedBy = "object"     // the catalogue's weight of one object
	BySize      WeighedBy = "size"       // the catalogue's weight of a block, for each whole block of its size
	ByDefault   WeighedBy = "by-default" // 1: neither says anything
)

// Weighed says where the units of a workload come from (C16, C17, C19).
type Weighed struct {
	By     WeighedBy
	Weight usage.Units // of one object or block; 0 where the source states units
	Blocks int64       // with BySize
	Size   usage.Units // GB as stated, of a type sold by size; else 0
	Block  usage.Units // GB of one block, with a size
	Why    string      // where something was assumed: in words
}

// Counted is one counter of the vendor's as it answers (C21 to C23).
type Counted struct {
	Stated string // the type as the source wrote it
	Type   string // catalogue id, or catalog.UnknownType
	Unit   usage.UnitKind
	Rental Amount
	New    Amount // as it answers: 0 where it was rolled
	Used   Amount
	Rolled bool // what was new was added to used (C22, C23)
}

// MemberRef points at a member.
type MemberRef struct {
	Server usage.ServerID
	Key    usage.WorkloadKey
}

// FlagKind classifies a flag.
type FlagKind string

// The flags of counting.md.
const (
	AssumedWeight  FlagKind = "assumed-weight"  // C16, C17: one per server and type
	UnknownType    FlagKind = "unknown-type"    // C19: one per server and type
	UnknownLicense FlagKind = "unknown-license" // C11: one per server
	ClonedServer   FlagKind = "cloned-server"   // C34: one per server
)

// Flag is something that a person should look at; it raises one alarm.
type Flag struct {
	Kind   FlagKind
	Server usage.ServerID
	Type   string // with AssumedWeight and UnknownType: the catalogue id or the stated name
	Text   string
}

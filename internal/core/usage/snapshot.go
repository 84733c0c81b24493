package usage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Snapshot is one complete reading of one server (counting.md §1). A workload
// that is not in it is not on that server any more.
type Snapshot struct {
	TakenAt  time.Time // our clock, UTC, when the reading started
	Product  Product
	Server   ServerFacts
	License  License
	ListsNew bool // whether the list names machines that are new this month (C9)

	// Workloads is the list; nil means "list not read" (C27), empty an empty server.
	Workloads []Workload
	// Counters are the vendor's own figures; none means "no counters" (C21).
	Counters []Counter
	Notes    []Note
}

// ServerFacts is what the server said of itself.
type ServerFacts struct {
	InstallationID string
	Name           string
	Version        string
	// ClockOffset is the server's clock minus ours at TakenAt; nil when not read.
	ClockOffset *time.Duration
}

// LicenseType is the vendor's word for the kind of a license; only "Rental" is decided on (C11).
type LicenseType string

// LicenseRental is the only license type with a *new* state (C11).
const LicenseRental LicenseType = "Rental"

// knownLicenseTypes are the words of vbr-rest.md §3.2 and rest-v2.md §3.3; others raise an alarm (C11).
var knownLicenseTypes = []LicenseType{
	LicenseRental, "Subscription", "Perpetual", "Evaluation", "NFR", "Promo", "Free", "Community", "Empty",
	"NotInstalled", "Trial", "Full",
}

// Free reports whether nothing is paid for a license of this type (C41).
func (t LicenseType) Free() bool {
	return slices.Contains([]LicenseType{"Evaluation", "Trial", "NFR", "Promo", "Free", "Community", "Empty", "NotInstalled"}, t)
}

// Known reports whether t is a license type that we have heard of.
func (t LicenseType) Known() bool { return slices.Contains(knownLicenseTypes, t) }

// UnitKind says what units are: Instances (also when the source states none) or Points.
type UnitKind string

// The unit kinds of counting.md §1.
const (
	Instances UnitKind = "Instances"
	Points    UnitKind = "Points"
)

// License is what a snapshot states of the server's license. Empty strings are "not stated".
type License struct {
	ID         string
	Type       LicenseType
	Edition    string
	Package    string
	Unit       UnitKind // never empty after validation: Instances when the source states none
	Status     string
	LicensedTo string
	SupportID  string
	ExpiresAt  *time.Time // the instance section's, else the only one; nil when not stated
	// SupportExpiresAt is when support ends, of merged licenses the earliest; nil when not stated.
	SupportExpiresAt *time.Time
	Licensed         *Units // total in the license

	// Sections are license facts that never make workloads or rows (C35).
	Sections []LicenseSection
}

// LicenseSection is one part of a license by unit of sale: "Socket", "Capacity" or "Instance" (C35).
type LicenseSection struct {
	Kind      string
	Licensed  Units // sockets, terabytes or instances
	Used      Units
	ExpiresAt *time.Time
}

// Workload is one protected thing on a server. Identity: (server, ID), on a shared server (server, Tenant, ID).
type Workload struct {
	ID        string
	Name      string
	Host      string
	Type      string // a catalogue id, an alias of one, or what the source calls it (C19)
	Platform  string
	MachineID string // links members of one machine (C12)

	Units  *Units // as stated; nil: the catalogue decides (C16)
	SizeGB *Units // protected size in GB, for types sold by size

	Tenant        string // on a shared server: whose it is, trimmed
	RentalCovered bool   // C5
	Revoked       bool   // C2

	FirstProtectedAt *time.Time // C9
	LastProtectedAt  *time.Time // C3
}

// WorkloadKey identifies a workload on its server (counting.md §1).
type WorkloadKey struct {
	Tenant string // empty unless the server is shared
	ID     string
}

// Compare orders by tenant, then id.
func (k WorkloadKey) Compare(o WorkloadKey) int {
	return cmp.Or(strings.Compare(k.Tenant, o.Tenant), strings.Compare(k.ID, o.ID))
}

// Key gives the identity of w on a server; tenants count only where the server is shared.
func (w *Workload) Key(shared bool) WorkloadKey {
	if shared {
		return WorkloadKey{w.Tenant, w.ID}
	}
	return WorkloadKey{ID: w.ID}
}

// Counter is one row of the vendor's own figures (C21, C22). Missing counts are 0; missing units are nil.
type Counter struct {
	Type        string
	Multiplier  *Units
	Used        int64
	New         int64
	Rental      int64
	Removed     int64
	UsedUnits   *Units
	NewUnits    *Units
	RentalUnits *Units
}

// Note is a remark of the collector about a reading.
type Note struct {
	Code string // "report-not-json", "totals-differ", …
	Text string
}

// NoteCountersMissing marks a reading that was accepted without counters after 48 hours of failing reports (C26).
const NoteCountersMissing = "counters-missing"

// Gap is a reading that should exist and does not, with its reason (counting.md §1, C33).
type Gap struct {
	At     time.Time // when the reading started
	Reason GapReason
	Text   string // in words, safe to show
}

// GapReason classifies a gap.
type GapReason string

// Why a reading did not come about.
const (
	GapUnreachable GapReason = "unreachable"   // no connection, or it broke
	GapTimeout     GapReason = "timeout"       // a deadline passed
	GapTLS         GapReason = "tls"           // the certificate is not the one that we trust
	GapRefused     GapReason = "login-refused" // user name, password or account
	GapDenied      GapReason = "denied"        // the account lacks the role
	GapUnsupported GapReason = "unsupported"   // too old for us
	GapServerFault GapReason = "server-error"  // 5xx or an answer that makes no sense
	GapIncomplete  GapReason = "incomplete"    // cut off, or a list that would not hold still
	GapPartial     GapReason = "partial"       // the report failed although there was one before (C26)
	GapBadReading  GapReason = "bad-reading"   // contradicts itself (C33) or is out of range
	GapClock       GapReason = "clock"         // our own clock is out (C45)
	GapCredential  GapReason = "credential"    // its sealed password cannot be opened, or its credential set is held back
	GapInterrupted GapReason = "interrupted"   // we were stopped
	GapOther       GapReason = "other"
)

// GapReasons lists them.
func GapReasons() []GapReason {
	return []GapReason{
		GapUnreachable, GapTimeout, GapTLS, GapRefused, GapDenied, GapUnsupported, GapServerFault, GapIncomplete, GapPartial, GapBadReading, GapClock, GapCredential,
		GapInterrupted, GapOther,
	}
}

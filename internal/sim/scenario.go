package sim

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Scenario is what a fleet of simulated servers is made of. It comes from Parse,
// from Demo or from code; Start validates it.
type Scenario struct {
	Seed      int64 // every id that is not written down follows from it
	Clock     ClockSpec
	Companies []Company // whose servers these are; the servers themselves do not use it
	Servers   []ServerSpec
}

// ClockSpec is the simulated time.
type ClockSpec struct {
	Start time.Time // zero: the wall clock when the fleet starts
	Speed float64   // simulated seconds a second; 0 stands still
}

// Company is a customer of the provider that owns servers of the scenario.
type Company struct {
	Name         string
	CloudTenants []string // the tenant names by which shared servers know it
}

// ServerSpec is one simulated server.
type ServerSpec struct {
	Name           string
	Company        string        // the company that it belongs to; empty for a shared one
	Product        usage.Product // ProductVBR if empty
	Shared         bool          // its workloads name their tenant
	Wire           Wire
	InstallationID string // derived from seed and name if empty
	Username       string // "Administrator" if empty
	Password       string
	Role           Role     // RoleAdmin if empty
	Grant          Grant    // by the wire if empty
	ExpiresIn      int      // seconds an access token lives; 3600 if 0
	Report         Report   // ReportJSON if empty
	Identity       Identity // IdentityID if empty
	ListsNew       bool     // the instances list names machines that are new this month, too
	TenantObjects  bool     // backups of Cloud Connect tenants show among the backup objects
	PageMax        int      // most rows of a page, whatever limit asks; 0: no ceiling
	Platform       string   // "Windows" or "Linux"; by the wire if empty
	UTCOffset      time.Duration
	ClockOffset    time.Duration // the server's clock minus the simulated time
	License        LicenseSpec
	Workloads      []WorkloadSpec
	Faults         []Fault
}

// Wire is the generation of a server: which revisions it serves and which build it says it is.
type Wire string

// The generations, vbr-rest.md §1.3.
const (
	Wire122 Wire = "12.2" // 1.1 only: no license path at all
	Wire123 Wire = "12.3" // 1.2: explicit nulls
	Wire130 Wire = "13.0" // up to 1.3-rev1: expiry dates at the root
	Wire131 Wire = "13.1" // up to 1.3-rev2: expiry dates inside the sections
)

// Role is what the account of a server may do.
type Role string

// The roles: license calls need the administrator (vbr-rest.md §0).
const (
	RoleAdmin  Role = "administrator"
	RoleViewer Role = "viewer"
)

// Grant is the spelling of grant_type that a server takes.
type Grant string

// The spellings (vbr-rest.md §0, row 4).
const (
	GrantLower       Grant = "lower"
	GrantBoth        Grant = "both"
	GrantCapitalised Grant = "capitalised"
)

// Report is how a server answers createReport.
type Report string

// The ways.
const (
	ReportJSON   Report = "json"
	ReportCSV    Report = "csv"
	ReportAbsent Report = "absent"
)

// Identity is which id of a backup object equals the instanceId of its license row (vbr-rest.md §8, row 1).
type Identity string

// The identities.
const (
	IdentityID       Identity = "id"
	IdentityObjectID Identity = "objectId"
	IdentityBiosUUID Identity = "biosUuid"
	IdentityNone     Identity = "none"
)

// LicenseSpec is the installed license.
type LicenseSpec struct {
	Type           string // "Rental"
	Edition        string // "EnterprisePlus"
	Package        string
	Units          usage.UnitKind // Instances if empty; decides the default multipliers
	Licensed       float64        // units in the instance section
	Multipliers    map[Kind]float64
	ID             string
	SupportID      string
	LicensedTo     string
	CloudConnect   string // "Disabled" if empty
	Expires        When
	SupportExpires When
	NoAutoUpdate   bool
	FreeAgents     bool // standalone agents may take instances
	Sockets        *SocketSpec
	Capacity       *CapacitySpec
}

// SocketSpec is the socket section of a license.
type SocketSpec struct {
	Licensed int
	Hosts    []SocketHost
	Package  string
}

// SocketHost is a host that takes sockets.
type SocketHost struct {
	Name    string
	Sockets int
	Cores   int
	Type    string // "vSphere" if empty
}

// CapacitySpec is the capacity section of a license.
type CapacitySpec struct {
	LicensedTB float64
}

// hasInstances reports whether the license has an instance section.
func (l *LicenseSpec) hasInstances() bool {
	return l.Licensed > 0 || l.Sockets == nil && l.Capacity == nil
}

// WorkloadSpec is one workload, or Count equal ones.
type WorkloadSpec struct {
	Name          string // with Count over 1 a pattern such as "web%02d", filled with 1, 2, …
	Count         int    // 1 if 0
	Kind          Kind
	Host          string // what hostName says; by the kind if empty
	Tenant        string // of a Cloud Connect kind: the tenant, said in hostName (inference)
	TypeText      string // what the row's type says instead of the kind's text
	Platform      string // what platformType says instead of the kind's
	SizeGB        float64
	Units         *float64       // of one object, instead of the multiplier
	First         When           // first restore point
	Last          When           // last restore point; zero: still protected
	Revoked       When           // the license is taken away; restore points stay
	Removed       When           // gone from the server with its backups
	Every         time.Duration  // between restore points; 24 h if 0
	At            *time.Duration // time of day (UTC) that the restore points fall on; nil: that of First
	RetentionDays int            // how long restore points are kept; 14 if 0
	InstanceID    string
	ObjectID      string
	MachineID     string // the BIOS UUID of an agent's machine
	Identity      Identity
	RentalCovered bool // a Cloud Connect backup under the tenant's own rental license
	Socket        bool // covered by the socket section: takes no instance
	Capacity      bool // covered by the capacity section: takes no instance
}

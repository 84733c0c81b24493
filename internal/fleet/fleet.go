package fleet

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Company is a customer of the provider.
type Company struct {
	ID        usage.CompanyID
	UID       string // GUID, lower case
	Name      string // unique without regard to case among companies that are not removed
	Enabled   bool   // a disabled company still counts (C31)
	CreatedAt time.Time
	RemovedAt *time.Time
	Profile   Profile
	Labels
	// Revision tells one state of the above from another; 0, to a change: whatever there is.
	Revision int64

	Tenants []Tenant // mappings in force now (C30)
}

// Tenant is a mapping of a tenant name, on one shared server or on any (0), to a company (C30).
type Tenant struct {
	Server usage.ServerID
	Name   string
}

// Server is one backup server that we read, or that is fed by import.
type Server struct {
	ID        usage.ServerID
	Name      string // unique without regard to case among servers that are not removed
	Product   usage.Product
	Company   usage.CompanyID // 0 where shared; the value now
	Shared    bool
	CreatedAt time.Time
	RemovedAt *time.Time

	// InstallationID is what it declared or what its latest reading said; empty before the first.
	InstallationID string
	// Cloned, of a server that is added: another one may have its installation id (C34). It is not kept.
	Cloned bool

	Domain    string // values now; their history is in the ledger
	Authority metering.Authority
	Interval  time.Duration

	Labels
	Connection *Connection // nil: fed by import only

	// Revision tells one state of name, removal, labels and connection from another; 0, to a change: whatever there is.
	Revision int64
}

// Connection is how a server is reached. Its password is sealed (secret).
type Connection struct {
	URL string // https://host:9419
	// Credential is the credential set with which it is logged in to; 0: with an account of its own. Of a server with a set,
	// a store gives the set's username and password, and takes neither.
	Credential CredentialID
	Username   string
	Sealed     []byte // the password, sealed for this server, or for the set
	TLS        TLS
	Revision   string // the API revision that answered last; empty before the first reading
}

// TLS says what we trust: the system's authorities when all is empty.
type TLS struct {
	CA          string // PEM of the authorities to trust instead
	Fingerprint string // SHA-256 of the leaf certificate, 64 lower-case hex digits
	Insecure    bool   // no verification; the administrator said so
}

// The default intervals between readings (C32).
const (
	IntervalRead     = 4 * time.Hour
	IntervalImported = 31 * 24 * time.Hour
)

// CompanyStore keeps companies. Every method is one transaction. Facts given to
// a method become ledger entries in that same transaction.
type CompanyStore interface {
	// AddCompany gives the company its ID (never reused) and stores it with its tenants. A name that is taken, or a tenant or an
	// external id that another company has, is a Conflict. NotFound: its profile names a record that is not there.
	AddCompany(ctx context.Context, c Company, facts []usage.Fact, now time.Time) (Company, error)
	// UpdateCompany replaces name, enabled, removal, profile and labels of the company that had the revision; tenants follow from
	// facts alone. fault.Meanwhile: it has another one by now. Conflict, NotFound: as with AddCompany; an external id that
	// it had before may stay what it is.
	UpdateCompany(ctx context.Context, c Company, facts []usage.Fact, now time.Time) error
	// PutCompanies adds those that have no ID yet and updates the others, each as AddCompany and UpdateCompany would: all of
	// them, or none. It gives their IDs.
	PutCompanies(ctx context.Context, puts []CompanyPut, now time.Time) ([]usage.CompanyID, error)
	// Company answers for a removed one too; NotFound when there never was one.
	Company(ctx context.Context, id usage.CompanyID) (Company, error)
	// Companies lists those not removed, by ID; without Unassigned. The list may be shared: it is only read.
	Companies(ctx context.Context) ([]Company, error)
}

// CompanyPut is a company as it is to be, with the facts that go with it and what the audit trail says.
type CompanyPut struct {
	Company Company
	Facts   []usage.Fact
	Action  string
	Detail  string
}

// ServerPut is CompanyPut for a server.
type ServerPut struct {
	Server Server
	Facts  func(usage.ServerID) []usage.Fact
	Action string
	Detail string
}

// ServerStore keeps servers. Every method is one transaction.
type ServerStore interface {
	// AddServer gives the server its ID (never reused). A taken name is a Conflict, and so is the installation id of another one
	// that is there, unless it is Cloned; NotFound: there is no such credential set. seal is called inside the transaction with
	// the new ID to seal the password; nil where there is none.
	AddServer(ctx context.Context, s Server, facts func(usage.ServerID) []usage.Fact, seal func(usage.ServerID) ([]byte, error), now time.Time) (Server, error)
	// UpdateServer replaces name, connection, labels and removal of the server that had the revision; dated attributes
	// follow from facts alone. fault.Meanwhile: it has another one by now.
	// NotFound: there is no such credential set.
	UpdateServer(ctx context.Context, s Server, facts []usage.Fact, now time.Time) error
	// PutServers adds those that have no ID yet and updates the others, each as AddServer and UpdateServer would: all of them,
	// or none. A new one has no password of its own. It gives their IDs.
	PutServers(ctx context.Context, puts []ServerPut, now time.Time) ([]usage.ServerID, error)
	// NoteRevision remembers the API revision that answered; it moves no figure.
	NoteRevision(ctx context.Context, id usage.ServerID, revision string) error
	// Server answers for a removed one too; NotFound when there never was one.
	Server(ctx context.Context, id usage.ServerID) (Server, error)
	// Servers lists those not removed, by ID.
	Servers(ctx context.Context) ([]Server, error)
	// InstalledAs lists those not removed whose InstallationID it is exactly, by ID; of an empty one, none.
	InstalledAs(ctx context.Context, installation string) ([]Server, error)
}

// SeenFact is the last fact of a subject and attribute that a change rests on; position 0: there was none.
type SeenFact struct {
	Subject   usage.Subject
	Attribute usage.Attribute
	Last      usage.Position
}

// PolicyStore keeps the dated facts of the whole installation.
type PolicyStore interface {
	// Facts gives the entries of one subject and attribute in the order of their positions.
	SubjectFacts(ctx context.Context, subject usage.Subject, attribute usage.Attribute) ([]usage.Fact, error)
	// RecordFacts appends facts. fault.Meanwhile: what was seen is not the last of its kind any more.
	RecordFacts(ctx context.Context, facts []usage.Fact, now time.Time, seen ...SeenFact) error
	// RecordCatalog makes a catalogue version count from now on, and keeps the rows of a provider's own that it is made of
	// (empty: none), for ever. Conflict: a version was recorded behind seen, or the version is there with other rows.
	RecordCatalog(ctx context.Context, version, rows string, seen usage.Position, now time.Time) error
	// CatalogRows gives what RecordCatalog kept under a version; NotFound: nothing.
	CatalogRows(ctx context.Context, version string) (string, error)
}

package statement

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/plan"
)

// Schema names the format of a statement in JSON.
const Schema = "tallystick.statement/v1"

// State is where a statement stands (C40).
type State string

// The states. Open is a month that is running, or was not drafted yet: nothing of it is kept.
const (
	Open     State = "open"
	Draft    State = "draft"
	Approved State = "approved"
	Final    State = "final"
)

// Key names a statement. Number 1 is a month's first; each that supersedes has the next one.
type Key struct {
	Company usage.CompanyID
	Month   usage.Month
	Number  int
}

// Statement is a company's statement of a month. Its JSON form is what is kept, and what an auditor gets.
type Statement struct {
	Schema      string          `json:"schema"`
	Company     usage.CompanyID `json:"company"`
	CompanyUID  string          `json:"companyUid"`
	CompanyName string          `json:"companyName"` // when it was drafted
	Month       string          `json:"month"`       // 2026-10
	Number      int             `json:"number"`
	Supersedes  int             `json:"supersedes,omitempty"` // the number of the one that it replaces
	State       State           `json:"state"`

	// Cutoff: entries at positions before it were counted (C36, C42). CutoffAt is when the last of them was recorded.
	Cutoff   usage.Position `json:"cutoff"`
	CutoffAt *time.Time     `json:"cutoffAt"`

	Content     Content      `json:"counted"`
	Adjustments []Adjustment `json:"adjustments"`
	Reasons     []Reason     `json:"reasons"`     // why it was approved in spite of its issues (C40)
	Unreviewed  bool         `json:"unreviewed"`  // approved by the clock
	Differences []Difference `json:"differences"` // to the one that it supersedes
	Trail       []Step       `json:"trail"`       // who did what, the oldest first

	// Priced is the plan that its month is priced with, kept when it became final; nil: it is not final, or became so before that was kept or without a plan.
	// It is not in the JSON form: whoever gets a bundle as evidence of usage is not told what customers pay.
	Priced *plan.State `json:"-"`
	// Revision counts how often it was kept; 0: not yet.
	Revision int64 `json:"-"`
}

// Content is what was counted: a function of the ledger before the cutoff, and of the month.
type Content struct {
	Zone    string    `json:"zone"`
	At      time.Time `json:"at"`    // the last instant of the month in the zone: of computed figures
	AtUTC   time.Time `json:"atUtc"` // and in UTC: of reported ones (C36)
	Catalog string    `json:"catalog"`
	Rows    []Row     `json:"rows"`    // by product, in catalogue order, then by unit kind
	Classes []Class   `json:"classes"` // the same rows, apart by whose licenses they are of (C41)
	Servers []Server  `json:"servers"`
	Issues  []Issue   `json:"issues"`
	// Workloads is how many are listed behind the rows, and Digest the SHA-256 of what is said of them (Workloads, in JSON).
	Workloads int    `json:"workloads"`
	Digest    string `json:"workloadsSha256"`
}

// Amount is a number of workloads and their units.
type Amount struct {
	Count int64       `json:"count"`
	Units usage.Units `json:"units"`
}

// RowKey names a row of a statement.
type RowKey struct {
	Product usage.Product  `json:"product"`
	Type    string         `json:"type"`
	Unit    usage.UnitKind `json:"unit"`
}

// Row is one row as it was counted. Used is billed, unless adjustments take from it; New is listed, not billed (C36).
type Row struct {
	RowKey
	Used   Amount `json:"used"`
	New    Amount `json:"new"`
	Rental Amount `json:"rental"`
	// PeakAt is the instant at which the most were used, where that is what counts (C37).
	PeakAt *time.Time `json:"peakAt"`
	// PeakLicense, of a server's row, is what its license was then; absent: it is the one of the server.
	PeakLicense *License `json:"peakLicense,omitempty"`
}

// LicenseClass says whose license a server has (C41).
type LicenseClass string

// The classes.
const (
	Provider LicenseClass = "provider"
	Foreign  LicenseClass = "foreign" // the licensee is none of the provider's names
	Free     LicenseClass = "free"    // free, evaluation and the like: nothing is paid for it
)

// Class is what servers with licenses of one class contribute to the rows.
type Class struct {
	Class LicenseClass `json:"class"`
	Rows  []Row        `json:"rows"`
}

// Issue is something for which approving needs a reason (C40).
type Issue struct {
	Key  string `json:"key"` // "unknown/7", "stale/7", "unassigned", "unknown-type/7/QuantumMachine", "assumed-weight/7/VBR_Server_Agent"
	Text string `json:"text"`
}

// Reason is why a statement was approved in spite of an issue.
type Reason struct {
	Issue string `json:"issue"`
	Text  string `json:"text"`
}

// Adjustment takes from what is billed of a row (C39).
type Adjustment struct {
	Number int `json:"number"` // within the statement, from 1; never given twice
	RowKey
	Workloads []Ref      `json:"workloads"` // those that are not billed; empty: so many, all of equal units
	Amount    Amount     `json:"amount"`
	Servers   []AmountOf `json:"servers,omitempty"` // the same by server, where workloads of several are named
	Reason    string     `json:"reason"`
	Actor     string     `json:"actor"`
	At        time.Time  `json:"at"`
}

// AmountOf is an amount of one server.
type AmountOf struct {
	Server usage.ServerID `json:"server"`
	Amount
}

// Ref names a workload.
type Ref struct {
	Server usage.ServerID `json:"server"`
	Tenant string         `json:"tenant,omitempty"`
	ID     string         `json:"id"`
}

func refOf(m *metering.Member) Ref { return Ref{m.Server, m.Key.Tenant, m.Key.ID} }

// Difference is by how much a row differs from that of the superseded statement.
type Difference struct {
	RowKey
	Before Billing `json:"before"`
	After  Billing `json:"after"`
}

// Billing is what is said of a row in figures.
type Billing struct {
	Used   Amount `json:"used"`
	New    Amount `json:"new"`
	Rental Amount `json:"rental"`
	Billed Amount `json:"billed"`
}

// Step is one thing that was done with a statement.
type Step struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Did   string    `json:"did"`
	Text  string    `json:"text,omitempty"` // a reason, or what changed
}

// Key gives its name.
func (s *Statement) Key() Key {
	month, _ := usage.ParseMonth(s.Month)
	return Key{s.Company, month, s.Number}
}

// Billed gives what is billed of a row: what was used, less what adjustments take.
func (s *Statement) Billed(row RowKey) Amount {
	var billed Amount
	for i := range s.Content.Rows {
		if s.Content.Rows[i].RowKey == row {
			billed = s.Content.Rows[i].Used
		}
	}
	for i := range s.Adjustments {
		if a := &s.Adjustments[i]; a.RowKey == row {
			billed = Amount{billed.Count - a.Amount.Count, billed.Units - a.Amount.Units}
		}
	}
	return billed
}

// Missing gives the issues for which it has no reason.
func (s *Statement) Missing() (missing []Issue) {
	said := make(map[string]bool, len(s.Reasons))
	for _, r := range s.Reasons {
		said[r.Issue] = true
	}
	for _, i := range s.Content.Issues {
		if !said[i.Key] {
			missing = append(missing, i)
		}
	}
	return missing
}

// Encode gives the JSON form: the same statement gives the same bytes.
func (s *Statement) Encode() ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		err = fault.Wrap(err, fault.Internal, "a statement cannot be written down")
	}
	return body, err
}

// Decode reads what Encode wrote. Internal: it is none.
func Decode(body []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(body, &s); err != nil || s.Schema != Schema {
		return s, fault.Wrap(err, fault.Internal, "what is kept of a statement is none of schema %s", Schema)
	}
	for i := range s.Adjustments { // kept before they had numbers
		if s.Adjustments[i].Number == 0 {
			s.Adjustments[i].Number = i + 1
		}
	}
	return s, nil
}

// FindRow finds the row that a person means: the unit kind need not be named where there is one, and letter case does not matter. A row
// that is not there comes back as it was asked for. Invalid: it may be two.
func (s *Statement) FindRow(meant RowKey) (RowKey, error) {
	key, found := meant, 0
	for _, r := range s.Content.Rows {
		if r.Product == meant.Product && strings.EqualFold(r.Type, meant.Type) && (meant.Unit == "" || r.Unit == meant.Unit) {
			key, found = r.RowKey, found+1
		}
	}
	if found > 1 {
		return meant, fault.InvalidFields("the row is not clear", []fault.Field{{Path: "unit", Text: "is needed: there are rows in Instances and in Points"}})
	}
	return key, nil
}

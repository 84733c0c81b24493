package sim

import (
	"slices"
	"sync"
	"time"
)

// FaultKind is one way in which a server misbehaves.
type FaultKind string

// The kinds of faults. docs/scenario.md shows each with its keys.
const (
	FaultUnreachable     FaultKind = "unreachable"      // connections are reset before TLS
	FaultHangUp          FaultKind = "hang-up"          // the request is read and the connection closed
	FaultLoginRefused    FaultKind = "login-refused"    // 401 AccessDenied on the token call
	FaultMFA             FaultKind = "mfa"              // the same, as an account with MFA is answered
	FaultTokenRejected   FaultKind = "token-rejected"   // every call with a token: 401, empty body
	FaultTokenRevoked    FaultKind = "token-revoked"    // the token dies mid-way, once: 401, empty body
	FaultServerError     FaultKind = "server-error"     // status (500) with the error object
	FaultCutBody         FaultKind = "cut-body"         // half a body; mode length, chunked or clean
	FaultSlow            FaultKind = "slow"             // delay before the answer
	FaultDrip            FaultKind = "drip"             // the body comes in crumbs, delay between them
	FaultShrinkingList   FaultKind = "shrinking-list"   // a row is gone when the next page is read
	FaultWrongClock      FaultKind = "wrong-clock"      // the server's clock is off by offset
	FaultReportCSV       FaultKind = "report-csv"       // CSV text in place of the JSON report
	FaultReportTimeout   FaultKind = "report-timeout"   // createReport does not answer
	FaultReportError     FaultKind = "report-error"     // createReport: 500
	FaultUnknownType     FaultKind = "unknown-type"     // the first counted workload gets a type that nobody knows
	FaultUnknownLicense  FaultKind = "unknown-license"  // a license type that nobody knows
	FaultSameID          FaultKind = "same-id"          // one row twice; mode identical or differing
	FaultNewInstallation FaultKind = "new-installation" // another installation id, as after a reinstallation
	FaultHugeBody        FaultKind = "huge-body"        // a body that hardly ends
	FaultHTML            FaultKind = "html"             // a web page in place of JSON
	FaultLicenseDenied   FaultKind = "license-denied"   // 403 on the license calls
	FaultAbsurdNumbers   FaultKind = "absurd-numbers"   // mode negative, nan, bare-nan, text or huge
	FaultNoLicense       FaultKind = "no-license"       // no license is installed
)

// Fault is one misbehaviour, from and to in simulated time.
type Fault struct {
	Kind   FaultKind
	From   When          // zero: from the start
	To     When          // zero: for good; the instant itself is outside
	Path   string        // the endpoint, such as "license/instances"; empty: as the kind has it
	Mode   string        // a variant
	Status int           // of server-error; 500 if 0
	Delay  time.Duration // of slow, drip and report-timeout
	Offset time.Duration // of wrong-clock
	Bytes  int64         // of huge-body; 64 MiB if 0
	Text   string        // the unknown type or license type
	After  int           // how many requests pass before it strikes
	Times  int           // how often it strikes; 0: as the kind has it, -1: always
}

// faultRow is what a kind of fault takes.
type faultRow struct {
	kind  FaultKind
	path  string        // where it strikes unless the fault says it; "" everywhere
	at    bool          // path may be said
	modes []string      // the first is the default
	times int           // default of Times; 0 always
	delay time.Duration // default of Delay, where there is one
	text  string        // default of Text
}

var faultRows = []faultRow{
	{kind: FaultUnreachable},
	{kind: FaultHangUp, at: true},
	{kind: FaultLoginRefused},
	{kind: FaultMFA},
	{kind: FaultTokenRejected},
	{kind: FaultTokenRevoked, times: 1},
	{kind: FaultServerError, at: true},
	{kind: FaultCutBody, at: true, modes: []string{"length", "chunked", "clean"}},
	{kind: FaultSlow, at: true, delay: 30 * time.Second},
	{kind: FaultDrip, at: true, delay: time.Second},
	{kind: FaultShrinkingList, at: true, path: "license/instances", times: 1},
	{kind: FaultWrongClock},
	{kind: FaultReportCSV},
	{kind: FaultReportTimeout, delay: 10 * time.Minute},
	{kind: FaultReportError},
	{kind: FaultUnknownType, text: "QuantumMachine"},
	{kind: FaultUnknownLicense, text: "Barter"},
	{kind: FaultSameID, modes: []string{"identical", "differing"}},
	{kind: FaultNewInstallation},
	{kind: FaultHugeBody, at: true, path: "license/instances"},
	{kind: FaultHTML, at: true},
	{kind: FaultLicenseDenied},
	{kind: FaultAbsurdNumbers, at: true, modes: []string{"negative", "nan", "bare-nan", "text", "huge"}},
	{kind: FaultNoLicense},
}

func faultRowOf(k FaultKind) *faultRow {
	for i := range faultRows {
		if faultRows[i].kind == k {
			return &faultRows[i]
		}
	}
	return nil
}

// armed is a fault of a running server.
type armed struct {
	Fault
	from, to time.Time
	set      bool // by SetFault, not by the scenario
	seen     int  // requests that it could have struck
}

func arm(f Fault, start time.Time, set bool) *armed {
	row := faultRowOf(f.Kind)
	if f.Path == "" {
		f.Path = row.path
	}
	if f.Mode == "" && len(row.modes) > 0 {
		f.Mode = row.modes[0]
	}
	if f.Times == 0 {
		f.Times = row.times
	}
	if f.Delay == 0 {
		f.Delay = row.delay
	}
	if f.Text == "" {
		f.Text = row.text
	}
	if f.Bytes == 0 {
		f.Bytes = 64 << 20
	}
	if f.Status == 0 {
		f.Status = 500
	}
	return &armed{Fault: f, from: f.From.resolve(start), to: f.To.resolve(start), set: set}
}

func (a *armed) activeAt(t time.Time) bool {
	return (a.from.IsZero() || !t.Before(a.from)) && (a.to.IsZero() || t.Before(a.to))
}

// faults are the faults of one server.
type faults struct {
	mu   sync.Mutex
	list []*armed
}

// add arms a fault; one of the same kind and path that was set before is replaced.
func (f *faults) add(a *armed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(o *armed) bool {
		return o.set && a.set && o.Kind == a.Kind && o.Path == a.Path
	})
	f.list = append(f.list, a)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(o *armed) bool { return o.set })
}

// on finds a fault that is a state of the server at t, whoever asks.
func (f *faults) on(kind FaultKind, t time.Time) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.Kind == kind && a.activeAt(t) {
			return a.Fault, true
		}
	}
	return Fault{}, false
}

// strike finds a fault that hits a request for this endpoint at t, and counts the request.
func (f *faults) strike(kind FaultKind, endpoint string, t time.Time) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.Kind != kind || !a.activeAt(t) || a.Path != "" && a.Path != endpoint {
			continue
		}
		a.seen++
		if a.seen > a.After && (a.Times <= 0 || a.seen <= a.After+a.Times) {
			return a.Fault, true
		}
	}
	return Fault{}, false
}

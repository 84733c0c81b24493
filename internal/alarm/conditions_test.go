package alarm_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

const (
	staleName    = "Stale figures"
	expiringName = "License expiration"
	exceededName = "License exceeded"
)

// passes lets time pass, in which nothing is read.
func (b *bench) passes(at time.Time) {
	b.t.Helper()
	b.at = at
	if err := b.alarms.CheckAll(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// event gives the only event.
func (b *bench) event() alarm.Event {
	b.t.Helper()
	events := b.events()
	if len(events) != 1 {
		b.t.Fatalf("%d events: %+v", len(events), events)
	}
	return events[0]
}

// C32: a reading is stale after three times the interval, for as long as no later one comes; what is late or there already
// does not end it, and a clock that goes back neither ends it nor begins it again.
func TestStale(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i", Interval: time.Hour})
	b.says(s, noon, nil, oneVM)
	b.passes(noon.Add(3 * time.Hour))
	b.want()
	late := noon.Add(3*time.Hour + time.Microsecond)
	b.passes(late)
	b.want(staleName)
	b.passes(late.Add(9 * time.Hour))
	b.passes(noon.Add(time.Minute)) // the clock went back
	b.check()
	b.want(staleName)
	for _, taken := range []time.Time{noon, noon.Add(-time.Hour)} { // a duplicate, and a late one
		now := late.Add(10 * time.Hour)
		b.at = taken
		b.append(s, nil, oneVM)
		b.at = now
		b.check()
		b.want(staleName)
	}
	if e := b.event(); e.RepeatCount != 1 || !e.At.Equal(late) || e.Status != alarm.StatusWarning {
		t.Errorf("%+v", e)
	}
	b.says(s, late.Add(11*time.Hour), nil, oneVM)
	b.want()
	b.passes(late.Add(24 * time.Hour))
	b.want(staleName)
	if e := b.event(); e.RepeatCount != 2 {
		t.Errorf("%+v", e)
	}
}

// A server that was never read turns stale after it was added.
func TestStaleFromTheBeginning(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i", Interval: time.Hour})
	b.passes(noon.Add(3 * time.Hour))
	b.want()
	b.passes(noon.Add(4 * time.Hour))
	b.want(staleName)
	b.says(s, b.at, nil, oneVM)
	b.want()
}

// An expiry is one event that is told anew 30, 14, 7 and 1 days before, and behind it; a later end resolves it.
func TestExpiring(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	end := noon.AddDate(0, 0, 40)
	sockets := end.AddDate(0, 0, 15)
	b.license = usage.License{Type: "Subscription", ExpiresAt: &end, Sections: []usage.LicenseSection{
		{Kind: "Socket", ExpiresAt: &sockets}, {Kind: "Instance", ExpiresAt: &end},
	}}
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i", Interval: 100 * 24 * time.Hour})
	b.says(s, noon, nil)
	b.want()
	for _, step := range []struct {
		daysBefore int
		status     alarm.Status
		words      string
	}{
		{30, "Information", "within 30 days"},
		{15, "Information", "within 30 days"},
		{14, "Warning", "within 14 days"},
		{8, "Warning", "within 14 days"},
		{7, "Warning", "within 7 days"},
		{1, "Error", "within a day"},
		{3, "Error", "within a day"}, // the clock went back
		{0, "Error", "the license of VBR01 ended at 2026-11-29 12:00 UTC"},
	} {
		b.passes(end.AddDate(0, 0, -step.daysBefore))
		events := b.events()
		if e := events[0]; e.Status != step.status || !strings.Contains(e.Message, step.words) || e.RepeatCount != 1 {
			t.Errorf("%d days before: %+v", step.daysBefore, e)
		}
	}
	b.want(expiringName, expiringName+" Socket")
	renewed := end.AddDate(1, 0, 0)
	b.license = usage.License{Type: "Subscription", ExpiresAt: &renewed}
	b.says(s, b.at, nil)
	b.want()
}

// The end of support is told as that of a license is.
func TestSupportExpiring(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	end := noon.AddDate(0, 0, 31)
	b.license = usage.License{Type: "Perpetual", SupportExpiresAt: &end}
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i", Interval: 100 * 24 * time.Hour})
	b.says(s, noon, nil)
	b.want()
	b.passes(end.AddDate(0, 0, -30))
	b.want("Support expiration")
	if e := b.event(); e.Status != alarm.StatusInformation {
		t.Errorf("%+v", e)
	}
	b.passes(end)
	if e := b.event(); e.Status != alarm.StatusError || e.Message != "the support of VBR01 ended at 2026-11-20 12:00 UTC" || e.RepeatCount != 1 {
		t.Errorf("%+v", e)
	}
	b.license = usage.License{Type: "Perpetual"}
	b.says(s, b.at, nil)
	b.want()
}

// The allowances of the vendor, by product and type of license.
func TestExceeded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		product  usage.Product
		license  usage.LicenseType
		licensed int64
		used     int
		want     alarm.Status // empty: nothing
	}{
		{"what is licensed", "vbr", "Perpetual", 10, 10, ""},
		{"perpetual: nothing beyond", "vbr", "Perpetual", 10, 11, "Error"},
		{"an unknown one: nothing beyond", "vbr", "NFR", 10, 11, "Error"},
		{"subscription: 5 in silence", "vbr", "Subscription", 10, 15, ""},
		{"subscription: 10 with a warning", "vbr", "Subscription", 10, 20, "Warning"},
		{"subscription: 11", "vbr", "Subscription", 10, 21, "Error"},
		{"subscription: 5 % in silence", "vbr", "Subscription", 200, 210, ""},
		{"subscription: 10 % with a warning", "vbr", "Subscription", 200, 220, "Warning"},
		{"subscription: more than 10 %", "vbr", "Subscription", 200, 221, "Error"},
		{"rental: 10 in silence", "vbr", "Rental", 10, 20, ""},
		{"rental: 20 with a warning", "vbr", "Rental", 10, 30, "Warning"},
		{"rental: 21", "vbr", "Rental", 10, 31, "Error"},
		{"Cloud Connect", "cloudConnect", "Rental", 10, 30, "Warning"},
		{"Cloud Connect is not sold by subscription", "cloudConnect", "Subscription", 10, 11, "Error"},
		{"console: from the first one on", "console", "Rental", 10, 11, "Warning"},
		{"console: 20 %", "console", "Rental", 10, 12, "Warning"},
		{"console: 30 %", "console", "Rental", 10, 13, "Error"},
		{"console: 20 % of a subscription", "console", "Subscription", 10, 12, "Error"},
		{"sold by something else", "vbr", "Perpetual", 0, 7, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			licensed := usage.Units(test.licensed) * usage.One
			b.license = usage.License{Type: test.license, Licensed: &licensed}
			s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i", Product: test.product})
			for range 2 {
				b.says(s, b.at.Add(time.Minute), nil, whole(test.used)...)
			}
			if test.want == "" {
				b.want()
				return
			}
			b.want(exceededName)
			if e := b.event(); e.Status != test.want || e.RepeatCount != 1 {
				t.Errorf("%+v", e)
			}
			b.says(s, b.at.Add(time.Minute), nil, whole(1)...)
			b.want()
		})
	}
}

// whole are workloads of one unit each.
func whole(n int) []usage.Workload {
	list := make([]usage.Workload, n)
	one := usage.One
	for i := range list {
		list[i] = usage.Workload{ID: strconv.Itoa(i), Name: "m", Type: "VBR_vSphere_VM", Units: &one}
	}
	return list
}

// What was new in the month before may be used beside what a rental license allows.
func TestExceededByWhatWasNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	licensed := 10 * usage.One
	b.license = usage.License{Type: usage.LicenseRental, Licensed: &licensed}
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	came := noon.AddDate(0, 0, -5)
	list := whole(35)
	for i := range 10 {
		list[i].FirstProtectedAt = &came
	}
	b.says(s, noon, nil, list...)
	if e := b.event(); e.Status != alarm.StatusWarning { // 25 used, 10 new
		t.Errorf("%+v", e)
	}
	b.says(s, noon.AddDate(0, 0, 15), nil, list...) // 35 used, of which 10 were new in October: 40 are allowed
	if e := b.event(); e.Status != alarm.StatusWarning {
		t.Errorf("%+v", e)
	}
	b.says(s, noon.AddDate(0, 0, 45), nil, list...) // and in December 30
	if e := b.event(); e.Status != alarm.StatusError {
		t.Errorf("%+v", e)
	}
}

// Nothing is allowed beyond what is sold by socket or capacity.
func TestSectionsExceeded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	uses := func(used int64) {
		b.license = usage.License{Type: "Perpetual", Sections: []usage.LicenseSection{
			{Kind: "Socket", Licensed: 4 * usage.One, Used: usage.Units(used) * usage.One}, {Kind: "Instance", Licensed: usage.One, Used: 2 * usage.One},
		}}
		b.says(s, b.at.Add(time.Minute), nil)
	}
	uses(4)
	b.want()
	uses(5)
	b.want(exceededName + " Socket")
	uses(4)
	b.want()
}

// Every condition that a reading brings about is one event, however often it is read and in whatever order; it ends with a
// reading that is in order.
func TestOneEventEach(t *testing.T) {
	t.Parallel()
	offset := 6 * time.Minute
	for name, spoil := range map[string]func(*usage.Snapshot){
		"Unknown license type":   func(s *usage.Snapshot) { s.License.Type = "Odd" },
		"License report missing": func(s *usage.Snapshot) { s.Notes = []usage.Note{{Code: usage.NoteCountersMissing, Text: "timeout"}} },
		"Server clock offset":    func(s *usage.Snapshot) { s.Server.ClockOffset = &offset },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			server := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
			read := func(taken time.Time, spoil func(*usage.Snapshot)) {
				t.Helper()
				s := usage.Snapshot{
					TakenAt: taken, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "VBR01"},
					License: usage.License{Type: "Perpetual"}, Workloads: []usage.Workload{},
				}
				spoil(&s)
				if _, err := b.ledger.AppendSnapshot(t.Context(), server.ID, false, s); err != nil {
					t.Fatal(err)
				}
				b.check()
			}
			right := func(*usage.Snapshot) {}
			read(noon, right)
			read(noon.Add(-time.Hour), spoil) // a late one, before the one in order
			b.want()
			first := noon.Add(time.Minute)
			for _, taken := range []time.Time{first, first, first.Add(time.Minute), first.Add(time.Second)} {
				read(taken, spoil)
				b.want(name)
			}
			read(first.Add(2*time.Second), right) // a late one in order, before the spoilt one
			b.want(name)
			read(first.Add(4*time.Minute), right)
			b.want()
			if e := b.event(); e.RepeatCount != 1 {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A server that is lost is one event until it is read again, however many gaps there are; a gap that is told of later, from
// before a reading, is none.
func TestOneEventForManyGaps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	gap := func(at time.Time, text string) {
		t.Helper()
		if _, err := b.ledger.AppendGap(t.Context(), s.ID, usage.Gap{At: at, Reason: usage.GapTimeout, Text: text}); err != nil {
			t.Fatal(err)
		}
		b.check()
	}
	b.says(s, noon, nil)
	for minute := range 5 {
		b.at = noon.Add(time.Duration(minute+1) * time.Minute)
		gap(b.at, strconv.Itoa(minute))
		gap(b.at, strconv.Itoa(minute)) // twice
		b.want("Backup server connection state")
	}
	b.at = noon // the clock went back
	b.check()
	b.want("Backup server connection state")
	b.says(s, noon.Add(10*time.Minute), nil)
	b.want()
	gap(noon.Add(9*time.Minute), "late")
	b.want()
	if e := b.event(); e.RepeatCount != 1 || !e.FirstAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v", e)
	}
}

// Another installation id is an alarm until the next reading with it; a reading that is there already ends nothing.
func TestNewInstallation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	b.says(s, noon, nil)
	other := s
	other.InstallationID = "other"
	for range 2 {
		b.says(other, noon.Add(time.Minute), nil)
		b.want("Installation id changed")
	}
	b.says(other, noon.Add(2*time.Minute), nil)
	b.want()
	if e := b.event(); e.RepeatCount != 1 {
		t.Errorf("%+v", e)
	}
}

// damaged is a store of which the facts of one company cannot be read.
type damaged struct {
	*sqlite.Store
	company usage.CompanyID
}

func (d damaged) Facts(ctx context.Context, company usage.CompanyID, product usage.Product, at time.Time, before usage.Position) (metering.Facts, error) {
	if company == d.company {
		return metering.Facts{}, fault.New(fault.Internal, "a row is damaged")
	}
	return d.Store.Facts(ctx, company, product, at, before)
}

// A company that cannot be counted keeps no other from its alarms, nor its own servers from those that need no count; and
// what stands of it is not taken for resolved.
func TestDamageOfOneCompany(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	licensed := usage.One
	b.license = usage.License{Type: "Perpetual", Licensed: &licensed}
	bad := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	b.says(bad, noon, nil, whole(2)...)
	b.want(exceededName)
	var err error
	b.fleet.NewUID = func() string { return "another" }
	first := b.company.ID
	if b.company, err = b.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Southridge"}); err != nil {
		t.Fatal(err)
	}
	good := b.add(fleet.NewServer{Name: "VBR02", InstallationID: "j"})
	store := &damaged{b.store, first}
	b.ledger = &ledger.Ledger{Store: store, History: b.store, Now: b.ledger.Now}
	b.alarms = &alarm.Service{Store: b.store, Ledger: b.ledger, Servers: b.store, Companies: b.store, Now: b.alarms.Now}
	for round := range 3 {
		b.at = b.at.Add(time.Minute)
		b.append(good, nil, whole(2)...)
		if round == 1 {
			if _, err := b.ledger.AppendGap(t.Context(), bad.ID, usage.Gap{At: b.at, Reason: usage.GapTimeout, Text: "no answer"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.alarms.CheckChanged(t.Context()); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("round %d: %v", round, err)
		}
	}
	want := []string{exceededName, exceededName, "Backup server connection state"}
	if got := b.open(); !slices.Equal(got, want) {
		t.Errorf("open: %q, want %q", got, want)
	}
	store.company = 0 // repaired
	b.at = b.at.Add(time.Minute)
	b.append(bad, nil)
	if err := b.alarms.CheckChanged(t.Context()); err != nil {
		t.Error(err)
	}
	b.want(exceededName)
}

// To the people of a company an alarm tells the reason, and not the words, in which addresses and accounts are.
func TestOutward(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of             alarm.TemplateID
		message, wants string
	}{
		{alarm.ServerConnection, "VBR01 cannot be read (login-refused): vbr.example refuses svc (twice): check it", "VBR01 cannot be read (login-refused)"},
		{alarm.CloudConnectConnection, "CC01 cannot be read (tls): vbr.example", "CC01 cannot be read (tls)"},
		{alarm.ServerConnection, "", ""},
		{alarm.CountersMissing, "VBR01 gives no license counters: vbr.example answers 500", "VBR01 gives no license counters"},
		{alarm.ClockOffset, "the clock of VBR01 (x): behind", "the clock of VBR01 (x): behind"},
	} {
		if got := alarm.Outward(test.of, test.message); got != test.wants {
			t.Errorf("%q: %q", test.message, got)
		}
	}
}

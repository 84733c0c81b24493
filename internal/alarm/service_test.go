package alarm_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

type bench struct {
	t       *testing.T
	at      time.Time
	store   *sqlite.Store
	fleet   *fleet.Directory
	ledger  *ledger.Ledger
	alarms  *alarm.Service
	company fleet.Company
	license usage.License // of the readings
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, at: noon, license: usage.License{Type: "Subscription"}}
	now := func() time.Time { return b.at }
	var err error
	if b.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(now)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.ledger = &ledger.Ledger{Store: b.store, History: b.store, Now: now}
	b.fleet = &fleet.Directory{Companies: b.store, Servers: b.store, Policy: b.store, NewUID: func() string { return "uid" }, Now: now}
	b.alarms = &alarm.Service{Store: b.store, Answers: b.store, Ledger: b.ledger, Servers: b.store, Companies: b.store, Now: now}
	if b.company, err = b.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind", Tenants: []fleet.Tenant{{Name: "north"}}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) add(n fleet.NewServer) fleet.Server {
	b.t.Helper()
	if !n.Shared {
		n.Company = b.company.ID
	}
	s, err := b.fleet.AddServer(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) read(s fleet.Server, workloads ...usage.Workload) {
	b.t.Helper()
	b.at = b.at.Add(time.Minute)
	b.append(s, nil, workloads...)
	b.check()
}

// append appends a reading, and checks nothing.
func (b *bench) append(s fleet.Server, counters []usage.Counter, workloads ...usage.Workload) {
	b.t.Helper()
	if workloads == nil {
		workloads = []usage.Workload{}
	}
	if _, err := b.ledger.AppendSnapshot(b.t.Context(), s.ID, s.Shared, usage.Snapshot{
		TakenAt: b.at, Product: s.Product, Server: usage.ServerFacts{InstallationID: s.InstallationID, Name: s.Name},
		License: b.license, Workloads: workloads, Counters: counters,
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) check() {
	b.t.Helper()
	if err := b.alarms.CheckChanged(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	changed := b.events()
	if err := b.alarms.CheckAll(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if d := cmp.Diff(b.events(), changed); d != "" {
		b.t.Errorf("of all (-), of what changed (+)\n%s", d)
	}
	if err := b.alarms.Check(b.t.Context(), 1); err != nil {
		b.t.Fatal(err)
	}
	if d := cmp.Diff(b.events(), changed); d != "" {
		b.t.Errorf("of one alone (-), with the others (+)\n%s", d)
	}
}

func (b *bench) events() []alarm.Event {
	b.t.Helper()
	events, err := b.store.Events(b.t.Context(), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return events
}

// open lists what stands, as "template subject server".
func (b *bench) open() []string {
	b.t.Helper()
	events := b.events()
	var list []string
	for i := range events {
		v := &events[i]
		if v.Status == alarm.StatusResolved {
			continue
		}
		if !strings.Contains(v.Message, v.ServerName) {
			b.t.Errorf("the message does not name the server: %q", v.Message)
		}
		template, ok := alarm.TemplateByID(v.Template)
		if !ok {
			b.t.Errorf("no template %d", v.Template)
		}
		list = append(list, strings.TrimSpace(template.Name+" "+v.Subject))
	}
	return list
}

func (b *bench) want(names ...string) {
	b.t.Helper()
	if got := b.open(); !slices.Equal(got, names) {
		b.t.Errorf("open: %q, want %q", got, names)
	}
}

// C16, C17, C19: one alarm for each server and type; it resolves when the next reading is in order, and comes again
// as the same event with a higher count.
func TestOddWorkloads(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	odd := []usage.Workload{
		{ID: "1", Name: "a", Type: "QuantumMachine"}, {ID: "2", Name: "b", Type: "QuantumMachine"}, {ID: "3", Name: "c", Type: "VBR_Nas_Backup"},
	}
	b.read(s, odd...)
	b.want("Assumed weight VBR_Nas_Backup", "Unknown workload type QuantumMachine")
	b.read(s, odd...)
	b.want("Assumed weight VBR_Nas_Backup", "Unknown workload type QuantumMachine")
	b.read(s)
	b.want()
	b.read(s, odd[0])
	b.want("Unknown workload type QuantumMachine")
	events, err := b.store.Events(t.Context(), alarm.UnknownWorkloadType)
	if err != nil || len(events) != 1 || events[0].RepeatCount != 2 || !events[0].At.Equal(b.at) || !events[0].FirstAt.Before(b.at) {
		t.Errorf("events: %+v, %v", events, err)
	}
}

// C34: both servers of a pair are flagged, until one of them is removed.
func TestClones(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "same"})
	two := b.add(fleet.NewServer{Name: "VBR02", InstallationID: "same", Cloned: true})
	b.read(one)
	b.want()
	b.read(two)
	b.want("Cloned installation id", "Cloned installation id")
	if err := b.fleet.RemoveServer(t.Context(), two.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	b.check()
	if err := b.alarms.Check(t.Context(), two.ID); err != nil {
		t.Fatal(err)
	}
	b.want()
}

// C30, C31: a tenant that maps to nobody raises an alarm, until it is mapped; and again when its company is removed.
func TestUnassignedTenants(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cc := b.add(fleet.NewServer{Name: "CC01", InstallationID: "cc", Product: usage.ProductCloudConnect, Shared: true})
	workloads := []usage.Workload{
		{ID: "1", Name: "a", Type: "CC_Server_Backup", Tenant: "north"},
		{ID: "2", Name: "b", Type: "CC_Server_Backup", Tenant: "south"},
		{ID: "3", Name: "c", Type: "Odd", Tenant: "north"},
	}
	b.read(cc, usage.Workload{ID: "9", Name: "n", Type: "CC_Server_Backup"})
	b.want("Unassigned tenant") // it names none at all
	b.read(cc, workloads...)
	b.want("Unassigned tenant south", "Unknown workload type Odd")
	if _, err := b.fleet.EditCompany(t.Context(), b.company.ID, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "south"}}}); err != nil {
		t.Fatal(err)
	}
	b.check()
	b.want("Unknown workload type Odd")
	if err := b.fleet.RemoveCompany(t.Context(), b.company.ID); err != nil {
		t.Fatal(err)
	}
	b.check()
	got := b.open()
	slices.Sort(got)
	if want := []string{"Unassigned tenant north", "Unassigned tenant south", "Unknown workload type Odd"}; !slices.Equal(got, want) {
		t.Errorf("open: %q, want %q", got, want)
	}
}

// A gap raises the connection alarm of the product's template, a reading resolves it.
func TestConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	vbr := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "v"})
	cc := b.add(fleet.NewServer{Name: "CC01", InstallationID: "cc", Product: usage.ProductCloudConnect})
	for _, s := range []fleet.Server{vbr, cc} {
		if _, err := b.ledger.AppendGap(t.Context(), s.ID, usage.Gap{At: b.at, Reason: usage.GapTimeout, Text: "no answer"}); err != nil {
			t.Fatal(err)
		}
		if err := b.alarms.Check(t.Context(), s.ID); err != nil { // as whoever read it does
			t.Fatal(err)
		}
	}
	b.check()
	b.want("Backup server connection state", "Cloud Connect server connection state")
	b.read(vbr)
	b.want("Cloud Connect server connection state")
	b.read(cc)
	b.want()
}

// What no list of changes names is found all the same, ten minutes later at most: a mapping that ends at a time that was
// said before.
func TestWholeNowAndThen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cc := b.add(fleet.NewServer{Name: "CC01", InstallationID: "cc", Product: usage.ProductCloudConnect, Shared: true})
	b.read(cc, usage.Workload{ID: "1", Name: "a", Type: "CC_Server_Backup", Tenant: "north"})
	edit := fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Name: "north"}}, From: b.at.Add(5 * time.Minute)}
	if _, err := b.fleet.EditCompany(t.Context(), b.company.ID, edit); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{nil, nil, {"Unassigned tenant north"}} {
		if err := b.alarms.CheckChanged(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.want(want...)
		b.at = b.at.Add(6 * time.Minute)
	}
}

// A gap of another process is among the changes.
func TestGapsAreHeardOf(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	vbr := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "v"})
	b.check()
	if _, err := b.ledger.AppendGap(t.Context(), vbr.ID, usage.Gap{At: b.at, Reason: usage.GapTimeout, Text: "no answer"}); err != nil {
		t.Fatal(err)
	}
	if err := b.alarms.CheckChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want("Backup server connection state")
}

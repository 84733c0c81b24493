package alarm_test

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// says is a reading of a server at an instant, followed by a check of the server alone, as every reading is.
func (b *bench) says(s fleet.Server, at time.Time, counters []usage.Counter, workloads ...usage.Workload) {
	b.t.Helper()
	b.at = at
	b.append(s, counters, workloads...)
	if err := b.alarms.Check(b.t.Context(), s.ID); err != nil {
		b.t.Fatal(err)
	}
	b.check()
}

func vms(n int64) []usage.Counter { return []usage.Counter{{Type: "VBR_vSphere_VM", Used: n}} }

var oneVM = usage.Workload{ID: "1", Name: "a", Type: "VBR_vSphere_VM"}

const differsVM = "Reported differs from computed VBR_vSphere_VM"

// C25: a difference is an alarm when it has lasted longer than a day, however its size changes meanwhile and though a
// reading has no counters; it ends when the figures agree, and the next one takes a day again.
func TestReportedDiffers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	start := noon
	hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	b.says(s, hour(0), vms(1), oneVM)
	b.says(s, hour(1), vms(2), oneVM)
	b.says(s, hour(9), vms(3), oneVM)
	b.at = hour(25)
	b.check()
	b.want() // a day, and not longer
	b.at = hour(25).Add(time.Microsecond)
	if err := b.alarms.CheckAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want(differsVM)
	b.says(s, hour(30), append(vms(4), usage.Counter{Type: "VBR_HyperV_VM", Used: 1}), oneVM)
	b.want(differsVM) // of the other type it is not a day yet
	b.says(s, hour(31), nil, oneVM)
	b.want(differsVM) // nobody saw them agree
	b.says(s, hour(60), append(vms(1), usage.Counter{Type: "VBR_HyperV_VM", Used: 1}), oneVM)
	b.want("Reported differs from computed VBR_HyperV_VM") // since before the reading without counters
	b.says(s, hour(70), vms(3), oneVM)
	b.want()
	b.says(s, hour(95), vms(3), oneVM)
	b.want(differsVM)
	events := b.events()
	if e := events[0]; e.Subject != "VBR_vSphere_VM" || e.RepeatCount != 2 || e.Status != alarm.StatusWarning || !e.At.Equal(hour(95)) {
		t.Errorf("%+v", e)
	}
	// They agreed in a reading that came together with one in which they part.
	b.at = hour(96)
	b.append(s, vms(1), oneVM)
	b.says(s, hour(97), vms(2), oneVM)
	b.want()
	if err := b.fleet.RemoveServer(t.Context(), s.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	b.at = hour(200)
	b.check()
	b.want()
}

// One reading is enough: nobody saw the figures agree since.
func TestReportedDiffersWithoutAnotherReading(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.add(fleet.NewServer{Name: "VBR01", InstallationID: "i"})
	b.says(s, noon, vms(2), oneVM)
	b.at = noon.Add(25 * time.Hour)
	b.check()
	b.want(differsVM)
}

// C21: a shared server's counters name no tenant, and are compared with what all companies have on it.
func TestReportedDiffersOnSharedServers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cc := b.add(fleet.NewServer{Name: "CC01", InstallationID: "cc", Product: usage.ProductCloudConnect, Shared: true})
	b.fleet.NewUID = func() string { return "another" }
	if _, err := b.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Southridge", Tenants: []fleet.Tenant{{Name: "south"}}}); err != nil {
		t.Fatal(err)
	}
	list := []usage.Workload{ // one machine of each company
		{ID: "1", Name: "a", Type: "CC_Server_Backup", MachineID: "m", Tenant: "north"}, {ID: "1", Name: "b", Type: "CC_Server_Backup", MachineID: "m", Tenant: "south"},
	}
	backups := func(n int64) []usage.Counter { return []usage.Counter{{Type: "CC_Server_Backup", Used: n}} }
	b.says(cc, noon, backups(2), list...)
	b.at = noon.Add(25 * time.Hour)
	b.check()
	b.want()
	b.says(cc, b.at, backups(1), list...)
	b.at = b.at.Add(25 * time.Hour)
	b.check()
	b.want("Reported differs from computed CC_Server_Backup")
	b.says(cc, b.at, backups(2), list...)
	b.want()
}

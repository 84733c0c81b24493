package sim

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// standingsAt counts the workloads of a server by kind and standing.
func standingsAt(s *Scenario, i int, at time.Time) map[string]int {
	out := map[string]int{}
	words := map[standing]string{used: "used", fresh: "new", rental: "rental"}
	for _, w := range expand(s.Seed, &s.Servers[i], s.Clock.Start) {
		if word := words[w.standing(at, s.Servers[i].License.Type == "Rental")]; word != "" {
			out[string(w.row.kind)+" "+word]++
		}
	}
	return out
}

// moments are the instants at which a demo could go wrong.
func moments(t *testing.T) []time.Time {
	t.Helper()
	var out []time.Time
	for _, text := range []string{
		"2026-10-14T12:00:00Z", "2026-10-01T00:00:00Z", "2026-10-01T00:00:01Z", "2026-10-01T03:10:00Z", "2026-10-02T00:00:00Z", "2026-10-31T23:59:59Z",
		"2026-01-01T00:00:00Z", "2026-01-31T12:00:00Z", "2026-03-01T00:00:00Z", "2026-03-31T08:00:00+14:00", "2028-02-29T23:00:00Z", "2026-11-01T01:30:00+05:00",
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, at)
	}
	return out
}

// Whenever the demo is started, its first company has the figures of the reference example, and nothing else that counts.
func TestDemoReferenceFigures(t *testing.T) {
	t.Parallel()
	want := map[string]int{"vsphere-vm used": 34, "vsphere-vm new": 1, "windows-server used": 1, "windows-workstation new": 1}
	for _, now := range moments(t) {
		for months := range 8 {
			for seed := range int64(5) {
				s := Demo(DemoOptions{Companies: 5, Months: months, Seed: seed, Now: now})
				if err := s.Validate(); err != nil {
					t.Fatalf("%v, %d months, seed %d: %v", now, months, seed, err)
				}
				if s.Servers[0].Company != s.Companies[0].Name || s.Servers[0].License.Type != "Rental" {
					t.Fatalf("the first server is %+v", s.Servers[0])
				}
				for i := range s.Servers {
					if i > 0 && s.Servers[i].Company == s.Companies[0].Name {
						t.Fatalf("the first company has a second server %s", s.Servers[i].Name)
					}
				}
				if got := standingsAt(s, 0, now); !reflect.DeepEqual(got, want) {
					t.Fatalf("%v, %d months, seed %d: %v, want %v", now, months, seed, got, want)
				}
				if months == 0 {
					continue
				}
				for _, w := range s.Servers[0].Workloads {
					if first := w.First.resolve(now); first.After(now) {
						t.Fatalf("%v: %s is first protected at %v", now, w.Name, first)
					}
				}
			}
		}
	}
}

// The same figures over the wire, in license and report.
func TestDemoReferenceOverTheWire(t *testing.T) {
	t.Parallel()
	s := Demo(DemoOptions{Companies: 3, Months: 3, Seed: 1, Now: noon})
	s.Clock.Speed = 0
	c := newClient(t, startScenario(t, s).Servers()[0], "1.3-rev1")
	c.login()
	if u, n := c.counted(); u != 35 || n != 1.33 || len(c.names()) != 35 {
		t.Errorf("used %v, new %v, %d listed", u, n, len(c.names()))
	}
	report := c.report(`{"reportFormat":"Json"}`).body
	for counter, want := range map[string]string{
		"VBR-VBR-VM-VSPHERE":        `"multiplier":"1","instancesInGrace":"0","numberOfObjects":34,"numberOfNewObjects":1,"numberOfRentalObjects":0,"numberOfRemovedObjects":0,"consumedInstances":"34","newInstances":"1"`,
		"VBR-VBR-AGENT-SERVER":      `"multiplier":"1","instancesInGrace":"0","numberOfObjects":1,"numberOfNewObjects":0,"numberOfRentalObjects":0,"numberOfRemovedObjects":0,"consumedInstances":"1","newInstances":"0"`,
		"VBR-VBR-AGENT-WORKSTATION": `"multiplier":"0.33","instancesInGrace":"0","numberOfObjects":0,"numberOfNewObjects":1,"numberOfRentalObjects":0,"numberOfRemovedObjects":0,"consumedInstances":"0","newInstances":"0.33"`,
	} {
		if !strings.Contains(report, `{"counterType":"`+counter+`",`+want) {
			t.Errorf("no %s with %s in\n%s", counter, want, report)
		}
	}
	if strings.Count(report, "counterType") != 3 {
		t.Errorf("more counters in %s", report)
	}
}

// The demo has what issue and product promise: license types, both unit kinds, Cloud Connect, agents, all three shapes.
func TestDemoVariety(t *testing.T) {
	t.Parallel()
	s := Demo(DemoOptions{Companies: 5, Months: 4, Seed: 1, Now: noon})
	seen := map[string]bool{}
	for i := range s.Servers {
		sv := &s.Servers[i]
		for _, word := range []string{string(sv.Wire), sv.License.Type, string(sv.License.Units), string(sv.Product), fmt.Sprint("shared ", sv.Shared)} {
			seen[word] = true
		}
		for what, n := range standingsAt(s, i, noon) {
			if n > 0 {
				seen[what] = true
			}
		}
	}
	for _, want := range []string{
		"12.3", "13.0", "13.1", "Rental", "Subscription", "Points", "cloudConnect", "vbr", "shared true", "hyperv-vm used", "application used", "file-share used",
		"windows-workstation used", "linux-server used", "tenant-vm used", "tenant-replica used", "nutanix-vm used", "proxmox-vm used", "cloud-vm used",
	} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
	if len(s.Companies) != 5 || len(Demo(DemoOptions{Now: noon}).Companies) != 3 {
		t.Errorf("%d companies", len(s.Companies))
	}
}

// Its history is alive: the first company's machines come and go in the months before.
func TestDemoHistoryIsAlive(t *testing.T) {
	t.Parallel()
	o := DemoOptions{Companies: 3, Months: 4, Seed: 1, Now: noon}
	s := Demo(o)
	if want := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC); !o.From().Equal(want) {
		t.Errorf("from %v", o.From())
	}
	figures := map[string]bool{}
	for at := o.From(); at.Before(noon); at = at.Add(day) {
		figures[fmt.Sprint(standingsAt(s, 0, at))] = true
	}
	if len(figures) < 10 {
		t.Errorf("only %d different figures in four months", len(figures))
	}
}

func TestDemoIsDeterministic(t *testing.T) {
	t.Parallel()
	o := DemoOptions{Companies: 12, Months: 6, Seed: 7, Now: noon}
	if !reflect.DeepEqual(Demo(o), Demo(o)) {
		t.Error("two demos of equal options differ")
	}
	other := o
	other.Seed = 8
	if reflect.DeepEqual(Demo(o), Demo(other)) {
		t.Error("the seed changes nothing")
	}
	if n := len(Demo(o).Servers); n < 14 {
		t.Errorf("%d servers for 12 companies", n)
	}
}

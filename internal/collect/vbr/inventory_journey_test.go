package vbr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/sim"
)

// Every revision that has license paths tells repositories and jobs, each in its own words.
func TestInventoryOfEveryWire(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"12.3", "13.0", "13.1"} {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, wire, ""))
			w.read()
			i, err := w.collector.Inventory(t.Context(), w.target)
			if err != nil || i.Failed != "" {
				t.Fatalf("%v %s\n%s", err, i.Failed, w.requests())
			}
			if len(i.Repositories) != 1 || i.Repositories[0].Name != "Default Backup Repository" || i.Repositories[0].Health != fleet.RepositoryOK ||
				*i.Repositories[0].Capacity != 65536<<30 || *i.Repositories[0].Free+*i.Repositories[0].Used != 65536<<30 {
				t.Errorf("%+v", i.Repositories)
			}
			if len(i.Jobs) != 3 {
				t.Fatalf("%+v", i.Jobs)
			}
			var objects int64
			for _, j := range i.Jobs {
				objects += j.Objects
				if j.Result != fleet.JobSuccess || j.Running || !j.Enabled || j.Schedule != "Daily" || j.LastRun == nil || j.LastRun.After(i.At) {
					t.Errorf("%+v", j)
				}
				if told := j.Duration != nil && j.EndedAt != nil && j.Rate != nil && j.Transferred != nil; told != (wire != "12.3") {
					t.Errorf("the last run of %s: %+v", j.Name, j)
				}
			}
			if objects != 37 {
				t.Errorf("%d objects in jobs", objects)
			}
		})
	}
}

// What lies in the way of repositories and jobs is said, and never lists fewer.
func TestInventoryFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault              sim.Fault
		repositories, jobs bool
	}{
		"an error":       {sim.Fault{Kind: sim.FaultServerError, Path: "repositories/states", Status: 503}, false, true},
		"a page cut off": {sim.Fault{Kind: sim.FaultCutBody, Path: "jobs/states"}, true, false},
		"hang-up":        {sim.Fault{Kind: sim.FaultHangUp, Path: "jobs/states"}, true, false},
		"a web page":     {sim.Fault{Kind: sim.FaultHTML, Path: "repositories/states"}, false, true},
		"a moving list":  {sim.Fault{Kind: sim.FaultShrinkingList, Path: "jobs/states", Times: -1}, true, false},
		"no settings":    {sim.Fault{Kind: sim.FaultServerError, Path: "jobs"}, true, true},
		"unreachable":    {sim.Fault{Kind: sim.FaultHangUp}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fmt.Sprintf(rental, "13.1", "pageMax = 2"))
			w.read()
			w.fault(c.fault)
			i, err := w.collector.Inventory(t.Context(), w.target)
			if err != nil || (i.Repositories != nil) != c.repositories || (i.Jobs != nil) != c.jobs || i.Failed == "" || strings.Contains(i.Failed, w.server.Password) {
				t.Errorf("%v: %v %v %q", err, i.Repositories, i.Jobs, i.Failed)
			}
			if c.jobs && len(i.Jobs) != 3 {
				t.Errorf("%d jobs", len(i.Jobs))
			}
		})
	}
}

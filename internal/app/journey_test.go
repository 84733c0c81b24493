package app_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/sim"
)

var wires = []sim.Wire{sim.Wire123, sim.Wire130, sim.Wire131}

// From the simulated server over the collector, the ledger and counting to the
// v2 answer over HTTPS, in the three license shapes; then over a month's edge.
func TestJourneyOfAFigure(t *testing.T) {
	t.Parallel()
	for _, wire := range wires {
		t.Run(string(wire), func(t *testing.T) {
			t.Parallel()
			october := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
			w := newWorld(t, october, referenceScenario(wire))
			if rows, complete, missing := w.figure(); rows != "[]" || complete || missing != "VBR01" {
				t.Errorf("before the first reading: %s, complete %v, missing %q", rows, complete, missing)
			}
			if o := w.collect(); !o.OK {
				t.Fatal(o.Text)
			}
			if rows, complete, _ := w.figure(); rows != referenceRows || !complete {
				t.Errorf("October: %s, complete %v", rows, complete)
			}
			header, _ := w.get(usagePath)
			if header.Get("X-Usage-As-Of") != "2026-10-20T02:00:00Z" || header.Get("X-Usage-Units") != "Instances" {
				t.Errorf("headers: %v", header)
			}
			// What the server has beside its license is listed as of the same reading.
			if _, got := w.get("/v2/backupRepositories?$select=id,serverName,capacity,healthState"); got != `[{"id":1,"serverName":"VBR01","capacity":65536,"healthState":"OK"}]` {
				t.Error(got)
			}
			job := `{"status":"Success","type":"Backup","isEnabled":true,"schedulingType":"Daily"}`
			if _, got := w.get("/v2/jobs?$select=status,type,isEnabled,schedulingType"); got != "["+job+","+job+","+job+"]" {
				t.Error(got)
			}
			// E4: new turns into used when the month turns, without a new reading.
			w.set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
			november := strings.NewReplacer(`"newInstances":1,"usedInstances":34,"rentalCount":0,"newCount":1,"usedCount":34`,
				`"newInstances":0,"usedInstances":35,"rentalCount":0,"newCount":0,"usedCount":35`,
				`"newInstances":0.33,"usedInstances":0,"rentalCount":0,"newCount":1,"usedCount":0`,
				`"newInstances":0,"usedInstances":0.33,"rentalCount":0,"newCount":0,"usedCount":1`).Replace(referenceRows)
			if rows, complete, missing := w.figure(); rows != november || complete || missing != "VBR01" {
				t.Errorf("1 November, stale: %s, complete %v, missing %q", rows, complete, missing)
			}
			if o := w.collect(); !o.OK {
				t.Fatal(o.Text)
			}
			if rows, complete, _ := w.figure(); rows != november || !complete {
				t.Errorf("1 November, read: %s, complete %v", rows, complete)
			}
			// The past is still what it was.
			if _, rows := w.get(usagePath + "?asOf=2026-10-20T02:00:00Z"); rows != referenceRows {
				t.Errorf("October, asked in November: %s", rows)
			}
		})
	}
}

// faultCase is one fault and what it does.
type faultCase struct {
	name  string
	fault sim.Fault
	gap   usage.GapReason // "": the reading is accepted
	rows  string          // of an accepted reading; "": as before
	alarm int             // that stands meanwhile; 0: none
	step  time.Duration   // until the faulty reading; 0: a day
}

// patience is short only where a server is too slow for any.
func (c *faultCase) patience() time.Duration {
	switch c.fault.Kind {
	case sim.FaultSlow, sim.FaultDrip, sim.FaultReportTimeout:
		return 2 * time.Second
	default:
		return time.Minute
	}
}

// After each fault no figure changes except as the rules say, the answer is
// marked as C32 says, an alarm stands, and the next good reading heals it all.
func TestJourneyOfEachFault(t *testing.T) {
	t.Parallel()
	const never = usage.GapReason("")
	const pastRefresh = 15 * 24 * time.Hour // a log-in is needed: until then a refresh token serves
	always := -1
	for _, c := range []faultCase{
		{"unreachable", sim.Fault{Kind: sim.FaultUnreachable}, usage.GapUnreachable, "", 15, 0},
		{"hang-up", sim.Fault{Kind: sim.FaultHangUp}, usage.GapUnreachable, "", 15, 0},
		{"login refused", sim.Fault{Kind: sim.FaultLoginRefused}, usage.GapRefused, "", 15, pastRefresh},
		{"MFA", sim.Fault{Kind: sim.FaultMFA}, usage.GapRefused, "", 15, pastRefresh},
		{"token rejected", sim.Fault{Kind: sim.FaultTokenRejected}, usage.GapRefused, "", 15, 0},
		{"token revoked once", sim.Fault{Kind: sim.FaultTokenRevoked, After: 3}, never, "", 0, 0},
		{"500", sim.Fault{Kind: sim.FaultServerError, Path: "license/instances"}, usage.GapServerFault, "", 15, 0},
		{"cut body", sim.Fault{Kind: sim.FaultCutBody, Path: "license/instances"}, usage.GapIncomplete, "", 15, 0},
		{"cut chunked body", sim.Fault{Kind: sim.FaultCutBody, Path: "license", Mode: "chunked"}, usage.GapIncomplete, "", 15, 0},
		{"slow", sim.Fault{Kind: sim.FaultSlow, Path: "license"}, usage.GapTimeout, "", 15, 0},
		{"drip", sim.Fault{Kind: sim.FaultDrip, Path: "license"}, usage.GapTimeout, "", 15, 0},
		{"list shrinks once", sim.Fault{Kind: sim.FaultShrinkingList}, never, "", 0, 0},
		{"list shrinks always", sim.Fault{Kind: sim.FaultShrinkingList, Times: always}, usage.GapIncomplete, "", 15, 0},
		{"wrong clock", sim.Fault{Kind: sim.FaultWrongClock, Offset: time.Hour}, never, "", 1008, 0},
		{"CSV report", sim.Fault{Kind: sim.FaultReportCSV}, never, "", 0, 0},
		{"report times out", sim.Fault{Kind: sim.FaultReportTimeout}, usage.GapPartial, "", 15, 0},
		{"report fails", sim.Fault{Kind: sim.FaultReportError}, usage.GapPartial, "", 15, 0},
		{"unknown license type", sim.Fault{Kind: sim.FaultUnknownLicense}, never, unknownLicenseRows, 1002, 0},
		{"same id, identical", sim.Fault{Kind: sim.FaultSameID, Mode: "identical"}, never, "", 0, 0},
		{"same id, differing", sim.Fault{Kind: sim.FaultSameID, Mode: "differing"}, usage.GapBadReading, "", 15, 0},
		{"new installation", sim.Fault{Kind: sim.FaultNewInstallation}, never, "", 1001, 0},
		{"huge body", sim.Fault{Kind: sim.FaultHugeBody, Bytes: 80 << 20}, usage.GapServerFault, "", 15, 0},
		{"web page", sim.Fault{Kind: sim.FaultHTML, Path: "license"}, usage.GapServerFault, "", 15, 0},
		{"license denied", sim.Fault{Kind: sim.FaultLicenseDenied}, usage.GapDenied, "", 15, 0},
		{"negative number", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "negative"}, usage.GapBadReading, "", 15, 0},
		{"huge number", sim.Fault{Kind: sim.FaultAbsurdNumbers, Mode: "huge"}, usage.GapBadReading, "", 15, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			day := time.Date(2026, 10, 8, 2, 0, 0, 0, time.UTC)
			w := newPatientWorld(t, day, referenceScenario(sim.Wire131), c.patience())
			if o := w.collect(); !o.OK {
				t.Fatal(o.Text)
			}
			step := cmp.Or(c.step, 24*time.Hour)
			w.set(day.Add(step))
			if err := w.sims.SetFault("VBR01", c.fault); err != nil {
				t.Fatal(err)
			}
			o := w.collect()
			t.Log(o.Text)
			rows, complete, missing := w.figure()
			want := referenceRows
			if c.rows != "" {
				want = c.rows
			}
			if rows != want {
				t.Errorf("figure: %s", rows)
			}
			if c.gap == never {
				if !o.OK || !complete {
					t.Errorf("accepted %v, complete %v: %s", o.OK, complete, o.Text)
				}
			} else if o.Gap == nil || o.Gap.Reason != c.gap || complete || missing != "VBR01" {
				t.Errorf("gap %+v (want %s), complete %v, missing %q", o.Gap, c.gap, complete, missing)
			}
			if !w.comes(func() bool {
				_, stands := w.open()[c.alarm]
				return stands || c.alarm == 0 && len(w.open()) == 0
			}) {
				t.Errorf("alarms %v, want %d", w.open(), c.alarm)
			}
			w.sims.ClearFaults()
			w.set(day.Add(step + time.Hour))
			if o := w.collect(); !o.OK {
				t.Fatalf("not healed: %s", o.Text)
			}
			if c.fault.Kind == sim.FaultNewInstallation { // going back is a change, too; the reading after it is quiet
				w.set(day.Add(step + 2*time.Hour))
				w.collect()
			}
			if rows, complete, _ := w.figure(); rows != referenceRows || !complete || !w.comes(func() bool { return len(w.open()) == 0 }) {
				t.Errorf("not healed: %s, complete %v, alarms %v", rows, complete, w.open())
			}
		})
	}
}

// Under a license that is not known to be Rental nothing is new: it is used at once (C11, C22).
const unknownLicenseRows = `[{"type":"VBR_vSphere_VM","rentalInstances":0,"newInstances":0,"usedInstances":35,"rentalCount":0,"newCount":0,"usedCount":35},` +
	`{"type":"VBR_Windows_Server_Agent","rentalInstances":0,"newInstances":0,"usedInstances":1,"rentalCount":0,"newCount":0,"usedCount":1},` +
	`{"type":"VBR_Windows_Workstation_Agent","rentalInstances":0,"newInstances":0,"usedInstances":0.33,"rentalCount":0,"newCount":0,"usedCount":1}]`

// C26: a report that fails for long is a gap for 48 hours, then the list is
// accepted, with an alarm; the figure stays where the two agree.
func TestJourneyOfAReportThatFailsForDays(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	w := newWorld(t, day, referenceScenario(sim.Wire130))
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	if err := w.sims.SetFault("VBR01", sim.Fault{Kind: sim.FaultReportError}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after    time.Duration
		accepted bool
	}{{4 * time.Hour, false}, {24 * time.Hour, false}, {51 * time.Hour, false}, {52 * time.Hour, true}, {56 * time.Hour, true}} {
		w.set(day.Add(step.after))
		o := w.collect()
		if o.OK != step.accepted {
			t.Errorf("after %s: accepted %v: %s", step.after, o.OK, o.Text)
		}
		if rows, _, _ := w.figure(); rows != referenceRows {
			t.Errorf("after %s: %s", step.after, rows)
		}
	}
	if _, stands := w.open()[1005]; !stands {
		t.Errorf("alarms: %v", w.open())
	}
	w.sims.ClearFaults()
	w.set(day.Add(60 * time.Hour))
	if o := w.collect(); !o.OK || len(w.open()) > 0 {
		t.Errorf("not healed: %s, %v", o.Text, w.open())
	}
}

// Two consoles on one data directory would read every server twice: the second one does not start.
func TestOneConsoleADataDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Date(2026, 10, 8, 2, 0, 0, 0, time.UTC), referenceScenario(sim.Wire131))
	if _, err := w.app.Prepare(w.ctx, app.ServeOptions{Listen: "127.0.0.1:0"}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "a console (process ") {
		t.Errorf("a second console: %v", err)
	}
	if !w.app.Running(w.ctx) {
		t.Error("the console is not seen")
	}
}

// C29: the command line and the API give the same rows, byte for byte.
func TestOneFigureEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Date(2026, 10, 8, 2, 0, 0, 0, time.UTC), referenceScenario(sim.Wire123))
	w.collect()
	answer, err := w.app.Usage(w.ctx, app.UsageQuery{Company: 2, Resource: figure.BackupServer})
	if err != nil {
		t.Fatal(err)
	}
	if _, body := w.get(usagePath); !strings.Contains(string(answer.JSON), `"rows":`+body) {
		t.Errorf("the API says %s, the command line %s", body, answer.JSON)
	}
}

package portal_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// subscribed is a world in November in which Northwind's first server has a Subscription license since October, and lists these as well.
func subscribed(t *testing.T, more ...usage.Workload) *world {
	t.Helper()
	w := inNovember(t)
	for _, at := range []time.Time{time.Date(2026, 10, 25, 2, 0, 0, 0, time.UTC), w.clock.Now().Add(-time.Hour)} {
		s := reading(vbr01, "web", 3, at)
		s.License.Type = "Subscription"
		s.Workloads = append(s.Workloads, more...)
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, s))
		w.clock.Add(time.Minute)
	}
	return w
}

// A workload that is charged for the month of its first protection says why that is not free, and its life goes on saying it.
func TestChargedInItsFirstMonthSaysWhy(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 10, 8, 12, 0, 0, 0, time.UTC)
	w := subscribed(t, usage.Workload{ID: "young", Name: "young", Type: "VBR_vSphere_VM", FirstProtectedAt: &first})
	const said = "C7: protected: charged from the first day on, as the license is of type Subscription, and the first month is free under Rental only (C6, C11)"
	w.has(w.get("/companies/2/why?unit=Instances&state=used&day=2026-10-31"), said, "C7: protected, and not new: charged")
	w.lacks(w.get("/companies/2/why?unit=Instances&state=used"), said)
	w.has(w.get("/workloads/life?server=1&id=young"), said)
}

// The reasons of a number say how the units of each workload come about: by object, by steps of its size, or as stated.
func TestUnitsSayHowTheyComeAbout(t *testing.T) {
	t.Parallel()
	old := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)
	gb := func(n usage.Units) *usage.Units { n *= usage.One; return &n }
	share := func(id string, size, units *usage.Units) usage.Workload {
		return usage.Workload{ID: id, Name: id, Type: "VBR_Nas_Backup", FirstProtectedAt: &old, SizeGB: size, Units: units}
	}
	w := subscribed(t,
		share("large", gb(1700), nil), share("small", gb(499), nil), share("stated", gb(9000), gb(10)), share("blind", nil, nil), share("bare", nil, gb(2)),
		usage.Workload{ID: "desk", Name: "desk", Type: "VBR_Workstation_Agent", FirstProtectedAt: &old},
		usage.Workload{ID: "odd", Name: "odd", Type: "Toaster", FirstProtectedAt: &old},
	)
	w.has(w.get("/companies/2/why?unit=Instances&state=used"),
		"C16: 1\u202f700 GB hold 3 × 500 GB, 1 for each", "C16: 499 GB: less than a first step of 500 GB, so 0", "C16: units as the server states them for 9\u202f000 GB; it is sold by 500 GB", ">C16: units as the server states them<",
		"C16: neither size nor units of VBR_Nas_Backup are stated: counted as 1", "C16: 0.33 for each workload of this type", "C16: 1 for each workload of this type",
		"C19: 1, as the catalogue does not know its type")
	w.has(w.get("/workloads/life?server=1&id=large"), "C16: 1\u202f700 GB hold 3 × 500 GB, 1 for each")
	w.has(w.get("/workloads/life?server=1&id=desk"), "C16: 0.33 for each workload of this type")
}

// What waits of a month's statements is about all companies, and what is to be done is done on the month's page; a figure that moved leads to its statement.
func TestAlarmsAboutStatementsLeadToThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const waits, moved = "The statements of 2026-09 are not final: Northwind (draft)", "its figures are not those of the month before"
	err := w.store.SettleCompanies(t.Context(), []alarm.TemplateID{alarm.StatementWaiting, alarm.FigureChanged}, map[usage.CompanyID][]alarm.Condition{
		usage.Unassigned: {{Template: alarm.StatementWaiting, Subject: "2026-09", Status: alarm.StatusWarning, Message: waits}},
		3:                {{Template: alarm.FigureChanged, Subject: "2026-09", Status: alarm.StatusWarning, Message: moved}},
	}, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	to := map[string]string{}
	for _, e := range must[[]alarm.Event](t)(w.store.Events(t.Context(), 0)) {
		to[e.Message] = "/alarms/" + strconv.FormatInt(e.ID, 10)
	}
	one := w.get(to[waits])
	w.has(one, waits, "<dd>All companies</dd>", `<p>On the month&#39;s page, draft, approve and finalise what is left. <a href="/statements/2026-09">Statements, September 2026</a></p>`)
	w.lacks(one, "Unassigned", "statement list")
	w.has(w.get("/alarms?status=Warning"), "<td>All companies</td>")
	w.has(w.get(to[moved]), `<a href="/statements/2026-09/3">Statement, September 2026</a>`)
	w.lacks(w.want(http.StatusOK, request{path: to[moved], role: theirs}), "/statements/2026-09/3") // which they see when it is final
}

package v2_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

const usagePath = "/v2/tenants/2/licensing/backupServerUsage"

func TestUsageHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, c := range []struct {
		path string
		want map[string]string
	}{
		{usagePath, map[string]string{
			"X-Usage-At": "2026-10-20T02:00:00Z", "X-Usage-As-Of": "2026-10-20T01:00:00Z", "X-Usage-Complete": "true", "X-Usage-Missing": "", "X-Usage-Units": "Instances",
			// An hour of the 19 days and 2 hours of October.
			"X-Usage-Coverage": "0.21; read=1; stale=0; unknown=0",
		}},
		{"/v2/tenants/3/licensing/backupServerUsage", map[string]string{ // a server that was never read
			"X-Usage-At": "2026-10-20T02:00:00Z", "X-Usage-As-Of": "", "X-Usage-Complete": "false", "X-Usage-Missing": "Lost%2C%20VBR", "X-Usage-Units": "",
			"X-Usage-Coverage": "0; read=0; stale=0; unknown=1; unreachable=1",
		}},
		{"/v2/tenants/3/licensing/availabilityConsoleUsage", map[string]string{ // no source at all is complete (C32)
			"X-Usage-As-Of": "", "X-Usage-Complete": "true", "X-Usage-Missing": "", "X-Usage-Units": "",
			"X-Usage-Coverage": "",
		}},
		{usagePath + "?asOf=2026-10-20T03:30:00%2B02:00", map[string]string{ // before the reading
			"X-Usage-At": "2026-10-20T01:30:00Z", "X-Usage-As-Of": "2026-10-20T01:00:00Z", "X-Usage-Complete": "true",
		}},
		{usagePath + "?ASOF=2026-10-20T02:30:00+02:00", map[string]string{ // "+" arrives as a blank
			"X-Usage-At": "2026-10-20T00:30:00Z", "X-Usage-As-Of": "", "X-Usage-Complete": "false", "X-Usage-Missing": "VBR01", "X-Usage-Coverage": "0; read=0; stale=0; unknown=1",
		}},
		{usagePath + "?foo=bar", map[string]string{"X-Usage-At": "2026-10-20T02:00:00Z", "X-Usage-Units": "Instances"}},
	} {
		status, header, body := w.do(http.MethodGet, c.path, "")
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, status, body)
		}
		for name, want := range c.want {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
	}
}

func TestLookAlikesOfAsOfAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	for _, query := range []string{
		"as_of=2026-10-20T00:00:00Z", "as-of=2026-10-20T00:00:00Z", "As.Of=2026-10-20T00:00:00Z", "as%20of=x", "asOf=", "asOf", "asOf=now",
		"asOf=2026-10-20T00:00:00Z&asOf=2026-10-20T00:00:00Z", "asOf=2026-10-20T00:00:00", "asOf=2026-10-32T00:00:00Z", "$asOf=2026-10-20T00:00:00Z",
	} {
		if status, _, body := w.do(http.MethodGet, usagePath+"?"+query, ""); status != http.StatusBadRequest || !strings.Contains(body, "ModelState") {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// What stands beside a figure moves with time alone, and with a reading that did not come about, which moves no figure.
func TestCoverageMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	headers := func() string {
		_, header, _ := w.do(http.MethodGet, usagePath, "")
		return header.Get("X-Usage-Coverage")
	}
	if got := headers(); got != "0.21; read=1; stale=0; unknown=0" {
		t.Error(got)
	}
	w.clock.Set(w.clock.Now().Add(30 * time.Minute))
	if got := headers(); got != "0.32; read=1; stale=0; unknown=0" { // 1.5 of 458.5 hours
		t.Error(got)
	}
	for _, reason := range []usage.GapReason{usage.GapTimeout, usage.GapTLS, usage.GapTimeout} {
		w.clock.Set(w.clock.Now().Add(time.Minute))
		must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), 1, usage.Gap{At: w.clock.Now(), Reason: reason}))
	}
	if got := headers(); got != "0.33; read=1; stale=0; unknown=0; timeout=2; tls=1" {
		t.Error(got)
	}
}

// The bytes in memory are never older than what the ledger would answer.
func TestUsageFollowsTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	byUID := "/v2/tenants/5B0F0000-0000-4000-8000-000000000001/licensing/backupServerUsage"
	for range 3 {
		for _, path := range []string{usagePath, byUID} {
			if got := w.get(path); got != referenceRows {
				t.Fatalf("%s: %s", path, got)
			}
		}
	}
	smaller := vbrReading(october)
	smaller.Workloads = smaller.Workloads[:1]
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, smaller))
	for _, path := range []string{usagePath, byUID} {
		if got := w.get(path); !strings.Contains(got, `"usedCount":1}]`) {
			t.Errorf("after a new reading, %s: %s", path, got)
		}
	}
	// The month turns without a new reading, and then the reading is stale.
	w.clock.Set(october.Add(31 * 24 * time.Hour * 4))
	if status, _, _ := w.do(http.MethodGet, usagePath, ""); status != http.StatusUnauthorized {
		t.Fatal("the token should have ended")
	}
	pair, err := w.access.Login(t.Context(), userName, password, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	w.token = pair.Access
	if _, header, _ := w.do(http.MethodGet, usagePath, ""); header.Get("X-Usage-Complete") != "false" || header.Get("X-Usage-Missing") != "VBR01" {
		t.Errorf("a stale reading: %v", header)
	}
	// A company that is removed is no tenant any more, whatever is in memory.
	server, err := w.fleet.FindServer(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.fleet.RemoveServer(t.Context(), server.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := w.fleet.RemoveCompany(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{usagePath, byUID, "/v2/tenants/2"} {
		if status, _, body := w.do(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("%s of a removed company: %d %s", path, status, body)
		}
	}
}

// C28: profile 3.0 adds the unit kinds of a type into one row and says Mixed; 6.0 writes a row per unit kind.
func TestUnitKinds(t *testing.T) {
	t.Parallel()
	amount := func(n int64, u usage.Units) metering.Amount { return metering.Amount{Count: n, Units: u} }
	tally := &metering.Tally{Rows: []metering.Row{
		{Type: "VBR_vSphere_VM", Unit: usage.Instances, Used: amount(2, 2*usage.One)},
		{Type: "VBR_vSphere_VM", Unit: usage.Points, Used: amount(3, 33*usage.One), New: amount(1, 11*usage.One)},
		{Type: "VAC_Workstation_Agent", Unit: usage.Points, Rental: amount(1, 330_000)},
		{Type: "Unknown", Unit: usage.Points, Used: amount(1, 1)},
	}}
	want30 := `[{"type":"VBR_vSphere_VM","rentalInstances":0,"newInstances":11,"usedInstances":35,"rentalCount":0,"newCount":1,"usedCount":5},` +
		`{"type":"VAC_Windows_Workstation_Agent","rentalInstances":0.33,"newInstances":0,"usedInstances":0,"rentalCount":1,"newCount":0,"usedCount":0},` +
		`{"type":"Unknown","rentalInstances":0,"newInstances":0,"usedInstances":0.000001,"rentalCount":0,"newCount":0,"usedCount":1}]`
	if got := string(v2.AppendUsageRows(nil, tally, v2.Profile30)); got != want30 {
		t.Errorf("3.0: %s", got)
	}
	want60 := `[{"type":"VBR_vSphere_VM","unitType":"Instances","rentalUnits":0,"newUnits":0,"usedUnits":2,"rentalCount":0,"newCount":0,"usedCount":2},` +
		`{"type":"VBR_vSphere_VM","unitType":"Points","rentalUnits":0,"newUnits":11,"usedUnits":33,"rentalCount":0,"newCount":1,"usedCount":3},` +
		`{"type":"VAC_Workstation_Agent","unitType":"Points","rentalUnits":0.33,"newUnits":0,"usedUnits":0,"rentalCount":1,"newCount":0,"usedCount":0},` +
		`{"type":"Unknown","unitType":"Points","rentalUnits":0,"newUnits":0,"usedUnits":0.000001,"rentalCount":0,"newCount":0,"usedCount":1}]`
	if got := string(v2.AppendUsageRows(nil, tally, v2.Profile60)); got != want60 {
		t.Errorf("6.0: %s", got)
	}
	if got := v2.UnitKinds(tally); got != "Mixed" {
		t.Errorf("units: %q", got)
	}
	if got := string(v2.AppendUsageRows(nil, &metering.Tally{}, v2.Profile30)); got != "[]" {
		t.Errorf("nothing: %s", got)
	}
}

func TestMissingNames(t *testing.T) {
	t.Parallel()
	tally := &metering.Tally{}
	for i := range 12 {
		tally.Servers = append(tally.Servers, metering.Source{Name: fmt.Sprintf("s%d", i), Unknown: i%2 == 1, Stale: i%2 == 0})
	}
	if got, want := v2.Missing(tally), "s1,s3,s5,s7,s9,s11,s0,s2,s4,s6,%E2%80%A6"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	tally.Servers = []metering.Source{{Name: "ä\r\n,b", Stale: true}, {Name: "fine"}}
	if got, want := v2.Missing(tally), "%C3%A4%0D%0A%2Cb"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Tallies are asked for where their figures are shown, and of all companies together only where there are such servers at all.
func TestOnlyWhatIsShownIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	counting := &countingLedger{Ledger: w.ledger}
	s, err := v2.New(v2.Options{
		Companies: w.store, Servers: w.store, Ledger: counting, Alarms: w.store, Inventory: w.store, Users: w.store, Records: w.store, Access: w.access, Now: w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(s)
	products := usage.ProductCount
	for path, want := range map[string]int{
		"/v2/tenants": 2 * products, "/v2/tenants?$top=1": products, "/v2/tenants?$skip=1": products, "/v2/tenants?$select=id,name,_links": 0,
		"/v2/tenants?$filter=name%20eq%20'Northwind'%20and%20vMsBackedUp%20gt%200": products,
		"/v2/licenseSettings": 5, // each of two companies: its own backup server, and the shared Cloud Connect; of nobody's, that
	} {
		counting.asked = 0
		if w.get(path); counting.asked != want {
			t.Errorf("%s: %d tallies were asked for, want %d", path, counting.asked, want)
		}
	}
}

type countingLedger struct {
	*ledger.Ledger
	asked int
}

func (c *countingLedger) Usage(ctx context.Context, q ledger.Query) (*metering.Tally, error) {
	c.asked++
	return c.Ledger.Usage(ctx, q)
}

var _ v2.Servers = fleet.ServerStore(nil)

// A figure for now that is kept asks the store for nothing, whoever's readings come in; a removed company is gone at once.
func TestUsageNowAsksNoStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	companies := &countingCompanies{of: w.store}
	s, err := v2.New(v2.Options{Companies: companies, Servers: w.store, Ledger: w.ledger, Alarms: w.store, Inventory: w.store, Users: w.store, Records: w.store, Access: w.access, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(s)
	defer watched(t, w)()
	company := must[fleet.Company](t)(w.store.Company(t.Context(), 2))
	paths := []string{usagePath, "/v2/tenants/" + strings.ToUpper(company.UID) + "/licensing/backupServerUsage"}
	want := w.get(paths[0])
	w.get(paths[1])
	companies.asked = 0
	other := vbrReading(w.clock.Now())
	other.Server.InstallationID = "dead0000-0000-4000-8000-000000000003"
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 3, false, other)) // company 3's
	for _, path := range paths {
		if got := w.get(path); got != want || companies.asked != 0 {
			t.Errorf("%s: %s, %d questions", path, got, companies.asked)
		}
	}
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 1, false, vbrReading(w.clock.Now())))
	if got := w.get(usagePath); got != want || companies.asked != 1 {
		t.Errorf("after its own reading: %s, %d questions", got, companies.asked)
	}
	removed := w.clock.Now()
	company.RemovedAt = &removed
	if err := w.store.UpdateCompany(t.Context(), company, nil, removed); err != nil {
		t.Fatal(err)
	}
	w.ledger.Refresh(t.Context())
	for _, path := range append(paths, usagePath) {
		if status, _, body := w.do(http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("%s of a removed company: %d %s", path, status, body)
		}
	}
}

type countingCompanies struct {
	of    v2.Companies
	asked int
}

func (c *countingCompanies) Company(ctx context.Context, id usage.CompanyID) (fleet.Company, error) {
	c.asked++
	return c.of.Company(ctx, id)
}

func (c *countingCompanies) Companies(ctx context.Context) ([]fleet.Company, error) {
	c.asked++
	return c.of.Companies(ctx)
}

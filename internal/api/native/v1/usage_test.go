package v1_test

import (
	"maps"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// What the servers add is the figure of them.
func TestServersAddUpToTheFigure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "VBR03", Company: 2, InstallationID: "vbr03"}))
	reading := vbrReading("vbr03", "web", 2, october.Add(-time.Hour))
	reading.Workloads = append(reading.Workloads, usage.Workload{ID: "pc", Name: "pc", Type: "VBR_Workstation_Agent", FirstProtectedAt: reading.Workloads[0].FirstProtectedAt})
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), other.ID, false, reading))
	got := in[struct {
		Rows    []figure.Row
		Servers []struct{ Rows []figure.Row }
	}](t, w.get("/companies/2/usage/backupServer"))
	type key struct {
		kind string
		unit usage.UnitKind
	}
	sum := func(into map[key]figure.Amounts, rows []figure.Row) {
		for _, r := range rows {
			k := key{r.Type, r.Unit}
			a := into[k]
			into[k] = figure.Amounts{
				Used: a.Used + r.Used, UsedUnits: a.UsedUnits + r.UsedUnits, New: a.New + r.New, NewUnits: a.NewUnits + r.NewUnits,
				Rental: a.Rental + r.Rental, RentalUnits: a.RentalUnits + r.RentalUnits,
			}
		}
	}
	whole, parts := map[key]figure.Amounts{}, map[key]figure.Amounts{}
	sum(whole, got.Rows)
	for _, v := range got.Servers {
		if len(v.Rows) == 0 {
			t.Errorf("a server adds nothing: %+v", got.Servers)
		}
		sum(parts, v.Rows)
	}
	if len(got.Servers) != 2 || len(whole) != 2 || !maps.Equal(whole, parts) {
		t.Errorf("%+v of %d servers, which add up to %+v", whole, len(got.Servers), parts)
	}
}

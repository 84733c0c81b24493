package metrics

import (
	"context"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

var (
	unitsDesc    = desc("tallystick_company_units", "Units of a company now, by resource; absent: there are none, or they could not be counted.", "company", "uid", "resource", "kind", "unit")
	completeDesc = desc("tallystick_company_complete", "Whether no server behind the figure is unknown or stale; 0 also where it could not be counted.", "company", "uid", "resource")
	droppedDesc  = desc("tallystick_company_series_dropped", "Companies whose usage is not told, since there are more than the limit.")
)

// resources are what figures are told of, as API v2 names them.
var resources = [usage.ProductCount]string{"backupServerUsage", "cloudConnectUsage", "availabilityConsoleUsage"}

// companies tells the usage of the first companies by their numbers, as many as the limit allows.
func (m *Metrics) companies(ctx context.Context, f *found) error {
	all, err := m.options.Sources.Store.Companies(ctx)
	if err != nil {
		return err
	}
	unassigned, err := m.options.Sources.Store.Company(ctx, usage.Unassigned)
	if err != nil {
		return err
	}
	told := min(len(all), m.options.Companies-1) // what belongs to nobody comes first
	f.gauge(droppedDesc, float64(len(all)-told))
	m.company(ctx, f, &unassigned)
	for i := range all[:told] {
		m.company(ctx, f, &all[i])
	}
	return ctx.Err()
}

func (m *Metrics) company(ctx context.Context, f *found, c *fleet.Company) {
	for i, product := range usage.Products() {
		company, resource := c.ID.String(), resources[i]
		tally, err := m.options.Sources.Ledger.Usage(ctx, ledger.Query{Company: c.ID, Product: product})
		if err != nil {
			f.gauge(completeDesc, 0, company, c.UID, resource)
			continue
		}
		if tally.NoSource {
			continue
		}
		complete := 0.
		if tally.Complete {
			complete = 1
		}
		f.gauge(completeDesc, complete, company, c.UID, resource)
		for unit, u := range add(tally.Rows) {
			for kind, units := range map[string]usage.Units{"used": u.Used.Units, "new": u.New.Units, "rental": u.Rental.Units} {
				f.gauge(unitsDesc, float64(units)/float64(usage.One), company, c.UID, resource, kind, string(unit))
			}
		}
	}
}

// add gives the sums of rows by unit kind.
func add(rows []metering.Row) map[usage.UnitKind]metering.Row {
	sums := make(map[usage.UnitKind]metering.Row, 1)
	for i := range rows {
		r := &rows[i]
		sum := sums[r.Unit]
		sum.Used.Units += r.Used.Units
		sum.New.Units += r.New.Units
		sum.Rental.Units += r.Rental.Units
		sums[r.Unit] = sum
	}
	return sums
}

package statement

import (
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// byPeak reports whether a type's largest number of the month is what is used (C37).
func byPeak(product usage.Product, typ string) bool {
	return product == usage.ProductConsole && strings.HasPrefix(typ, "VAC_")
}

// peak is the instant at which the most workloads of a row were used.
type peak struct {
	at        time.Time
	used      metering.Amount
	parts     []part
	workloads []Workload
}

// beats: the larger number, then the larger units; of equal ones the earlier stays (C37).
func (p *peak) beats(o *peak) bool {
	if p.used.Count != o.used.Count {
		return p.used.Count > o.used.Count
	}
	return p.used.Units > o.used.Units
}

// findPeaks looks at the first instant of the month and at every reading in it, each evaluated whole (C37).
func (c *counting) findPeaks(product usage.Product) error {
	from := c.month.Start(c.zone)
	err := c.evidence.Examined(c.ctx, product, from, c.content.At.Add(time.Microsecond), func(facts metering.Facts, t *metering.Tally) {
		for i := range t.Rows {
			if row := &t.Rows[i]; byPeak(product, row.Type) && row.Used.Count > 0 {
				c.consider(product, &facts, t, row)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, p := range c.peaks {
		c.parts = append(c.parts, p.parts...)
		c.workloads = append(c.workloads, p.workloads...)
	}
	slices.SortFunc(c.workloads, compareWorkloads)
	return nil
}

func (c *counting) consider(product usage.Product, facts *metering.Facts, t *metering.Tally, row *metering.Row) {
	key := RowKey{product, row.Type, row.Unit}
	p := peak{at: t.At.UTC(), used: row.Used}
	if known, found := c.peaks[key]; found && !p.beats(&known) {
		return
	}
	for i := range t.Servers {
		for _, r := range t.Servers[i].Rows {
			if r.Type == row.Type && r.Unit == row.Unit && r.Used.Count > 0 {
				p.parts = append(p.parts, part{c.classOf(&facts.Servers[i]), product, metering.Row{Type: r.Type, Unit: r.Unit, Used: r.Used}})
			}
		}
	}
	for i := range t.Members {
		if m := &t.Members[i]; m.State == metering.Used && m.Type == row.Type && m.Unit == row.Unit {
			w := toWorkload(product, m, source(t, m.Server))
			w.PeakAt = &p.at
			p.workloads = append(p.workloads, w)
		}
	}
	c.peaks[key] = p
}

func source(t *metering.Tally, id usage.ServerID) *metering.Source {
	at := slices.IndexFunc(t.Servers, func(s metering.Source) bool { return s.Server == id })
	return &t.Servers[at]
}

package statement

import (
	"fmt"
	"maps"
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

// peakKey is what has a peak: a type, over all unit kinds (C37).
type peakKey struct {
	product usage.Product
	typ     string
}

// peak is the instant at which the most workloads of a type were used; units of several kinds are compared as plain numbers.
type peak struct {
	at        time.Time
	used      metering.Amount
	standings []standing // of all servers that were there then
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
			if typ := t.Rows[i].Type; byPeak(product, typ) && !slices.ContainsFunc(t.Rows[:i], func(r metering.Row) bool { return r.Type == typ }) {
				c.consider(product, &facts, t, typ)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.peaks), func(a, b peakKey) int { return strings.Compare(a.typ, b.typ) }) {
		p := c.peaks[key]
		c.parts = append(c.parts, p.parts...)
		c.workloads = append(c.workloads, p.workloads...)
		for i := range p.standings {
			if err := c.addAtPeak(key, &p, &p.standings[i]); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(c.workloads, compareWorkloads)
	return nil
}

// addAtPeak takes a server of a peak: also where it is gone since, what it adds is its own; and what would need a reason
// at the end of the month needs one here, too (C40).
func (c *counting) addAtPeak(key peakKey, p *peak, s *standing) error {
	src := s.source
	adds := slices.ContainsFunc(p.parts, func(p part) bool { return p.server == src.Server })
	switch at := p.at.Format(time.RFC3339); {
	case src.Unknown:
		c.addIssue(fmt.Sprintf("%s was not read before the peak of %s at %s: nothing of it is in that", src.Name, key.typ, at), "unknown/%d/%s", src.Server, key.typ)
	case src.Stale && adds:
		c.addIssue(fmt.Sprintf("%s was last read %s before the peak of %s at %s", src.Name, src.TakenAt.UTC().Format(time.RFC3339), key.typ, at), "stale/%d/%s", src.Server, key.typ)
	}
	c.addFlags(s, func(typ string) bool { return typ == key.typ })
	if adds && c.company == usage.Unassigned {
		c.addIssue(src.Name+" listed workloads that belong to no company", "unassigned/%d", src.Server)
	}
	known := slices.ContainsFunc(c.content.Servers, func(o Server) bool { return o.ID == src.Server && o.Product == key.product })
	if known || !adds {
		return nil
	}
	s.gone = p.at
	return c.addServer(key.product, s)
}

// consider looks at a type at an instant, whatever its unit kinds: one machine has one of them at a time.
func (c *counting) consider(product usage.Product, facts *metering.Facts, t *metering.Tally, typ string) {
	p := peak{at: t.At.UTC()}
	for i := range t.Rows {
		if r := &t.Rows[i]; r.Type == typ {
			p.used.Count += r.Used.Count
			p.used.Units += r.Used.Units
		}
	}
	key := peakKey{product, typ}
	if known, found := c.peaks[key]; p.used.Count == 0 || found && !p.beats(&known) {
		return
	}
	p.standings = standingsIn(facts, t)
	for i := range t.Servers {
		for _, r := range t.Servers[i].Rows {
			if r.Type == typ && r.Used.Count > 0 {
				l := c.licenseOf(&facts.Servers[i])
				p.parts = append(p.parts, part{t.Servers[i].Server, l.Class, product, metering.Row{Type: r.Type, Unit: r.Unit, Used: r.Used}, l})
			}
		}
	}
	for i := range t.Members {
		if m := &t.Members[i]; m.State == metering.Used && m.Type == typ {
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

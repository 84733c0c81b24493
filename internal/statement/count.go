package statement

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Counter counts months. What it gives is a function of the entries before the cutoff (C42).
type Counter struct {
	Ledger *ledger.Ledger
	Policy fleet.PolicyStore
}

// Count counts a company's month from the entries before a cutoff, with the workloads behind it. now is when it is asked
// for, if the month may not be over yet: it is then counted as if it ended there; zero: the whole month.
func (k Counter) Count(ctx context.Context, company usage.CompanyID, month usage.Month, before usage.Position, now time.Time) (content Content, workloads []Workload, err error) {
	err = k.From(ctx, company, before, func(evidence Evidence) error {
		content, workloads, err = CountFrom(ctx, evidence, company, month, now)
		return err
	})
	return content, workloads, err
}

// CountFrom is Count from evidence, wherever that lies.
func CountFrom(ctx context.Context, evidence Evidence, company usage.CompanyID, month usage.Month, now time.Time) (Content, []Workload, error) {
	c := counting{evidence: evidence, ctx: ctx, company: company, month: month, now: now, peaks: make(map[peakKey]peak)}
	err := c.run()
	return c.content, c.workloads, err
}

// counting is one call of CountFrom.
type counting struct {
	evidence  Evidence
	ctx       context.Context //nolint:containedctx // it lives as long as one call
	company   usage.CompanyID
	month     usage.Month
	now       time.Time
	zone      *time.Location
	licensees []string // the provider's names, folded; none: nothing is foreign

	content   Content
	workloads []Workload
	parts     []part
	peaks     map[peakKey]peak
}

// part is what a server adds to a row.
type part struct {
	server  usage.ServerID
	class   LicenseClass
	product usage.Product
	row     metering.Row
	license *License // as of the peak, where one counts; nil: as of the month's end
}

// standing is one server's part in the month: as it was reported at the end in UTC, or else as it was counted at the end
// in the zone (C36).
type standing struct {
	facts  *metering.Server
	tally  *metering.Tally
	source *metering.Source
	gone   time.Time // when it was there last, if that is a peak (C37); zero: it is there at the end
}

func (c *counting) run() error {
	utc := c.atMost(c.month.Last(time.UTC))
	facts, _, err := c.evidence.At(c.ctx, usage.ProductVBR, utc)
	if err != nil {
		return err
	}
	c.zone = facts.Zone
	c.content = Content{Zone: c.zone.String(), At: c.atMost(c.month.Last(c.zone)), AtUTC: utc, Servers: []Server{}, Issues: []Issue{}}
	if err := c.readLicensees(); err != nil {
		return err
	}
	for _, product := range usage.Products() {
		if err := c.countProduct(product); err != nil {
			return err
		}
	}
	return c.total()
}

// atMost gives an instant, or when it is counted if that is earlier.
func (c *counting) atMost(t time.Time) time.Time {
	if !c.now.IsZero() && c.now.Before(t) {
		t = c.now
	}
	return t.UTC()
}

// readLicensees gives the names that are valid at the end of the month.
func (c *counting) readLicensees() error {
	facts, err := c.evidence.Licensees(c.ctx)
	if err != nil {
		return err
	}
	names, _ := usage.ValueAt(facts, c.content.At)
	for name := range strings.Lines(names) {
		c.licensees = append(c.licensees, fold(name))
	}
	return nil
}

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// countProduct takes what a product's servers say of the month.
func (c *counting) countProduct(product usage.Product) error {
	standings, err := c.standings(product)
	if err != nil {
		return err
	}
	for i := range standings {
		s := &standings[i]
		c.content.Catalog = s.tally.Catalog
		if err := c.addServer(product, s); err != nil {
			return err
		}
		c.addIssues(s)
		for j := range s.source.Rows {
			c.addPart(product, s.facts, s.source.Rows[j])
		}
		c.addMembers(product, s)
	}
	if product == usage.ProductConsole {
		return c.findPeaks(product)
	}
	return nil
}

// standings gives the servers of a product that are there at the end of the month, in their order. A server whose
// counters answer belongs where it is at the end in UTC: there, if they answer; by its list, if that answers there; and
// nowhere, if it is not the company's there.
func (c *counting) standings(product usage.Product) ([]standing, error) {
	zoned, err := c.at(product, c.content.At)
	if err != nil || c.content.At.Equal(c.content.AtUTC) {
		return zoned, err
	}
	utc, err := c.at(product, c.content.AtUTC)
	if err != nil {
		return nil, err
	}
	ofZone, all := make(map[usage.ServerID]standing, len(zoned)), make([]standing, 0, len(zoned))
	for _, s := range zoned {
		ofZone[s.source.Server] = s
		if s.source.Origin != metering.FromReport && !reportedIn(utc, s.source.Server) {
			all = append(all, s)
		}
	}
	for _, s := range utc {
		z, there := ofZone[s.source.Server]
		if s.source.Origin == metering.FromReport || there && z.source.Origin == metering.FromReport {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b standing) int { return cmp.Compare(a.source.Server, b.source.Server) })
	return all, nil
}

func reportedIn(standings []standing, server usage.ServerID) bool {
	return slices.ContainsFunc(standings, func(s standing) bool { return s.source.Server == server && s.source.Origin == metering.FromReport })
}

func (c *counting) at(product usage.Product, at time.Time) ([]standing, error) {
	facts, tally, err := c.evidence.At(c.ctx, product, at)
	if err != nil {
		return nil, err
	}
	c.content.Catalog = tally.Catalog
	return standingsIn(&facts, tally), nil
}

func standingsIn(facts *metering.Facts, tally *metering.Tally) []standing {
	all := make([]standing, len(tally.Servers))
	for i := range tally.Servers {
		all[i] = standing{facts: &facts.Servers[i], tally: tally, source: &tally.Servers[i]}
	}
	return all
}

// addPart adds a row of a server; where the peak counts, what is used at the end of the month is not it.
func (c *counting) addPart(product usage.Product, s *metering.Server, row metering.Row) {
	if byPeak(product, row.Type) {
		row.Used = metering.Amount{}
	}
	c.parts = append(c.parts, part{s.ID, c.classOf(s), product, row, nil})
}

// classOf says whose license a server has, as of its latest reading (C41).
func (c *counting) classOf(s *metering.Server) LicenseClass {
	l := &s.Snapshot.License
	switch {
	case l.Type.Free():
		return Free
	case len(c.licensees) > 0 && !slices.Contains(c.licensees, fold(l.LicensedTo)):
		return Foreign
	default:
		return Provider
	}
}

// total adds everything up: over all, and apart by class and by server.
func (c *counting) total() (err error) {
	if c.content.Rows, err = c.rows(c.parts); err != nil {
		return err
	}
	c.content.Classes = []Class{}
	for _, class := range []LicenseClass{Provider, Foreign, Free} {
		rows, err := c.rowsOf(func(p *part) bool { return p.class == class })
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			c.content.Classes = append(c.content.Classes, Class{class, rows})
		}
	}
	slices.SortFunc(c.content.Servers, func(a, b Server) int {
		return cmp.Or(cmp.Compare(a.Product.Index(), b.Product.Index()), cmp.Compare(a.ID, b.ID))
	})
	for i := range c.content.Servers {
		s := &c.content.Servers[i]
		if s.Rows, err = c.rowsOf(func(p *part) bool { return p.server == s.ID && p.product == s.Product }); err != nil {
			return err
		}
		s.Zero = !s.Unknown && len(s.Rows) == 0
		for j := range s.Rows {
			s.Rows[j].PeakLicense = c.peakLicense(s, &s.Rows[j])
		}
	}
	c.content.Workloads = len(c.workloads)
	c.content.Digest = digestOf(c.workloads)
	return nil
}

// peakLicense gives the license that a server had at the peak of a row, if that was another one than it has (C37, C41).
func (c *counting) peakLicense(s *Server, row *Row) *License {
	for i := range c.parts {
		p := &c.parts[i]
		if p.license != nil && p.server == s.ID && row.RowKey == (RowKey{p.product, p.row.Type, p.row.Unit}) && (s.License == nil || *p.license != *s.License) {
			return p.license
		}
	}
	return nil
}

func (c *counting) rowsOf(which func(*part) bool) ([]Row, error) {
	var of []part
	for i := range c.parts {
		if which(&c.parts[i]) {
			of = append(of, c.parts[i])
		}
	}
	return c.rows(of)
}

func (c *counting) rows(parts []part) ([]Row, error) {
	weights, err := c.evidence.Catalog(c.ctx, c.content.Catalog)
	if err != nil {
		return nil, err
	}
	out := []Row{}
	for _, product := range usage.Products() {
		var of []metering.Row
		for _, p := range parts {
			if p.product == product {
				of = append(of, p.row)
			}
		}
		total, err := metering.Total(weights, of)
		if err != nil {
			return nil, err
		}
		for i := range total {
			r := &total[i]
			row := Row{RowKey: RowKey{product, own(r.Type), own(r.Unit)}, Used: amount(r.Used), New: amount(r.New), Rental: amount(r.Rental)}
			if p, peaked := c.peaks[peakKey{product, r.Type}]; peaked && r.Used.Count > 0 {
				row.PeakAt = &p.at
			}
			out = append(out, row)
		}
	}
	return out, nil
}

func amount(a metering.Amount) Amount { return Amount{a.Count, a.Units} }

package v1

import (
	"bufio"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// resources are those of figures, in the order of their names, in which lists have them.
func resources() []figure.Resource {
	return slices.Sorted(slices.Values(figure.Resources()))
}

// resource is that of the path, with its product.
func (c *call) resource() (figure.Resource, usage.Product, error) {
	r := figure.Resource(c.id("resource"))
	product, err := r.Product()
	if err != nil {
		return r, product, fault.Wrap(err, fault.NotFound, "There is no usage of %q: there is of backupServer, cloudConnect and availabilityConsole.", r)
	}
	return r, product, nil
}

func (c *call) resourceOption() figure.Resource {
	return figure.Resource(c.word("resource", string(figure.BackupServer), string(figure.CloudConnect), string(figure.AvailabilityConsole)))
}

// getUsage answers with the figure, and with explain=true with all that it is made of.
func (s *Surface) getUsage(c *call) (any, error) {
	company, err := s.company(c, access.Read)
	if err != nil {
		return nil, err
	}
	resource, product, err := c.resource()
	if err != nil {
		return nil, err
	}
	q := ledger.Query{Company: company.ID, Product: product, At: c.instant("at"), RecordedBefore: c.instant("recordedBefore"), Members: c.flag("explain")}
	if err := c.err(); err != nil {
		return nil, err
	}
	tally, err := s.Ledger.Usage(c.ctx(), q)
	if err != nil {
		return nil, err
	}
	said := figure.Of(company.ID, resource, tally.At, tally)
	if c.only() != 0 {
		said.WithoutGapTexts()
	}
	if len(tally.Members) > explainedMax {
		return api.Raw{ContentType: contentType, Stream: func(w *bufio.Writer) error { return figure.WriteExplained(w, encode(said), tally) }}, nil
	}
	if q.Members {
		said.Explanation = figure.Explain(tally)
	}
	return object{value: said}, nil
}

// explainedMax is how many workloads explain a figure in one piece, with an ETag; more are sent as they are written.
const explainedMax = 10_000

func (s *Surface) getUsageDiff(c *call) (any, error) {
	company, err := s.company(c, access.Read)
	if err != nil {
		return nil, err
	}
	resource, product, err := c.resource()
	if err != nil {
		return nil, err
	}
	q := ledger.Span{Company: company.ID, Product: product, From: c.instant("from"), To: c.instant("to"), RecordedBefore: c.instant("recordedBefore")}
	if c.option("from") == "" {
		c.fail("from", "is required")
	}
	if q.To.IsZero() {
		q.To = s.Now()
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	d, err := s.Ledger.Diff(c.ctx(), q)
	if err != nil {
		return nil, err
	}
	for _, changes := range [][]metering.Change{d.Changes, d.Beside} {
		for i := range changes {
			if !c.sees(changes[i].Company) { // it is not said whose a workload was, or is now
				changes[i].Company = 0
			}
		}
	}
	return object{value: figure.DiffOf(company.ID, resource, &d)}, nil
}

// usageRow is a row of a company's figure. A figure without rows is a row without type and amounts: nothing was counted, which is no
// zero where it is not complete.
type usageRow struct {
	Company     int64        `json:"company"`
	CompanyName string       `json:"companyName"`
	Resource    string       `json:"resource"`
	Type        *string      `json:"type"`
	Unit        *string      `json:"unit"`
	Used        *int64       `json:"used"`
	UsedUnits   *usage.Units `json:"usedUnits"`
	New         *int64       `json:"new"`
	NewUnits    *usage.Units `json:"newUnits"`
	Rental      *int64       `json:"rental"`
	RentalUnits *usage.Units `json:"rentalUnits"`
	At          instant      `json:"at"`
	AsOf        *instant     `json:"asOf"`
	Complete    bool         `json:"complete"`
	Unknown     []string     `json:"unknown"` // servers that add nothing
	Stale       []string     `json:"stale"`   // servers whose reading is old
}

// listUsage gives the rows of all figures that rest on a server.
func (s *Surface) listUsage(c *call) (any, error) {
	of, resource := c.option("company"), c.resourceOption()
	q := ledger.Query{At: c.instant("at"), RecordedBefore: c.instant("recordedBefore")}
	if err := c.err(); err != nil {
		return nil, err
	}
	companies, err := s.asked(c, of)
	if err != nil {
		return nil, err
	}
	return rows[usageRow]{identity: "company,resource,type,unit", each: func(ctx context.Context, from []query.Value, yield func(*usageRow) bool) error {
		return eachTally(ctx, s.Ledger.Usage, companies, resource, firstOf(c, from), q, func(company *fleet.Company, resource figure.Resource, t *metering.Tally) bool {
			if len(t.Servers) == 0 {
				return true
			}
			list := usageRowsOf(company, resource, t)
			for i := range list {
				if !yield(&list[i]) {
					return false
				}
			}
			return true
		})
	}}, nil
}

// firstOf is the company that a page goes on with; 0: it begins. An order of its own needs all.
func firstOf(c *call, from []query.Value) usage.CompanyID {
	if len(from) == 0 || c.option("sort") != "" {
		return 0
	}
	return usage.CompanyID(from[0].Number)
}

// asked are the companies that an option names: one, or all that the caller sees, with Unassigned for the provider.
func (s *Surface) asked(c *call, ref string) ([]fleet.Company, error) {
	if ref != "" {
		company, err := s.companyNamed(c, ref, access.Read, true)
		if fault.Is(err, fault.NotFound) {
			c.fail("company", "%s", strings.TrimSuffix(fault.Text(err), "."))
			err = c.err()
		}
		return []fleet.Company{company}, err
	}
	companies, err := s.companies(c)
	if err != nil || c.only() != 0 {
		return companies, err
	}
	unassigned, err := s.Companies.Company(c.ctx(), usage.Unassigned)
	return append([]fleet.Company{unassigned}, companies...), err
}

// eachTally counts for companies, from one on, in the order of lists.
func eachTally(ctx context.Context, count func(context.Context, ledger.Query) (*metering.Tally, error), companies []fleet.Company, only figure.Resource, from usage.CompanyID, q ledger.Query, visit func(*fleet.Company, figure.Resource, *metering.Tally) bool) error {
	for i := range companies {
		if companies[i].ID < from {
			continue
		}
		for _, resource := range resources() {
			if only != "" && resource != only {
				continue
			}
			product, err := resource.Product()
			if err != nil {
				return err
			}
			q.Company, q.Product = companies[i].ID, product
			tally, err := count(ctx, q)
			if err != nil {
				return err
			}
			if !visit(&companies[i], resource, tally) {
				return nil
			}
		}
	}
	return nil
}

func usageRowsOf(company *fleet.Company, resource figure.Resource, t *metering.Tally) []usageRow {
	head := usageRow{
		Company: int64(company.ID), CompanyName: company.Name, Resource: string(resource), At: instant(t.At), AsOf: at(t.AsOf), Complete: t.Complete,
		Unknown: []string{}, Stale: []string{},
	}
	for i := range t.Servers {
		switch v := &t.Servers[i]; {
		case v.Unknown:
			head.Unknown = append(head.Unknown, v.Name)
		case v.Stale:
			head.Stale = append(head.Stale, v.Name)
		}
	}
	if len(t.Rows) == 0 {
		return []usageRow{head}
	}
	list := make([]usageRow, len(t.Rows))
	for i := range t.Rows {
		r, v := &t.Rows[i], head
		v.Type, v.Unit = textOrNull(r.Type), textOrNull(r.Unit)
		v.Used, v.UsedUnits, v.New, v.NewUnits, v.Rental, v.RentalUnits = &r.Used.Count, &r.Used.Units, &r.New.Count, &r.New.Units, &r.Rental.Count, &r.Rental.Units
		list[i] = v
	}
	slices.SortFunc(list, func(a, b usageRow) int { return cmp.Or(cmp.Compare(*a.Type, *b.Type), cmp.Compare(*a.Unit, *b.Unit)) })
	return list
}

// usageDay is a row of the figure at the end of a day; without type and amounts, as in usageRow, where there is none.
type usageDay struct {
	Day         string       `json:"day"`
	Type        *string      `json:"type"`
	Unit        *string      `json:"unit"`
	Used        *int64       `json:"used"`
	UsedUnits   *usage.Units `json:"usedUnits"`
	New         *int64       `json:"new"`
	NewUnits    *usage.Units `json:"newUnits"`
	Rental      *int64       `json:"rental"`
	RentalUnits *usage.Units `json:"rentalUnits"`
	At          instant      `json:"at"`
	AsOf        *instant     `json:"asOf"`
	Complete    bool         `json:"complete"`
	Unknown     []string     `json:"unknown"`
	Stale       []string     `json:"stale"`
}

func (s *Surface) listUsageDays(c *call) (any, error) {
	company, err := s.company(c, access.Read)
	if err != nil {
		return nil, err
	}
	resource, product, err := c.resource()
	if err != nil {
		return nil, err
	}
	calendar, err := s.Directory.Calendar(c.ctx())
	if err != nil {
		return nil, err
	}
	q := ledger.Days{Company: company.ID, Product: product, First: c.day("from"), Last: c.day("to"), RecordedBefore: c.instant("recordedBefore")}
	if c.option("to") == "" {
		q.Last = calendar.Of(s.Now())
	}
	if c.option("from") == "" {
		c.fail("from", "is required")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	days, err := s.Ledger.Series(c.ctx(), q)
	if err != nil {
		return nil, err
	}
	list := []usageDay{}
	for _, d := range days {
		for _, r := range usageRowsOf(&company, resource, d.Tally) {
			list = append(list, usageDay{
				d.Date.String(), r.Type, r.Unit, r.Used, r.UsedUnits, r.New, r.NewUnits, r.Rental, r.RentalUnits, instant(d.At), r.AsOf, r.Complete, r.Unknown, r.Stale,
			})
		}
	}
	return rowsOf("day,type,unit", list), nil
}

// day reads an option as 2026-10-31.
func (c *call) day(name string) (d usage.Date) {
	text := c.option(name)
	if text == "" {
		return d
	}
	d, err := usage.ParseDate(text)
	if err != nil {
		c.fail(name, "%q is no day as 2026-10-31", text)
	}
	return d
}

// workload is a workload as it is counted at an instant.
type workload struct {
	Company          int64       `json:"company"`
	Resource         string      `json:"resource"`
	Server           int64       `json:"server"`
	ServerName       string      `json:"serverName"`
	Tenant           string      `json:"tenant"`
	ID               string      `json:"id"`
	Name             string      `json:"name"`
	Type             string      `json:"type"`
	StatedType       string      `json:"statedType"`
	State            string      `json:"state"`
	Rule             string      `json:"rule"`
	Why              string      `json:"why"`
	Answers          bool        `json:"answers"` // it is in a row of the figure
	Unit             string      `json:"unit"`
	Units            usage.Units `json:"units"`
	FirstProtectedAt *instant    `json:"firstProtectedAt"`
	LastProtectedAt  *instant    `json:"lastProtectedAt"`
	ListedAt         *instant    `json:"listedAt"`
}

// listWorkloads goes over companies, one figure at a time: there may be millions.
func (s *Surface) listWorkloads(c *call) (any, error) {
	of, resource, text := c.option("company"), c.resourceOption(), strings.ToLower(c.option("search"))
	q := ledger.Query{At: c.instant("at"), RecordedBefore: c.instant("recordedBefore"), Members: true}
	if err := c.err(); err != nil {
		return nil, err
	}
	companies, err := s.asked(c, of)
	if err != nil {
		return nil, err
	}
	list := rows[workload]{identity: "company,resource,server,tenant,id", each: func(ctx context.Context, from []query.Value, yield func(*workload) bool) error {
		var row workload
		first := firstOf(c, from)
		return eachTally(ctx, s.Ledger.Paged, companies, resource, first, q, func(company *fleet.Company, resource figure.Resource, t *metering.Tally) bool {
			begin := 0
			if first == company.ID && string(resource) == from[1].Text {
				begin = placeOf(t, usage.ServerID(from[2].Number), usage.WorkloadKey{Tenant: from[3].Text, ID: from[4].Text})
			}
			return eachWorkload(t, begin, func(m *metering.Member, source *metering.Source) bool {
				if text != "" && !slices.ContainsFunc([]string{m.Name, m.Key.ID, m.Key.Tenant}, func(in string) bool { return strings.Contains(strings.ToLower(in), text) }) {
					return true
				}
				row = toWorkload(company.ID, resource, m, source)
				return yield(&row)
			})
		})
	}}
	if of == "" && c.only() == 0 {
		list.inTurn = "goes with company: over all companies, workloads come in the order of company, resource, server, tenant and id"
	}
	return list, nil
}

// placeOf gives where in a tally the members begin that do not come before a workload.
func placeOf(t *metering.Tally, server usage.ServerID, key usage.WorkloadKey) int {
	place, _ := slices.BinarySearchFunc(t.Members, server, func(m metering.Member, server usage.ServerID) int {
		return cmp.Or(cmp.Compare(m.Server, server), m.Key.Compare(key))
	})
	return place
}

// eachWorkload visits the members of a tally from one on: they are in the order of lists.
func eachWorkload(t *metering.Tally, begin int, visit func(*metering.Member, *metering.Source) bool) bool {
	sources := make(map[usage.ServerID]*metering.Source, len(t.Servers))
	for i := range t.Servers {
		sources[t.Servers[i].Server] = &t.Servers[i]
	}
	for i := begin; i < len(t.Members); i++ {
		if m := &t.Members[i]; !visit(m, sources[m.Server]) {
			return false
		}
	}
	return true
}

func toWorkload(company usage.CompanyID, resource figure.Resource, m *metering.Member, s *metering.Source) workload {
	return workload{
		int64(company), string(resource), int64(m.Server), s.Name, m.Key.Tenant, m.Key.ID, m.Name, m.Type, m.Stated, string(m.State), m.Rule, m.Words(),
		s.Origin == metering.FromList && m.State.Charged(), string(m.Unit), m.Units, at(m.First), at(m.Last), at(s.ListAt),
	}
}

// stretch is a time in which a workload's state was the same.
type stretch struct {
	From    instant      `json:"from"`
	Company int64        `json:"company"`
	Known   bool         `json:"known"` // false: no list of the server is known for then
	State   *string      `json:"state"` // null: absent, or not known
	Rule    *string      `json:"rule"`
	Why     *string      `json:"why"`
	Name    *string      `json:"name"`
	Type    *string      `json:"type"`
	Unit    *string      `json:"unit"`
	Units   *usage.Units `json:"units"`
}

// lifeBack is how many months back a life is shown where nothing is said, from the first of its month: its first stretch begins there,
// and a page that goes on behind it must find it at the same instant.
const lifeBack = 13

func (s *Surface) getLife(c *call) (any, error) {
	found, err := s.server(c, access.Read)
	if err != nil {
		return nil, err
	}
	from, until := c.period(s.Now(), func(end time.Time) time.Time {
		return time.Date(end.UTC().Year(), end.UTC().Month()-lifeBack, 1, 0, 0, 0, 0, time.UTC)
	})
	if err := c.err(); err != nil {
		return nil, err
	}
	life, listed, err := s.Figures.Life(c.ctx(), &found, usage.WorkloadKey{Tenant: c.options.Get("tenant"), ID: c.id("workload")}, from, until)
	if err != nil {
		return nil, err
	}
	list := []stretch{}
	for i := range life {
		if c.sees(life[i].Company) { // it may have been another company's before
			list = append(list, toStretch(&life[i]))
		}
	}
	if !listed || len(list) == 0 {
		return nil, fault.New(fault.NotFound, "The server lists no workload %q in this time; on a shared server, tenant says whose.", c.id("workload"))
	}
	return rowsOf("from", list), nil
}

func toStretch(l *ledger.Stretch) stretch {
	out := stretch{From: instant(l.From), Company: int64(l.Company), Known: !l.Unknown}
	if m := l.Member; m != nil {
		why := m.Words()
		out.State, out.Rule, out.Why, out.Name = textOrNull(m.State), textOrNull(m.Rule), &why, &m.Name
		out.Type, out.Unit, out.Units = &m.Type, textOrNull(m.Unit), &m.Units
	}
	return out
}

// reconciled is a difference between the vendor's counters and our own count (C25).
type reconciled struct {
	Company    int64          `json:"company"` // 0: all companies of a shared server
	Resource   string         `json:"resource"`
	Server     int64          `json:"server"`
	ServerName string         `json:"serverName"`
	Type       string         `json:"type"`
	Unit       string         `json:"unit"`
	Reported   figure.Amounts `json:"reported"`
	Computed   figure.Amounts `json:"computed"`
	Since      instant        `json:"since"`
	Updated    instant        `json:"updated"`
	Closed     *instant       `json:"closed"` // null: it is open
	Candidates []candidate    `json:"candidates"`
}

// candidate is a workload that may be why.
type candidate struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Why    string `json:"why"`
	Text   string `json:"text"`
}

func (s *Surface) listReconciled(c *call) (any, error) {
	q := figure.ReconcileQuery{Resource: c.resourceOption(), Month: c.month("month"), RecordedBefore: c.instant("recordedBefore")}
	if err := c.err(); err != nil {
		return nil, err
	}
	company, err := s.companyOption(c)
	if err != nil {
		return nil, err
	}
	if company != 0 {
		q.Company = &company
	}
	found, err := s.Figures.Reconcile(c.ctx(), q)
	if err != nil {
		return nil, err
	}
	list := make([]reconciled, len(found))
	for i := range found {
		list[i] = toReconciled(&found[i])
	}
	slices.SortStableFunc(list, func(a, b reconciled) int {
		return cmp.Or(cmp.Compare(a.Company, b.Company), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.Unit, b.Unit), time.Time(a.Since).Compare(time.Time(b.Since)))
	})
	return rowsOf("company,resource,server,type,unit,since", list), nil
}

func toReconciled(r *figure.Reconciled) reconciled {
	out := reconciled{
		Company: int64(r.Company), Resource: string(r.Resource), Server: int64(r.Server), ServerName: r.ServerName, Type: r.Type, Unit: string(r.Unit),
		Reported: figure.AmountsOf(&r.Reported), Computed: figure.AmountsOf(&r.Computed), Since: instant(r.Since), Updated: instant(r.Updated), Closed: at(&r.Closed), Candidates: []candidate{},
	}
	for i := range r.Candidates {
		v := &r.Candidates[i]
		out.Candidates = append(out.Candidates, candidate{v.Member.Key.Tenant, v.Member.Key.ID, v.Name, v.Why, v.Words()})
	}
	return out
}

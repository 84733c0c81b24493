package portal

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// workloadsView is the value of the page on which workloads are looked for.
type workloadsView struct {
	Search     string
	Asked      bool
	Own        bool // the reader sees one company alone
	Rows       []foundRow
	Next       string // where the search goes on
	Looked, Of int
	Again      string // where to ask again, while what is listed is still being read
}

type foundRow struct {
	Name, Tenant, ID, To string // to: its life
	Company              link
	Server               link
	Type                 string
	State                metering.State
	Words, ChargedBy     string
	Unit                 usage.UnitKind
	Units                usage.Units
}

// How far a search goes at a time.
const (
	foundMax    = 100
	foundWithin = 2 * time.Second
)

// workloads says where a workload is counted. Who sees one company finds what is in that one's figure.
func (p *Portal) workloads(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	if err := p.ownServers(v); err != nil {
		return nil, err
	}
	out := workloadsView{Search: v.field("search"), Own: v.only() != 0}
	shown := page{name: "workloads", title: p.texts["workloads.title"]}
	if out.Search != "" {
		if err := p.search(v, &out); err != nil {
			return nil, err
		}
		shown.title = out.Search + " – " + shown.title
	}
	shown.data = &out
	return shown, nil
}

func (p *Portal) search(v *visit, out *workloadsView) error {
	company, _ := strconv.ParseInt(v.field("company"), 10, 64) // what is no number is the beginning
	behind, _ := strconv.Atoi(v.field("behind"))
	found, err := p.Figures.Search(v.ctx(), figure.Search{
		Text: out.Search, Only: v.only(), From: figure.Place{Company: usage.CompanyID(company), Behind: max(behind, 0)}, Most: foundMax, Within: foundWithin,
	})
	if err != nil {
		return err
	}
	out.Asked, out.Looked, out.Of = true, found.Looked, found.Of
	if n := found.Next; n != nil {
		q := url.Values{"search": {out.Search}, "company": {n.Company.String()}, "behind": {strconv.Itoa(n.Behind)}}
		out.Next = "/workloads?" + q.Encode()
	}
	if found.Waiting {
		out.Again = v.URL.EscapedPath() + "?" + v.URL.RawQuery
	}
	links := p.companyLinks()
	for i := range found.Found {
		f := &found.Found[i]
		row := foundRow{
			Name: f.Name, Tenant: f.Key.Tenant, ID: f.Key.ID, To: lifePath(f.Server, f.Key), Server: v.serverLink(f.Server, f.ServerName),
			Type: f.Type, State: f.State, Words: f.Words(), Unit: f.Unit, Units: f.Units,
		}
		if f.ChargedBy != nil {
			row.ChargedBy = f.ChargedBy.Key.ID
		}
		if row.Company, err = links.of(v.ctx(), f.Company); err != nil {
			return err
		}
		out.Rows = append(out.Rows, row)
	}
	return nil
}

// lifePath is where a workload's life is told. Ids and tenants may hold anything, also what a path cannot.
func lifePath(server usage.ServerID, key usage.WorkloadKey) string {
	q := url.Values{"server": {server.String()}, "id": {key.ID}}
	if key.Tenant != "" {
		q.Set("tenant", key.Tenant)
	}
	return "/workloads/life?" + q.Encode()
}

// lifeView is the value of the page of one workload.
type lifeView struct {
	Name, ID, Tenant string
	Search           string // where it is looked for elsewhere
	Server           link
	Rows             []lifeRow // the latest first
	Earlier          string    // where the states before are
	Back             string    // how far they are shown
	listed           bool      // in one of them the server lists it
}

// lifeRow is a time in which a workload's state was the same.
type lifeRow struct {
	From      moment
	Until     *moment // nil: it is still so
	Company   link
	Open      bool // it may have begun before: From is where the page begins
	NotYet    bool // it is absent, and was in no list before
	Known     bool
	State     metering.State // empty: absent
	Type      string
	Words     string
	Age       string
	Weighed   string
	NotFree   bool // the words say why its first month is charged
	ChargedBy link
	Unit      usage.UnitKind
	Units     usage.Units
	To        string // the number that it is part of; empty: it is in none
	Readings  string // those of the day from which on it was so; empty: the reader does not see them
}

// How much of a life the page shows: so many days, and as many of them as can be counted in that time.
const (
	lifeDays   = 400
	lifeWithin = 2 * time.Second
)

// life tells a workload's states over time. Who sees one company sees those times in which it was that one's.
func (p *Portal) life(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	if err := p.ownServers(v); err != nil {
		return nil, err
	}
	key := usage.WorkloadKey{Tenant: v.form.Get("tenant"), ID: v.form.Get("id")}
	absent := p.texts.refuse(fault.NotFound, "absent.workload", strconv.Quote(key.ID))
	if !isNumber(v.field("server")) {
		return nil, absent
	}
	s, err := p.Directory.FindServerEver(v.ctx(), v.field("server"))
	if fault.Is(err, fault.NotFound) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	until := v.instant("until")
	if err := v.err(); err != nil {
		return nil, err
	}
	life, begin, err := p.lifeOf(v, &s, key, until)
	if err != nil {
		return nil, err
	}
	out, err := p.tell(v, &s, key, life)
	if err != nil {
		return nil, err
	}
	if len(out.Rows) == 0 || !out.listed && until.IsZero() {
		return nil, absent
	}
	if first, err := p.Ledger.FirstRead(v.ctx(), s.ID); err != nil {
		return nil, err
	} else if !first.IsZero() && first.Before(begin) {
		out.Back = v.moment(begin).Day()
		out.Earlier = lifePath(s.ID, key) + "&until=" + url.QueryEscape(timeField(begin))
	}
	out.begins(begin)
	return page{name: "life", title: out.Name + " – " + s.Name, data: out}, nil
}

// begins says of the earliest states what is not known of their beginning.
func (l *lifeView) begins(at time.Time) {
	last := &l.Rows[len(l.Rows)-1]
	last.Open = last.From.At.Equal(at)
	if l.Earlier != "" {
		return
	}
	for i := range slices.Backward(l.Rows) {
		if l.Rows[i].State != "" {
			return
		}
		l.Rows[i].NotYet = l.Rows[i].Known
	}
}

// stretch is one of a life, with its end.
type stretch struct {
	ledger.Stretch

	until time.Time // zero: it goes on
}

// lifeOf gives the states until an instant (zero: now), the latest first, and from when on they are. Each instant at which the company's
// figure can change takes as long as counting it: so the last day comes first, and then always twice as long, as long as there is time.
func (p *Portal) lifeOf(v *visit, s *fleet.Server, key usage.WorkloadKey, until time.Time) (life []stretch, begin time.Time, err error) {
	latest := usage.Truncate(p.Now()).Add(time.Microsecond)
	now := until.IsZero() || until.After(latest)
	if now {
		until = latest
	}
	started := p.Now()
	begin = until
	for days, all := 1, 0; all < lifeDays; days *= 2 {
		if all > 0 && p.Now().Sub(started) > lifeWithin {
			break
		}
		all = min(all+days, lifeDays)
		end := begin
		begin = until.AddDate(0, 0, -all)
		part, err := p.Ledger.Life(v.ctx(), s.ID, s.Product, key, begin, end)
		if err != nil {
			return nil, begin, err
		}
		for i := range slices.Backward(part) {
			life = append(life, stretch{part[i], end})
			end = part[i].From
		}
	}
	if now && len(life) > 0 {
		life[0].until = time.Time{}
	}
	return life, begin, nil
}

// tell puts a life into words. Times of which the reader sees nothing are left out.
func (p *Portal) tell(v *visit, s *fleet.Server, key usage.WorkloadKey, life []stretch) (out lifeView, err error) {
	out = lifeView{Name: key.ID, ID: key.ID, Tenant: key.Tenant, Search: "/workloads?search=" + url.QueryEscape(key.ID), Server: v.serverLink(s.ID, s.Name)}
	links := p.companyLinks()
	for i := range life {
		l := &life[i]
		if v.only() != 0 && l.Company != v.only() {
			continue
		}
		if m := l.Member; m != nil && !out.listed {
			out.listed, out.Name = true, m.Name
		}
		row, err := p.lifeRow(v, s, l, links)
		if err != nil {
			return out, err
		}
		if n := len(out.Rows); n > 0 && out.Rows[n-1].goesOn(&row) {
			later := &out.Rows[n-1]
			if !row.NotFree {
				row.Words, row.NotFree = later.Words, later.NotFree
			}
			row.Until, row.Age, row.Weighed = later.Until, later.Age, later.Weighed // what is known of it last
			*later = row
			continue
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

func (p *Portal) lifeRow(v *visit, s *fleet.Server, l *stretch, links *companyLinks) (row lifeRow, err error) {
	row = lifeRow{From: v.moment(l.From), Known: !l.Unknown}
	if !l.until.IsZero() {
		row.Until = v.momentOf(&l.until)
	}
	if row.Company, err = links.of(v.ctx(), l.Company); err != nil {
		return row, err
	}
	if to := v.serverLink(s.ID, s.Name).To; to != "" {
		row.Readings = to + "?day=" + row.From.Day() + "#readings"
	}
	m := l.Member
	if m == nil {
		return row, nil
	}
	row.State, row.Type, row.Words, row.Age, row.Unit, row.Units = m.State, m.Type, m.Words(), m.AgeWords(), m.Unit, m.Units
	row.NotFree = m.NotFree != ""
	if row.Weighed, err = p.weighedWords(&m.Weighed); err != nil {
		return row, err
	}
	if by := m.ChargedBy; by != nil {
		row.ChargedBy = link{by.Key.ID, lifePath(by.Server, by.Key)}
	}
	if m.State.Charged() && row.Company.To != "" {
		at := url.Values{"at": {timeField(l.From)}}
		row.To = whyPath(l.Company, asked{resourceOf(s.Product), m.Type, m.Unit, m.State}, at)
	}
	return row, nil
}

// goesOn reports whether an earlier time was only the same.
func (r *lifeRow) goesOn(earlier *lifeRow) bool {
	a, b := *r, *earlier
	for _, l := range []*lifeRow{&a, &b} {
		l.From, l.Until, l.To, l.Readings, l.Words, l.Age, l.Weighed, l.NotFree = moment{}, nil, "", "", "", "", "", false
	}
	return a == b && r.From.At.Equal(*untilOf(earlier))
}

func untilOf(r *lifeRow) *time.Time {
	if r.Until == nil {
		return &time.Time{}
	}
	return &r.Until.At
}

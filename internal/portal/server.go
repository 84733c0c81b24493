package portal

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// serverView is the value of a server's page.
type serverView struct {
	serverState

	Name, Path string
	Removed    bool
	Company    link
	Shared     bool
	Figure     string // where its company's figure is
	Product    usage.Product
	Reached    *reachedView // nil: it sends its readings itself, or the reader is a company's
	Pushed     bool
	Read       bool // the reader may have it read
	Edit       bool
	Install    string
	Twins      []link
	Version    string
	License    *licenseView
	Listed     int // workloads in its latest list
	Authority  metering.Authority
	Domain     string
	Labels     []labelView
	Alarms     []alarmRow
	Counted    countedBy
	Resource   figure.Resource
	Parted     []partedView
	Months     []calendarMonth
	Days       []int
	Day        string // that is looked at; empty: none
	Readings   listed[readingView]
}

// reachedView is how a server is reached.
type reachedView struct {
	Address, Username string
	Set               link
	Trust             string // key of what is trusted
	Fingerprint       string
}

type licenseView struct {
	Type, Edition, Package, Status, LicensedTo string
	Expires                                    *moment
}

// Words are what is known of it, but for when it ends.
func (l licenseView) Words() []string {
	return slices.DeleteFunc([]string{l.Type, l.Edition, l.Package, l.Status, l.LicensedTo}, func(word string) bool { return word == "" })
}

type labelView struct{ Key, Value string }

// countedBy says which of a server's two figures answers now (C21, C24), and why it is not the one that is wanted.
type countedBy struct {
	Origin   metering.Origin // empty: neither does yet
	Why      string          // key of why it is not the one that is wanted; empty: it is
	Compared string          // key of why the two are not compared; empty: they are
}

// partedView is a difference between the server's own counters and the count of its list.
type partedView struct {
	Type               string
	Unit               usage.UnitKind
	Reported, Computed usage.Units
	To                 string // where the figure is explained that they are about; empty: it is no one company's
	Since              moment
	Closed             *moment
	Why                []candidate
	Left               int
}

// candidate is a workload that may be why.
type candidate struct{ Name, To, Words string }

// calendarMonth is a row of the calendar.
type calendarMonth struct {
	Name  string
	Cells []calendarDay
}

// calendarDay is a day with what came about on it.
type calendarDay struct {
	Date, To       string // To is empty where there is nothing
	Readings, Gaps int
	Absent         bool // the month has no such day
	Ahead          bool // it has not come yet
	NotYet         bool // the server was not there yet, or was not the reader's company's
	Text           string
}

type readingView struct {
	At, Recorded moment
	Listed       bool
	Reason       usage.GapReason // empty: it is a reading
	Why          string
	Revoked      string // who revoked it, and why; empty: nobody did
}

const (
	calendarMonths = 3
	partedMax      = 3 // candidates of a difference
)

func (p *Portal) server(v *visit) (any, error) {
	s, err := p.serverOf(v, access.Read)
	if err != nil {
		return nil, err
	}
	out := serverView{
		Name: s.Name, Path: serverPath(s.ID), Removed: s.RemovedAt != nil, Shared: s.Shared, Product: s.Product, Install: s.InstallationID,
		Pushed: s.Connection == nil, Authority: s.Authority, Domain: s.Domain, Labels: labelsOf(&s), Listed: -1,
	}
	out.Edit = !out.Removed && v.may(access.ManageServers, scopeOf(&s))
	out.Read = out.Edit && s.Connection != nil
	if !s.Shared {
		if out.Company, err = p.companyLinks().of(v.ctx(), s.Company); err != nil {
			return nil, err
		}
		out.Figure = out.Company.To
	}
	for _, add := range []func(*visit, *fleet.Server, *serverView) error{p.addState, p.addReached, p.addTwins, p.addAlarms, p.addCounted, p.addParted, p.addEntries} {
		if err := add(v, &s, &out); err != nil {
			return nil, err
		}
	}
	return page{name: "server", title: s.Name, data: out}, nil
}

func labelsOf(s *fleet.Server) (list []labelView) {
	for _, labels := range []map[string]string{s.ExternalIDs, s.Tags} {
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			list = append(list, labelView{key, labels[key]})
		}
	}
	return list
}

// addState says how it goes, and what the last reading said of the server itself.
func (p *Portal) addState(v *visit, s *fleet.Server, out *serverView) error {
	readings, err := p.Ledger.Readings(v.ctx(), s.ID)
	if err != nil {
		return err
	}
	plan, err := p.Console.Schedule(v.ctx(), s.ID)
	if err != nil {
		return err
	}
	var r *ledger.ServerReadings
	if len(readings) > 0 { // a removed one has none
		r = &readings[0]
	}
	out.serverState = p.stateOfServer(v, s, r, nil)
	for i := range plan {
		if plan[i].Server == s.ID {
			out.serverState = p.stateOfServer(v, s, r, &plan[i])
		}
	}
	if r == nil || r.Last == nil {
		return nil
	}
	l := &r.Last.License
	out.Version, out.Listed = r.Last.Server.Version, r.LastListed
	out.License = &licenseView{string(l.Type), l.Edition, l.Package, l.Status, l.LicensedTo, v.momentOf(l.ExpiresAt)}
	return nil
}

func (p *Portal) addReached(v *visit, s *fleet.Server, out *serverView) error {
	c := s.Connection
	if c == nil || v.only() != 0 {
		return nil
	}
	r := reachedView{Address: plainAddress(c), Username: c.Username, Trust: "system", Fingerprint: c.TLS.Fingerprint}
	switch {
	case c.TLS.Insecure:
		r.Trust = "insecure"
	case c.TLS.Fingerprint != "":
		r.Trust = "fingerprint"
	case c.TLS.CA != "":
		r.Trust = "ca"
	}
	if c.Credential != 0 {
		set, err := p.setNamed(v, c.Credential)
		if err != nil {
			return err
		}
		r.Set = set
	}
	out.Reached = &r
	return nil
}

// plainAddress is an address as people write it.
func plainAddress(c *fleet.Connection) string { return strings.TrimPrefix(c.URL, "https://") }

// setNamed gives the link to a credential set.
func (p *Portal) setNamed(v *visit, id fleet.CredentialID) (link, error) {
	all, err := p.Directory.Credentials.Credentials(v.ctx())
	for i := range all {
		if all[i].ID == id {
			return link{all[i].Name, p.setPath(v, id)}, err
		}
	}
	return link{Name: id.String()}, err
}

// addTwins names the others with the same installation id, among those that the reader sees.
func (p *Portal) addTwins(v *visit, s *fleet.Server, out *serverView) error {
	installations, err := p.installations(v)
	for _, twin := range installations.Twins(s) {
		out.Twins = append(out.Twins, link{twin.Name, serverPath(twin.ID)})
	}
	return err
}

// installations finds the servers that the reader sees by their installation ids.
func (p *Portal) installations(v *visit) (fleet.Installations, error) {
	servers, err := p.Servers.Servers(v.ctx())
	servers = slices.DeleteFunc(slices.Clone(servers), func(s fleet.Server) bool { return !v.may(access.Read, scopeOf(&s)) })
	return fleet.InstallationsOf(servers), err
}

func (p *Portal) addAlarms(v *visit, s *fleet.Server, out *serverView) error {
	events, err := p.Events.EventsOf(v.ctx(), s.ID)
	if err != nil {
		return err
	}
	links := p.companyLinks()
	for i := range events {
		if e := &events[i]; e.Status != alarm.StatusResolved && v.may(access.Read, e.Company) {
			row, err := p.alarmRow(v, e, links)
			if err != nil {
				return err
			}
			out.Alarms = append(out.Alarms, row)
		}
	}
	return nil
}

// addCounted says which figure of the server answers.
func (p *Portal) addCounted(v *visit, s *fleet.Server, out *serverView) error {
	out.Counted.Origin = metering.Origin(s.Authority)
	if out.Removed {
		return nil
	}
	t, err := p.Ledger.Usage(v.ctx(), ledger.Query{Company: scopeOf(s), Product: s.Product, Members: true})
	if err != nil {
		return err
	}
	for i := range t.Servers {
		if source := &t.Servers[i]; source.Server == s.ID {
			out.Counted = countedByOf(s, source)
		}
	}
	return nil
}

func countedByOf(s *fleet.Server, is *metering.Source) countedBy {
	c := countedBy{Origin: is.Origin}
	switch {
	case is.TakenAt == nil:
		return countedBy{metering.Origin(s.Authority), "", "unread"}
	case is.Computed == nil:
		c.Compared = "listless"
	case is.Reported == nil:
		c.Compared = "uncounted"
	}
	switch wanted := metering.Origin(s.Authority); {
	case is.Origin == wanted:
	case s.Shared:
		c.Why = "shared"
	case wanted == metering.FromList:
		c.Why = "listless"
	case is.Reported == nil:
		c.Why = "uncounted"
	default:
		c.Why = "several"
	}
	return c
}

// addParted says where the server's counters and the count of its list differ, since the beginning of the last month.
func (p *Portal) addParted(v *visit, s *fleet.Server, out *serverView) error {
	for _, resource := range figure.Resources() {
		if product, err := resource.Product(); err == nil && product == s.Product {
			out.Resource = resource
		}
	}
	if out.Removed || out.Resource == "" {
		return nil
	}
	company := scopeOf(s)
	all, err := p.Figures.Reconcile(v.ctx(), figure.ReconcileQuery{Company: &company, Resource: out.Resource})
	for i := range all {
		d := &all[i]
		if d.Server != s.ID {
			continue
		}
		row := partedView{Type: d.Type, Unit: d.Unit, Reported: d.Reported.Used.Units, Computed: d.Computed.Used.Units, Since: v.moment(d.Since), Closed: v.momentOf(&d.Closed)}
		if d.Company >= usage.Unassigned {
			row.To = whyPath(d.Company, asked{out.Resource, d.Type, d.Unit, metering.Used}, url.Values{"at": {timeField(d.Updated)}})
		}
		for j := range d.Candidates {
			if j == partedMax {
				row.Left = len(d.Candidates) - j
				break
			}
			c := &d.Candidates[j]
			row.Why = append(row.Why, candidate{c.Name, lifePath(d.Server, c.Member.Key), c.Words()})
		}
		out.Parted = append(out.Parted, row)
	}
	return err
}

// addEntries fills the calendar and the list of readings, of the day that is asked for or all, with the newest first.
func (p *Portal) addEntries(v *visit, s *fleet.Server, out *serverView) error {
	today := v.days.Of(p.Now())
	first := v.days.MonthOf(p.Now())
	months := []usage.Month{first}
	for range calendarMonths - 1 {
		first = first.Previous()
		months = append(months, first)
	}
	entries, err := p.History.Entries(v.ctx(), s.ID, v.days.Begins(first), p.Now().Add(time.Hour))
	if err != nil {
		return err
	}
	since, err := p.sinces().of(v.ctx(), s.ID)
	if err != nil {
		return err
	}
	there := func(at time.Time) bool { return !at.Before(since) }
	if v.only() != 0 {
		mine, err := p.Ledger.Owned(v.ctx(), s.ID, v.only())
		if err != nil {
			return err
		}
		there = func(at time.Time) bool { return !at.Before(since) && mine(at) }
		entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return !mine(e.At) })
	}
	day := v.day("day", usage.Date{})
	if err := v.err(); err != nil {
		return err
	}
	counts := make(map[usage.Date]calendarDay)
	var rows []readingView
	for i := range slices.Backward(entries) {
		e := &entries[i]
		date := v.days.Of(e.At)
		n := counts[date]
		switch {
		case e.Revoked != nil:
		case e.Gap != nil:
			n.Gaps++
		default:
			n.Readings++
		}
		counts[date] = n
		if day == (usage.Date{}) || day == date {
			rows = append(rows, p.entry(v, e))
		}
	}
	if day != (usage.Date{}) {
		out.Day = day.String()
	}
	for n := 1; n <= 31; n++ {
		out.Days = append(out.Days, n)
	}
	out.Readings = listedOf(v, rows)
	for _, m := range months {
		row, err := p.calendar(v, m, today, counts, there)
		if err != nil {
			return err
		}
		out.Months = append(out.Months, row)
	}
	return nil
}

func (p *Portal) entry(v *visit, e *ledger.Entry) readingView {
	r := readingView{At: v.moment(e.At), Recorded: v.moment(e.RecordedAt), Listed: e.Listed}
	if e.Gap != nil {
		r.Reason = e.Gap.Reason
		if v.only() == 0 {
			r.Why = p.plainly(e.Gap.Text)
		}
	}
	if e.Revoked != nil {
		r.Revoked = e.Revoked.Actor + ": " + e.Revoked.Reason
	}
	return r
}

// calendar gives the row of a month; there says whether the server was there at an instant.
func (p *Portal) calendar(v *visit, m usage.Month, today usage.Date, counts map[usage.Date]calendarDay, there func(time.Time) bool) (calendarMonth, error) {
	row := calendarMonth{Name: p.month(m)}
	date := usage.Date{Year: m.Year, Month: m.Month, Day: 1}
	for range 31 {
		if date.Month != m.Month {
			row.Cells = append(row.Cells, calendarDay{Absent: true})
			continue
		}
		c := counts[date]
		c.Date, c.Ahead, c.NotYet = date.String(), today.Before(date), !there(v.days.Last(date))
		if c.Readings+c.Gaps > 0 {
			c.To = serverPathOf(v) + "?day=" + c.Date + "#readings"
		}
		read, err := p.texts.count("server.readings-count", c.Readings)
		if err != nil {
			return row, err
		}
		gaps, err := p.texts.count("server.gaps-count", c.Gaps)
		if err != nil {
			return row, err
		}
		c.Text = c.Date + ": " + read + ", " + gaps
		row.Cells = append(row.Cells, c)
		date = date.Next()
	}
	return row, nil
}

// serverPathOf is the address of the page of the server that is looked at.
func serverPathOf(v *visit) string { return "/servers/" + v.id("server") }

// Mark is what a cell of the calendar shows.
func (d calendarDay) Mark() string {
	switch {
	case d.Absent, d.Ahead:
		return ""
	case d.Gaps > 0 && d.Readings == 0:
		return "✕"
	case d.Gaps > 0:
		return strconv.Itoa(d.Readings) + "!"
	case d.Readings > 0:
		return strconv.Itoa(d.Readings)
	case d.NotYet:
		return "·"
	default:
		return "–"
	}
}

// Class is how a cell of the calendar looks.
func (d calendarDay) Class() string {
	switch {
	case d.Absent, d.Ahead:
		return "none"
	case d.Gaps > 0 && d.Readings == 0:
		return "bad"
	case d.Gaps > 0:
		return "partly"
	case d.Readings > 0:
		return "good"
	default:
		return "none"
	}
}

package portal

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// serversView is the value of the list of servers, of one company's where it has a head.
type serversView struct {
	Head    *companyHead
	Path    string
	Filter  []input
	Sort    string
	Own     bool // the reader's company's: it is not told where they are
	Columns []column
	List    listed[serverRow]
	New     string // where one is added; empty: the reader may not
}

type serverRow struct {
	serverState

	Name, To string
	Company  link
	Shared   bool
	Product  usage.Product
	Address  string // empty: it sends its readings itself, or where it is is not told
	Alarms   int

	id                    usage.ServerID
	folded, companyFolded string // names without regard to case
}

// serverState says how it goes with reading a server.
type serverState struct {
	State    ledger.Freshness
	Reason   usage.GapReason // why it was not read since; empty: it was
	Why      string          // in words, with what to do; empty: that is not told
	Last     *moment
	Next     *moment
	Reading  bool // it is being read now
	Interval string
}

// pieces parts an address where a narrow column may go on in another line: never within a name or the port.
func pieces(address string) []string {
	names, port := address, ""
	if i := strings.LastIndexByte(address, ':'); i > 0 {
		names, port = address[:i], address[i:]
	}
	parts := strings.SplitAfter(names, ".")
	if port != "" {
		parts = append(parts, port)
	}
	return parts
}

func serverPath(id usage.ServerID) string { return "/servers/" + id.String() }

// serverLink is the link to a server for who may see it.
func (v *visit) serverLink(id usage.ServerID, name string) link {
	if id != 0 && (v.only() == 0 || v.own[id]) {
		return link{name, serverPath(id)}
	}
	return link{Name: name}
}

// ownServers notes which servers the people of a company may look at.
func (p *Portal) ownServers(v *visit) error {
	if v.only() == 0 || v.own != nil {
		return nil
	}
	servers, err := p.Servers.Servers(v.ctx())
	v.own = make(map[usage.ServerID]bool)
	for i := range servers {
		if s := &servers[i]; v.may(access.Read, scopeOf(s)) {
			v.own[s.ID] = true
		}
	}
	return err
}

func (p *Portal) servers(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	out := serversView{Path: "/servers"}
	return p.serversPage(v, &out, p.texts["servers.title"], func(*fleet.Server) bool { return true })
}

// companyServers lists the servers of a company.
func (p *Portal) companyServers(v *visit) (any, error) {
	c, err := p.companyOf(v)
	if err != nil {
		return nil, err
	}
	head := p.headOf(v, &c, "/servers")
	out := serversView{Head: &head, Path: companyPath(c.ID) + "/servers"}
	out.New = p.newServerPathOf(v, &c)
	return p.serversPage(v, &out, c.Name, func(s *fleet.Server) bool { return !s.Shared && s.Company == c.ID })
}

// newServerPath is where a server is added; empty: the reader may not.
func (p *Portal) newServerPath(v *visit) string {
	if v.only() == 0 && v.may(access.ManageServers, access.Provider) {
		return "/servers/new"
	}
	return ""
}

// newServerPathOf is where a server of a company is added; empty: the reader may not.
func (p *Portal) newServerPathOf(v *visit, c *fleet.Company) string {
	path := p.newServerPath(v)
	if path != "" && c.ID >= usage.FirstCompany {
		path += "?company=" + c.ID.String()
	}
	return path
}

func (p *Portal) serversPage(v *visit, out *serversView, title string, among func(*fleet.Server) bool) (any, error) {
	rows, err := p.serverRows(v, among)
	if err != nil {
		return nil, err
	}
	out.Sort, out.Own, out.New = cmp.Or(v.field("sort"), "name"), v.only() != 0, cmp.Or(out.New, p.newServerPath(v))
	states := []choice{{Name: p.texts["servers.any-state"]}}
	for _, s := range []ledger.Freshness{ledger.NeverRead, ledger.TooOld, ledger.Failing, ledger.ReadOften} {
		states = append(states, choice{Value: string(s), Name: p.texts["freshness."+string(s)]})
	}
	out.Filter = p.fields(v, "servers", true, input{Name: "search", Kind: "search", Complete: "off"}, input{Name: "state", Kind: selection, Choices: states})
	search, state := strings.ToLower(v.field("search")), ledger.Freshness(v.field("state"))
	rows = slices.DeleteFunc(rows, func(r serverRow) bool {
		return state != "" && r.State != state || search != "" && !strings.Contains(r.folded, search) &&
			!strings.Contains(r.companyFolded, search) && !strings.Contains(strings.ToLower(r.Address), search)
	})
	sortBy(rows, out.Sort, serverSorts, func(a, b *serverRow) int { return cmp.Or(cmp.Compare(a.folded, b.folded), cmp.Compare(a.id, b.id)) })
	out.List, out.Columns = listedOf(v, rows), p.serverColumns(v, out)
	out.List.Live = true
	return page{name: "servers", title: title, data: *out, part: "rows"}, nil
}

// serverRows gives a row for each server that the reader sees.
func (p *Portal) serverRows(v *visit, among func(*fleet.Server) bool) ([]serverRow, error) {
	known, err := p.estates.now(v.ctx(), p)
	if err != nil {
		return nil, err
	}
	rows := make([]serverRow, 0, len(known.servers))
	for i := range known.servers {
		s := &known.servers[i]
		if !v.may(access.Read, scopeOf(s)) || !among(s) {
			continue
		}
		row := serverRow{
			serverState: p.stateOfServer(v, s, known.readings[s.ID], known.planned[s.ID]), Name: s.Name, To: serverPath(s.ID), Shared: s.Shared, Product: s.Product,
			Alarms: known.alarms[s.ID], id: s.ID, folded: strings.ToLower(s.Name),
		}
		if s.Connection != nil && v.only() == 0 {
			row.Address = plainAddress(s.Connection)
		}
		if !s.Shared {
			row.Company = known.companies[s.Company]
			row.companyFolded = strings.ToLower(row.Company.Name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// scopeOf is whose a server is: the provider's where it is shared.
func scopeOf(s *fleet.Server) usage.CompanyID {
	if s.Shared {
		return access.Provider
	}
	return s.Company
}

// stateOfServer says how it goes with a server; readings and plan may be nil. Where it is, and with which account it is read, is the
// provider's business, and stands in the words of a gap.
func (p *Portal) stateOfServer(v *visit, s *fleet.Server, r *ledger.ServerReadings, plan *api.Scheduled) serverState {
	if r == nil {
		r = &ledger.ServerReadings{}
	}
	out := serverState{State: r.Freshness(s.Interval, p.Now()), Interval: p.span(s.Interval)}
	if r.Last != nil {
		out.Last = v.momentOf(&r.Last.TakenAt)
	}
	if r.Gap != nil {
		out.Reason = r.Gap.Reason
		if v.only() == 0 {
			out.Why = p.plainly(r.Gap.Text)
		}
	}
	if plan != nil {
		out.Next, out.Reading = v.momentOf(&plan.Next), plan.Reading
	}
	out.Reading = out.Reading || p.Readings.GoesOn(s.ID)
	return out
}

// span puts an interval into words.
func (p *Portal) span(d time.Duration) string {
	for _, unit := range []struct {
		key  string
		long time.Duration
	}{{"span.days", 24 * time.Hour}, {"span.hours", time.Hour}, {"span.minutes", time.Minute}, {"span.seconds", time.Second}} {
		if d%unit.long == 0 && d >= unit.long {
			if text, err := p.texts.count(unit.key, int(d/unit.long)); err == nil {
				return text
			}
		}
	}
	return d.String()
}

// serverSorts compare rows by the words of the option sort.
var serverSorts = map[string]func(a, b *serverRow) int{
	"name": func(a, b *serverRow) int { return cmp.Compare(a.folded, b.folded) },
	"company": func(a, b *serverRow) int {
		return cmp.Compare(a.companyFolded, b.companyFolded)
	},
	"state": func(a, b *serverRow) int {
		return cmp.Compare(slices.Index(freshnesses, a.State), slices.Index(freshnesses, b.State))
	},
	"last":   func(a, b *serverRow) int { return compareMoments(a.Last, b.Last) },
	"next":   func(a, b *serverRow) int { return compareMoments(a.Next, b.Next) },
	"alarms": func(a, b *serverRow) int { return cmp.Compare(a.Alarms, b.Alarms) },
}

// freshnesses begin with what is to be looked at first.
var freshnesses = []ledger.Freshness{ledger.NeverRead, ledger.TooOld, ledger.Failing, ledger.ReadOften}

func compareMoments(a, b *moment) int { return compareTaken(instantOf(a), instantOf(b)) }

// instantOf gives none where there is none.
func instantOf(m *moment) *time.Time {
	if m == nil {
		return nil
	}
	return &m.At
}

// serverColumns are the heads of the list, each with the address of the list that is sorted by it.
func (p *Portal) serverColumns(v *visit, out *serversView) []column {
	list := &listing{path: out.Path, narrow: url.Values{}, sort: out.Sort, usual: "name"}
	for _, name := range []string{"search", "state"} {
		if text := v.field(name); text != "" {
			list.narrow.Set(name, text)
		}
	}
	head := func(text, word string, number bool) column { return list.column(p.texts[text], word, number) }
	columns := []column{head("server.one", "name", false), head("company.one", "company", false)}
	if !out.Own {
		columns = append(columns, head("server.address", "", false))
	}
	return append(columns, head("server.state", "state", false), head("server.last", "last", false), head("server.next", "next", false),
		head("alarms.title", "alarms", true))
}

// serverOf finds the server of the path, for who may do something with it. One that was removed is there to be read, and whoever may not
// read there is told that there is none.
func (p *Portal) serverOf(v *visit, action access.Action) (fleet.Server, error) {
	absent := p.texts.refuse(fault.NotFound, "absent.server", strconv.Quote(v.id("server")))
	if !isNumber(v.id("server")) { // names and installation ids may be another server's tomorrow
		return fleet.Server{}, absent
	}
	find := p.Directory.FindServer
	if action == access.Read {
		find = p.Directory.FindServerEver
	}
	s, err := find(v.ctx(), v.id("server"))
	if fault.Is(err, fault.NotFound) || err == nil && !v.may(access.Read, scopeOf(&s)) {
		return fleet.Server{}, absent
	}
	if err == nil && action != access.Read {
		err = v.allow(action, scopeOf(&s))
	}
	return s, err
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// readServer reads a server now. Where that takes long it goes on, and the server's page says so.
func (p *Portal) readServer(v *visit) (any, error) {
	s, err := p.serverOf(v, access.ManageServers)
	if err != nil {
		return nil, err
	}
	if s.Connection == nil {
		return nil, p.texts.refuse(fault.Conflict, "servers.nothing-to-read", s.Name)
	}
	told, err := p.read(v, s.ID)
	if err != nil {
		return nil, err
	}
	return redirect(serverPath(s.ID), told)
}

// read reads a server and gives the key of what is told of it.
func (p *Portal) read(v *visit, id usage.ServerID) (told string, err error) {
	u := p.Readings.Begin(v.ctx(), id, func(ctx context.Context) (out api.Reading, err error) {
		err = p.Console.Collect(ctx, []usage.ServerID{id}, func(r api.Reading) { out = r })
		return out, err
	})
	result, over, err := u.Wait(v.ctx(), p.ReadWithin)
	switch {
	case err != nil:
		return "", err
	case !over:
		return "being-read", nil
	case result.OK:
		return "was-read", nil
	default:
		return "not-read", nil
	}
}

package portal

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

//go:embed template
var templates embed.FS

// pages are the templates, each with the frame and the parts.
type pages map[string]*template.Template

// page is what an endpoint shows: a template and its value.
type page struct {
	name   string // of the file in template/, without .html
	title  string // what the window is called
	data   any
	status int         // 0: 200
	chart  bool        // it draws one
	days   bool        // its reader moves it through the days
	part   string      // the template to write alone, where a script asks for a part; empty: "main"
	fields []api.Field // more headers

	visit *visit
}

// shell is the value of the frame around a page.
type shell struct {
	Title string
	Here  string // the page's own address
	Nav   []navGroup
	User  string
	Role  access.Role
	Told  string  // what was just done
	Bad   bool    // it did not go well
	Chart bool    // it draws one
	Days  bool    // its reader moves it through the days
	Zones []zoned // in which its times are, that of now first
	Seen  string  // how many changes had been told of before it was read; empty: a company's people do not see how busy others are
	Main  any
}

type navGroup struct {
	Name  string
	Items []navItem
}

type navItem struct {
	Name, To string
	Here     bool
}

// policy lets a page load and send to the console alone, and run no script that is written into it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (p *Portal) readPages() (pages, error) {
	base, err := template.New("frame").Funcs(p.functions()).ParseFS(templates, "template/frame.html", "template/parts.html")
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the portal's templates are wrong: %v", err)
	}
	all := pages{}
	names, err := fs.Glob(templates, "template/*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "frame" || name == "parts" {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, file)
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the portal's templates are wrong: %v", err)
		}
		all[name] = t
	}
	return all, nil
}

// functions are what templates may call.
func (p *Portal) functions() template.FuncMap {
	return template.FuncMap{
		"t": p.texts.say, "n": p.texts.count, "asset": p.assets.address,
		"plain": catalog.TypeName, "number": number, "signed": signed, "dict": dict, "pieces": pieces,
	}
}

// dict makes a map of names and values, for parts that want several.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fault.New(fault.Internal, "a name without a value in a template")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m, nil
}

// number writes a number with thin blanks between thousands.
func number(v any) string {
	text := fmt.Sprint(v)
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "\u2212", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u202f" + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

// signed is number with a plus before what grew.
func signed(v any) string {
	text := number(v)
	switch {
	case text == "0":
		return "±0"
	case strings.HasPrefix(text, "\u2212"):
		return text
	default:
		return "+" + text
	}
}

// moment is an instant as people read it, in a zone.
type moment struct {
	At   time.Time
	zone *time.Location
}

// moment is in the zone that governed then: what is over is written as it was (C38).
func (v *visit) moment(t time.Time) moment { return moment{t, v.days.ZoneAt(t)} }

// momentOf gives one, or none where there is no time.
func (v *visit) momentOf(t *time.Time) *moment {
	if t == nil || t.IsZero() {
		return nil
	}
	m := v.moment(*t)
	return &m
}

// zoned is a zone in which times are written.
type zoned struct {
	Zone   string
	Before *moment // until when it governed; nil: it does now
}

// zones gives those that governed until now, the last one first.
func (v *visit) zones(now time.Time) (list []zoned) {
	var before *moment
	for _, turn := range v.days.Turns(now) {
		list = append(list, zoned{turn.Zone.String(), before})
		if !turn.Since.IsZero() {
			before = &moment{turn.Since, turn.Zone}
		}
	}
	return list
}

// ISO is for programs.
func (m moment) ISO() string { return m.At.UTC().Format(time.RFC3339Nano) }

// Text is for people: with the offset in the hour that there is twice, where a zone's clocks go back.
func (m moment) Text() string {
	at := m.At.In(m.zone)
	text := at.Format("2006-01-02 15:04")
	_, offset := at.Zone()
	for _, near := range []time.Duration{-changeNear, changeNear} {
		_, other := at.Add(near).Zone()
		twin := at.Add(time.Duration(offset-other) * time.Second)
		if _, its := twin.Zone(); other != offset && its == other {
			return text + at.Format(" -07:00")
		}
	}
	return text
}

// changeNear is within what time of an hour that is there twice the clocks go back.
const changeNear = 3 * time.Hour

// Day is the date alone.
func (m moment) Day() string { return m.At.In(m.zone).Format(time.DateOnly) }

// Zone is the zone that Text is in.
func (m moment) Zone() string { return m.zone.String() }

// render writes a page: whole, or the part that a script asks for.
func (p *Portal) render(r *http.Request, v *page) (api.Raw, error) {
	t := p.pages[v.name]
	if t == nil {
		return api.Raw{}, fault.New(fault.Internal, "the portal has no page %q", v.name)
	}
	var out bytes.Buffer
	var err error
	if v.visit != nil && v.visit.fragment() {
		if v.visit.again() {
			v.part = ""
		}
		err = t.ExecuteTemplate(&out, cmp.Or(v.part, "main"), v.data)
	} else {
		err = t.ExecuteTemplate(&out, "frame", p.shellOf(r, v))
	}
	if err != nil {
		return api.Raw{}, fault.Wrap(err, fault.Internal, "a page is not written: %v", err)
	}
	answer := api.Raw{Status: v.status, ContentType: "text/html; charset=utf-8", Body: out.Bytes(), Fields: []api.Field{
		field("Content-Security-Policy", policy), field("Referrer-Policy", "same-origin"),
	}}
	answer.Fields = append(answer.Fields, v.fields...)
	if out.Len() < packedMin {
		return answer, nil
	}
	packed, err := pack(out.Bytes(), gzip.BestSpeed)
	return compressed(r, answer, packed), err
}

// packedMin is from how many bytes on packing a page pays: what is smaller fits into one packet.
const packedMin = 1400

func (p *Portal) shellOf(r *http.Request, v *page) shell {
	actor := api.Actor(r.Context())
	if v.status >= http.StatusBadRequest && v.name != "problem" && v.name != "ended" {
		v.title = p.texts["form.wrong-title"] + " – " + v.title
	}
	s := shell{Title: v.title, Here: r.URL.Path, User: actor.Name, Role: actor.Role, Chart: v.chart, Days: v.days, Main: v.data}
	if actor.User != 0 {
		s.Nav = p.navigation(actor, r.URL.Path)
	}
	if v.visit != nil && v.visit.zone != nil {
		s.Zones = v.visit.zones(p.Now())
		if v.visit.only() == 0 {
			s.Seen = strconv.FormatUint(v.visit.wakes, 10)
		}
	}
	if key := r.URL.Query().Get("told"); key != "" && fromHere(r) {
		s.Bad = strings.HasSuffix(key, "not-read")
		s.Told = p.texts["told."+key] // what is no key says nothing: an address cannot put words into our mouth
	}
	return s
}

// fromHere reports whether a page of ours leads to this one: a link in an e-mail is not to say that something was done. Browsers that do not tell
// are older than 2020.
func fromHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}

// navigation is what a reader can go to.
func (p *Portal) navigation(actor access.Actor, here string) []navGroup {
	item := func(key, to string) navItem {
		return navItem{p.texts["nav."+key], to, to == here || to != "/" && strings.HasPrefix(here, to+"/")}
	}
	first := []navItem{item("overview", "/"), item("companies", "/companies"), item("workloads", "/workloads"), item("statements", "/statements")}
	if actor.Company != 0 {
		own := companyPath(actor.Company)
		stated := item("statements", own+"/statements")
		stated.Here = stated.Here || strings.HasPrefix(here, "/statements/")
		used := item("usage", own)
		used.Here = used.Here && !stated.Here
		first = []navItem{used, item("workloads", "/workloads"), stated}
	}
	groups := []navGroup{{Items: append(first, item("servers", "/servers"), item("alarms", "/alarms"))}, {Name: p.texts["nav.administration"]}}
	rest := &groups[1].Items
	for _, page := range []struct {
		key    string
		action access.Action
		scope  usage.CompanyID
	}{
		{"users", access.ManageUsers, access.Provider},
		{"tokens", access.Read, actor.Company},
		{"credentials", access.ManageServers, access.Provider},
		{"settings", access.Read, access.Provider},
		{"catalogue", access.Read, actor.Company},
		{"audit", access.ReadAudit, access.Provider},
	} {
		if access.May(actor, page.action, page.scope) {
			*rest = append(*rest, item(page.key, "/"+page.key))
		}
	}
	return groups
}

func companyPath(id usage.CompanyID) string { return "/companies/" + strconv.FormatInt(int64(id), 10) }

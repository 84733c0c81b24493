package portal

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// visit is one request of a browser, and what was found wrong with it so far.
type visit struct {
	*http.Request

	actor access.Actor
	days  usage.Calendar
	zone  *time.Location // that governs now
	texts texts
	form  url.Values // of the body, or of the query with a GET
	wrong []fault.Field
	wakes uint64                  // so many changes had been told of when it began
	own   map[usage.ServerID]bool // servers of the reader's company, where it sees no others; see ownServers
}

// newVisit reads the form and says who acts from here on.
func (p *Portal) newVisit(r *http.Request) (*visit, error) {
	actor := api.Actor(r.Context())
	v := &visit{Request: r.WithContext(audit.By(r.Context(), audit.Actor{Name: actor.Name, Via: "portal"})), actor: actor, texts: p.texts}
	_, v.wakes = p.hub.Next()
	at := *r.URL
	at.Path = ownPath(r)
	v.URL = &at
	var err error
	if v.days, err = p.Directory.Calendar(v.ctx()); err != nil {
		return nil, err
	}
	v.zone = v.days.ZoneAt(p.Now())
	err = v.readForm()
	return v, err
}

// isForm reports whether the body of a request is what a form sends.
func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}

// ownPath is the path of a request as pages build on it: with two slashes before it, it would be an address of another host.
func ownPath(r *http.Request) string { return "/" + strings.Trim(r.URL.Path, "/") }

// valuesMax is how many values a form may have: url.ParseQuery takes no more.
const valuesMax = 10_000

func (v *visit) readForm() error {
	text := v.URL.RawQuery
	if v.Method == http.MethodPost {
		if !isForm(v.Request) {
			text, err := v.texts.say("form.no-form", strconv.Quote(v.Header.Get("Content-Type")))
			if err != nil {
				return err
			}
			return api.NewStatusError(http.StatusUnsupportedMediaType, "%s", text)
		}
		body, err := api.ReadBody(v.Request)
		if err != nil {
			return err
		}
		text = string(body)
	}
	if strings.Count(text, "&") >= valuesMax {
		return v.texts.refuse(fault.Invalid, "form.too-many")
	}
	var err error
	if v.form, err = url.ParseQuery(text); err != nil {
		return v.texts.refuse(fault.Invalid, "form.not-encoded")
	}
	return nil
}

func (v *visit) ctx() context.Context { return v.Context() }

// id gives a segment of the path.
func (v *visit) id(name string) string { return api.PathID(v.Request, name) }

// field gives what was typed, without blanks around it.
func (v *visit) field(name string) string { return strings.TrimSpace(v.form.Get(name)) }

// fragment reports whether a script of ours asks for a part of a page.
func (v *visit) fragment() bool { return v.Header.Get("HX-Request") == "true" }

// again reports whether an open page asks for itself, as something has changed: a list that it has asks for its rows apart.
func (v *visit) again() bool { return v.Header.Get("HX-Target") == "live" }

// fail notes what is wrong with a field of a form.
func (v *visit) fail(path, text string) {
	v.wrong = append(v.wrong, fault.Field{Path: path, Text: text})
}

// taken is said of a name that another one has: what is kept says so, and knows no fields.
var taken = regexp.MustCompile(`^the name "|^there is already a user named "|^user \d+ has a token named "`)

// faults takes the fields out of an error that they are the reason of; false: it is of another kind, and is to be returned.
func (v *visit) faults(err error) bool {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid && f.Code != fault.Conflict {
		return false
	}
	if len(f.Fields) == 0 {
		path := ""
		if taken.MatchString(f.Message) {
			path = "name"
		}
		v.fail(path, f.Message)
	}
	v.wrong = append(v.wrong, f.Fields...)
	return true
}

// instant reads a field in RFC 3339; zero: it is empty.
func (v *visit) instant(name string) time.Time {
	text := v.field(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.fail(name, v.texts["form.no-time"])
	}
	return usage.Truncate(at)
}

// err gives all that is wrong.
func (v *visit) err() error {
	if len(v.wrong) == 0 {
		return nil
	}
	wrong := make([]string, len(v.wrong))
	for i, f := range v.wrong {
		wrong[i] = strconv.Quote(f.Path) + " " + f.Text
	}
	text, err := v.texts.say("problem.address", strings.Join(wrong, "; "))
	if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "%s", text)
}

// only gives the one company that the reader sees; 0: all.
func (v *visit) only() usage.CompanyID { return v.actor.Company }

// may reports whether the reader may do something.
func (v *visit) may(action access.Action, scope usage.CompanyID) bool {
	return access.May(v.actor, action, scope)
}

// allow refuses what the reader may not do.
func (v *visit) allow(action access.Action, scope usage.CompanyID) error {
	if v.may(action, scope) {
		return nil
	}
	text, err := v.texts.say("problem.denied", v.rolesFor(action, scope))
	if err != nil {
		return err
	}
	return fault.New(fault.Denied, "%s", text)
}

// rolesFor names the roles that may do something: Administrator or Operator.
func (v *visit) rolesFor(action access.Action, scope usage.CompanyID) string {
	var names []string
	for _, role := range access.Roles() {
		a := access.Actor{Role: role}
		if role.OfCompany() {
			a.Company = scope
		}
		if access.May(a, action, scope) {
			names = append(names, v.texts["role."+string(role)])
		}
	}
	last := len(names) - 1
	if last <= 0 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " " + v.texts["problem.or"] + " " + names[last]
}

// companyOf finds the company of the path. Whoever may not read there is told that there is none.
func (p *Portal) companyOf(v *visit) (fleet.Company, error) { return p.companyNamed(v, false) }

// companyNamed is companyOf; ever: also of one that was removed, by its number.
func (p *Portal) companyNamed(v *visit, ever bool) (fleet.Company, error) {
	ref := v.id("company")
	absent := p.texts.refuse(fault.NotFound, "absent.company", strconv.Quote(ref))
	if strings.Contains(ref, ":") { // a name may be another company's tomorrow
		return fleet.Company{}, absent
	}
	if err := p.ownServers(v); err != nil {
		return fleet.Company{}, err
	}
	c, err := p.Directory.FindCompany(v.ctx(), ref)
	if n, none := strconv.ParseInt(ref, 10, 64); ever && none == nil && fault.Is(err, fault.NotFound) {
		c, err = p.Companies.Company(v.ctx(), usage.CompanyID(n))
	}
	if fault.Is(err, fault.NotFound) || err == nil && !v.may(access.Read, c.ID) {
		return fleet.Company{}, absent
	}
	return c, err
}

// redirect sends the browser on to a page of ours after something was done; told is the key of a text that it shows.
func redirect(to, told string) (any, error) {
	if told != "" {
		u, err := url.Parse(to)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "%q is no address", to)
		}
		q := u.Query()
		q.Set("told", told)
		u.RawQuery = q.Encode()
		to = u.String()
	}
	return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", clean(to))}}, nil
}

// day reads a field as 2026-10-31; where it is empty, it is the given one.
func (v *visit) day(name string, absent usage.Date) usage.Date {
	text := v.field(name)
	if text == "" {
		return absent
	}
	d, err := usage.ParseDate(text)
	if err != nil {
		v.fail(name, v.texts["form.no-day"])
		return absent
	}
	return d
}

// statusOf is the status of a page whose form is shown again where something is wrong with it.
func statusOf(wrong []fault.Field) int {
	if len(wrong) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

package portal

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// problem is the value of the page that says why there is no other one.
type problem struct {
	Status  int
	Text    string
	Fields  []fault.Field
	Request string // its number in the log, where it is our trouble
}

// Fail says what is wrong, as a page to people and as a line of text to programs and scripts. Who is not signed in is asked to.
func (p *Portal) Fail(r *http.Request, err error) api.Raw {
	status, script := api.StatusOf(err), r.Header.Get("HX-Request") == "true"
	if status == http.StatusUnauthorized && r.Method == http.MethodPost && p.cross.Check(r) != nil { // nothing else is said of what another site sends
		err = fault.Wrap(err, fault.Denied, "%s", p.texts["problem.cross"])
		status = http.StatusForbidden
	}
	if status == http.StatusUnauthorized && r.Method == http.MethodGet && !script {
		to := "/sign-in"
		if r.URL.Path != "/" {
			to += "?to=" + url.QueryEscape(r.URL.RequestURI())
		}
		return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", to)}}
	}
	plain := api.PlainText(api.MessageOf(err) + "\n")
	plain.Status = status
	if script || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return plain
	}
	shown := page{name: "problem", title: p.texts["problem.title"], data: problemOf(r, err, status), status: status}
	if status == http.StatusUnauthorized && r.Method == http.MethodPost && api.Actor(r.Context()) == (access.Actor{}) { // the form is not read yet
		shown = p.ended(r)
	}
	answer, failed := p.render(r, &shown)
	if failed != nil {
		return plain
	}
	return answer
}

func problemOf(r *http.Request, err error, status int) problem {
	v := problem{Status: status, Text: api.MessageOf(err)}
	if status >= http.StatusInternalServerError {
		v.Request = api.RequestID(r.Context())
	}
	return v
}

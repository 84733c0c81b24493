package portal

import (
	"net/http"
	"net/url"
	"strings"

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

// Fail says what is wrong, as a page to people and as a line of text to programs. Who is not signed in is asked to.
func (p *Portal) Fail(r *http.Request, err error) api.Raw {
	status := api.StatusOf(err)
	if status == http.StatusUnauthorized && r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" {
		to := "/sign-in"
		if r.URL.Path != "/" {
			to += "?to=" + url.QueryEscape(r.URL.RequestURI())
		}
		return api.Raw{Status: http.StatusSeeOther, Fields: []api.Field{field("Location", to)}}
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		answer := api.PlainText(api.MessageOf(err) + "\n")
		answer.Status = status
		return answer
	}
	v := problem{Status: status, Text: api.MessageOf(err)}
	if status >= http.StatusInternalServerError {
		v.Request = api.RequestID(r.Context())
	}
	answer, failed := p.render(r, &page{name: "problem", title: p.texts["problem.title"], data: v, status: status})
	if failed != nil {
		answer = api.PlainText(api.MessageOf(err) + "\n")
		answer.Status = status
	}
	return answer
}

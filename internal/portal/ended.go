package portal

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/tallystick/tallystick/internal/api"
)

// endedView is the value of the page that answers a form which was sent after its session had ended: what was typed, and a way on.
type endedView struct {
	To    string  // where the form is sent again; empty: nothing of it is kept
	Kept  []input // what was typed
	Again []input // what is typed again, because it is secret
}

// unkept are the fields that are written into no page: what is typed into a field for passwords, and codes, which hold once.
var unkept = []string{"old", "password", "again", "code"}

// ended answers a form that nobody is signed in for. It is sent again by nothing but a click: who signs in meanwhile may be somebody else.
func (p *Portal) ended(r *http.Request) page {
	var v endedView
	if form := p.typed(r); form != nil {
		v.To = (&url.URL{Path: ownPath(r), RawQuery: r.URL.RawQuery}).String()
		for _, name := range slices.Sorted(maps.Keys(form)) {
			if slices.Contains(unkept, name) {
				continue
			}
			for _, value := range form[name] {
				v.Kept = append(v.Kept, hidden(name, value))
			}
		}
		for _, name := range unkept {
			if form.Get(name) != "" {
				v.Again = append(v.Again, againOf(name))
			}
		}
		v.Again = p.fields(nil, "ended", false, v.Again...)
	}
	return page{name: "ended", title: p.texts["ended.title"], data: v, status: http.StatusUnauthorized}
}

// againOf is the field in which something secret is typed once more.
func againOf(name string) input {
	in := input{Name: name, Kind: passwordField, Complete: "new-password", Required: true}
	switch name {
	case "old":
		in.Complete = "current-password"
	case "code":
		in.Kind, in.Complete = "", "one-time-code"
	}
	return in
}

// typed reads the form of a request that was not let in; nil: it has none, or one that is not surely of a page of ours. What another site sends
// is not put before a reader whose one click would send it as theirs.
func (p *Portal) typed(r *http.Request) url.Values {
	if !sameOrigin(r) || !isForm(r) {
		return nil
	}
	most := p.bodyMax(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1)) // the frame limits what it lets in
	if err != nil || int64(len(body)) > most {
		return nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	return form
}

// sameOrigin reports whether a browser says that a page of this console sent the request: that nothing speaks against it is not enough.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	from, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && from.Host != "" && from.Host == r.Host
}

// bodyMax is how long a form may be, in bytes.
func (p *Portal) bodyMax(r *http.Request) int64 {
	i := slices.IndexFunc(p.routes, func(route api.Route) bool { return route.Method == r.Method && route.Pattern == r.Pattern })
	if i < 0 {
		return 0
	}
	return p.routes[i].BodyMax
}

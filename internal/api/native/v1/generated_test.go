package v1_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
)

// asker sends what was made up, and holds each answer against the document.
type asker struct {
	*world

	document *contract
	spec     *spec
}

func newAsker(t testing.TB) *asker {
	t.Helper()
	w := newWorld(t)
	// Whatever is done to users and tokens, the next request is the administrator's.
	admin := access.Actor{User: 1, Name: "admin", Role: access.PortalAdministrator}
	frame := &api.Frame{Surfaces: []api.Surface{w.surface}, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, string) (access.Actor, error) { return admin, nil }}
	w.handler = must[http.Handler](t)(frame.Handler())
	return &asker{world: w, document: must[*contract](t)(document()), spec: specOf(t)}
}

// ask gives the answer, and what is wrong with it.
func (a *asker) ask(r *http.Request) (got *copier, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the answer is broken off: %v", v)
		}
	}()
	a.clock.Add(25 * time.Millisecond) // so that it is never too often
	got = &copier{ResponseWriter: httptest.NewRecorder(), status: http.StatusOK}
	a.handler.ServeHTTP(got, r)
	if got.status == http.StatusServiceUnavailable || got.status == http.StatusTooManyRequests {
		return got, errors.New("nothing keeps it from answering")
	}
	if !a.spec.written(r.URL.EscapedPath()) || r.Method != strings.ToUpper(r.Method) { // the document knows no such, whether the frame tolerates it or not
		if got.status == http.StatusInternalServerError {
			return got, errors.New("a defect")
		}
		return got, nil
	}
	return got, a.document.check(r, got)
}

// written reports whether a path is written as the document has it: word for word where it names no thing, and nothing encoded.
func (d *spec) written(path string) bool {
	segments := strings.Split(path, "/")
	return !strings.Contains(path, "%") && slices.ContainsFunc(d.all, func(o *operation) bool {
		pattern := strings.Split("/api/v1"+o.path, "/")
		if len(pattern) != len(segments) {
			return false
		}
		for i, p := range pattern {
			if p != segments[i] && (!strings.HasPrefix(p, "{") || segments[i] == "") {
				return false
			}
		}
		return true
	})
}

// requestOf makes what net/http would hand over; false: it would refuse that itself.
func requestOf(t testing.TB, method, target string, header http.Header, body string) (*http.Request, bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://console.example:1281"+target, strings.NewReader(body))
	if err != nil || !strings.HasPrefix(r.URL.Path, "/") || r.URL.Host != "console.example:1281" {
		return nil, false
	}
	r.RequestURI, r.RemoteAddr = target, "192.0.2.1:1234"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Authorization", "Bearer x")
	return r, true
}

// maker makes requests out of the document.
type maker struct {
	*spec

	t *rapid.T
}

// pick draws one of some texts.
func (m maker) pick(label string, texts ...string) string {
	return rapid.SampledFrom(texts).Draw(m.t, label)
}

func (m maker) chance(label string, of int) bool { return rapid.IntRange(1, of).Draw(m.t, label) == 1 }

// known are values that are there, by the names that the document has for them.
var known = map[string][]string{
	"company": {"2", "3", "unassigned", "5b0f0000-0000-4000-8000-000000000001", "99"}, "server": {"1", "2", "3", vbr01, "99"}, "workload": {"web00", "db01", "pc00", "none"},
	"entry": {"2", "7", "99"}, "alarm": {"1", "2", "99"}, "month": {"2026-09", "2026-10", "2026-08"}, "number": {"1", "2"}, "plan": {"1", "2", "99"}, "user": {"1", "3", "99"},
	"session": {"none"}, "credential": {"1", "9"}, "format": {"csv", "pdf"}, "file": {"a,b\n1,2\n", "{}"}, "token": {"2", "99"}, "resource": {"backupServer", "cloudConnect", "availabilityConsole"}, "tenant": {"contoso-cc", ""}, "search": {"web", "Ö", ""},
	"sort": {"id", "-id", "name,-id", "nothing", "company"}, "filter": {"id gt 1", "name eq 'web00'", "contains(name, 'b')", "company eq 3 and server ne null", "not (id lt 2)"},
	"cursor": {"", "x", "eyJxIjoieCIsImsiOltdfQ"}, "from": {"2026-10-19T00:00:00Z"}, "role": {"portal-readonly", "company-readonly", "nobody"}, "scopes": {"read", "push", "nothing"},
	"product": {"vbr", "cloudConnect", "console"}, "authority": {"reported", "computed", ""}, "zone": {"UTC", "Europe/Berlin", "Nowhere"}, "tax": {"VAT", "GST"}, "currency": {"EUR", "USD"},
	"url": {"https://vbr09:9419", "x"}, "password": {password, "short"}, "installationId": {vbr02, "c0de0000-0000-4000-8000-0000000000bb"}, "type": {"VBR_vSphere_VM", "None"},
	"If-Match": {"*", `"x"`}, "If-None-Match": {"*", `"x"`}, "Idempotency-Key": {"a", "b"}, "expiresAt": {"2027-01-01T00:00:00Z"}, "to": {"2026-10-20T01:00:00Z"},
}

// text is a value of a parameter as its schema has it.
func (m maker) text(p *parameter) string {
	switch s := &p.Schema; {
	case s.Format == "date":
		return m.pick(p.Name, "2026-10-18", "2026-10-20", "2026-09-01")
	case s.Format == "date-time":
		return m.pick(p.Name, "2026-10-19T23:30:00Z", "2026-10-20T00:00:00+02:00", "2026-11-01T00:00:00.5Z")
	case len(s.Enum) > 0:
		return fmt.Sprint(rapid.SampledFrom(s.Enum).Draw(m.t, p.Name))
	case s.Type == "boolean":
		return m.pick(p.Name, "true", "false")
	case known[p.Name] != nil:
		return m.pick(p.Name, known[p.Name]...)
	case s.Type == "integer":
		return fmt.Sprint(rapid.IntRange(1, 1000).Draw(m.t, p.Name))
	}
	return rapid.String().Draw(m.t, p.Name)
}

// value is one that a schema allows.
func (m maker) value(name string, s *schema, depth int) any {
	s = m.of(s)
	if len(s.OneOf) > 0 {
		return m.value(name, rapid.SampledFrom(s.OneOf).Draw(m.t, "one of"), depth)
	}
	kind := s.Type
	if several, is := kind.([]any); is {
		kind = rapid.SampledFrom(several).Draw(m.t, "kind")
	}
	switch {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return rapid.SampledFrom(s.Enum).Draw(m.t, name)
	case kind == "object":
		out := map[string]any{}
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			if depth < 5 && (slices.Contains(s.Required, member) || m.chance(member, 3)) {
				out[member] = m.value(member, s.Properties[member], depth+1)
			}
		}
		if name == "reasons" {
			out["*"] = "because"
		}
		return out
	case kind == "array":
		out := []any{}
		for range rapid.IntRange(0, 2).Draw(m.t, "length") {
			out = append(out, m.value(name, s.Items, depth+1))
		}
		return out
	case kind == "integer":
		return rapid.SampledFrom([]int64{0, 1, 2, 3, 99, -1, 3600, 1 << 53, -1 << 63, 1<<63 - 1}).Draw(m.t, name)
	case kind == "number":
		return rapid.SampledFrom([]json.Number{"0", "1", "19", "0.5", "100", "-3", "12345678901234.5"}).Draw(m.t, name)
	case kind == "boolean":
		return rapid.Bool().Draw(m.t, name)
	case kind == "null":
		return nil
	case s.Format == "date-time":
		return m.pick(name, "2026-10-19T23:30:00Z", "2027-01-01T00:00:00+02:00")
	case known[name] != nil:
		return m.pick(name, known[name]...)
	}
	return rapid.OneOf(rapid.StringN(0, 12, -1), rapid.SampledFrom([]string{"Northwind", "a", " ", "=x"})).Draw(m.t, name)
}

// made is a request, and whether it is one that the document allows.
type made struct {
	operation *operation
	target    string
	header    http.Header
	body      string
}

// good makes a request that the document allows.
func (m maker) good() made {
	o := rapid.SampledFrom(m.all).Draw(m.t, "operation")
	ids, options := map[string]string{}, url.Values{}
	out := made{operation: o, header: http.Header{}}
	for i := range o.Parameters {
		switch p := &o.Parameters[i]; {
		case p.In == "path":
			ids[p.Name] = url.PathEscape(m.text(p))
		case p.In == "query" && m.chance("give "+p.Name, 3):
			options.Set(p.Name, m.text(p))
		case p.In == "header" && m.chance("give "+p.Name, 4):
			out.header.Set(p.Name, m.text(p))
		}
	}
	out.target = "/api/v1" + o.fill(ids)
	if len(options) > 0 {
		out.target += "?" + options.Encode()
	}
	if m.chance("form", 3) {
		out.header.Set("Accept", m.pick("Accept", "text/csv", "application/x-ndjson", "*/*", "text/html, application/*;q=0.5"))
	}
	if o.Body == nil {
		return out
	}
	media := rapid.SampledFrom(slices.Sorted(maps.Keys(o.Body.Content))).Draw(m.t, "media")
	out.header.Set("Content-Type", media)
	switch schema := o.Body.Content[media].Schema; {
	case o.ID == "pushSnapshots":
		out.body = readingAt(rapid.IntRange(0, 9).Draw(m.t, "minute"))
		if media == "application/gzip" {
			out.body = packed(out.body)
		}
	case media == "text/plain":
		out.body = m.pick("rows", ownRows, "", "weight\tx")
	default:
		text, err := json.Marshal(m.value("", &schema, 0))
		if err != nil {
			m.t.Fatal(err)
		}
		out.body = string(text)
	}
	return out
}

// harms make a good request a bad one, where they fit.
var harms = map[string]func(m maker, q *made) bool{
	"unknown option": func(_ maker, q *made) bool { return q.add("nothing=1") },
	"option twice": func(_ maker, q *made) bool {
		return q.operation.has("limit") && q.add("limit=1") && q.add("limit=2")
	},
	"option out of range": func(m maker, q *made) bool {
		return q.operation.has("limit") && !strings.Contains(q.target, "limit=") && q.add("limit="+m.pick("limit", "0", "-1", "1001", "99999999999999999999", "1e3", "x", "%00"))
	},
	"percent": func(m maker, q *made) bool { return q.add(m.pick("percent", "%", "%zz", "a=%f", "limit=1;sort=id")) },
	"filter": func(m maker, q *made) bool {
		return q.operation.has("filter") && !strings.Contains(q.target, "filter=") && q.add("filter="+url.QueryEscape(m.pick("filter", "'", "(", "id eq", "nothing eq 1", "id", strings.Repeat("(", 3000)+"1", strings.Repeat("not ", 3000)+"true", "\xff", "x/any(y: y eq 1)")))
	},
	"unknown member": func(_ maker, q *made) bool { return q.json(func(s string) string { return `{"nothing":1,` + s[1:] }) },
	"member twice": func(m maker, q *made) bool {
		name := "reason"
		for _, schema := range q.operation.Body.Content {
			if p := m.of(&schema.Schema).Properties; len(p) > 0 {
				name = slices.Sorted(maps.Keys(p))[0]
			}
		}
		return q.json(func(s string) string {
			return `{"` + name + `":null,"` + m.pick("other case", name, strings.ToUpper(name)) + `":null,` + s[1:]
		})
	},
	"wrong type": func(m maker, q *made) bool {
		if q.body == "{}" {
			return false
		}
		return q.json(func(string) string {
			var have map[string]any
			if err := json.Unmarshal([]byte(q.body), &have); err != nil {
				m.t.Fatal(err)
			}
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(have))).Draw(m.t, "member")
			switch have[name].(type) {
			case string, nil:
				have[name] = []any{map[string]any{"x": 1}}
			default:
				have[name] = "x"
			}
			text, _ := json.Marshal(have)
			return string(text)
		})
	},
	"cut off":     func(_ maker, q *made) bool { return q.json(func(s string) string { return s[:len(s)-1] }) },
	"more behind": func(_ maker, q *made) bool { return q.json(func(s string) string { return s + "{}" }) },
	"too deep": func(_ maker, q *made) bool {
		return q.json(func(string) string { return strings.Repeat(`{"a":`, 9000) })
	},
	"no object": func(m maker, q *made) bool {
		return q.json(func(string) string {
			return m.pick("no object", "null", "[]", "7", `"x"`, "true", "nul", "1e999999", "\x00")
		})
	},
	"invalid UTF-8": func(_ maker, q *made) bool {
		return q.json(func(s string) string { return "{\"name\":\"\xff\"," + s[1:] })
	},
	"too long": func(_ maker, q *made) bool {
		return q.operation.ID != "compareMonth" && q.json(func(s string) string { return strings.Repeat(" ", 1<<20) + s }) // which takes a file
	},
	"other media type": func(m maker, q *made) bool {
		q.header.Set("Content-Type", m.pick("media type", "text/html", "application/x-www-form-urlencoded", "x", ";", "application/json-seq"))
		return q.json(func(s string) string { return s })
	},
	"packed": func(_ maker, q *made) bool {
		q.header.Set("Content-Encoding", "gzip")
		return q.json(packed)
	},
}

func (q *made) add(option string) bool {
	join := "?"
	if strings.Contains(q.target, "?") {
		join = "&"
	}
	q.target += join + option
	return q.operation.ID != "getDocument" // which has no options to look at
}

// json changes a body that is JSON.
func (q *made) json(change func(string) string) bool {
	if q.operation.Body == nil || q.operation.ID == "pushSnapshots" || q.operation.ID == "setOwnCatalog" || !strings.HasPrefix(q.body, "{") {
		return false
	}
	text := change(q.body)
	if strings.HasSuffix(text, ",}") {
		text = text[:len(text)-2] + "}"
	}
	q.body = text
	return true
}

// together is how many requests are made up at a time.
const together = 10

// Whatever the document allows is answered as it says.
func TestGoodRequests(t *testing.T) {
	t.Parallel()
	a, d := newAsker(t), specOf(t)
	answers := map[int]int{}
	rapid.Check(t, func(r *rapid.T) {
		for range together {
			q := maker{d, r}.good()
			got, err := a.send(t, &q)
			if err != nil {
				r.Fatalf("%s %s %v\n%s\n%d %v: %.1000s", q.operation.method, q.target, q.header, q.body, got.status, err, got.body.String())
			}
			answers[got.status]++
		}
	})
	t.Log(answers)
}

func (a *asker) send(t testing.TB, q *made) (*copier, error) {
	t.Helper()
	r, ok := requestOf(t, q.operation.method, q.target, q.header, q.body)
	if !ok {
		return &copier{}, nil
	}
	return a.ask(r)
}

// Whatever it does not allow is refused, as it says.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	a, d := newAsker(t), specOf(t)
	kinds := slices.Sorted(maps.Keys(harms))
	refused := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		for range together {
			m := maker{d, r}
			q := m.good()
			kind := rapid.SampledFrom(kinds).Draw(r, "harm")
			if kind == "member twice" && q.operation.Body == nil || !harms[kind](m, &q) {
				continue
			}
			got, err := a.send(t, &q)
			if err == nil && got.status != 0 && (got.status < 400 || got.status >= 500) {
				err = errors.New("it is not refused")
			}
			if err != nil {
				r.Fatalf("%s: %s %.300s %v\n%.300s\n%d %v: %.1000s", kind, q.operation.method, q.target, q.header, q.body, got.status, err, got.body.String())
			}
			refused[kind]++
		}
	})
	t.Log(refused)
}

// Null stands for what is not given, wherever it stands.
func TestNulls(t *testing.T) {
	t.Parallel()
	a, d := newAsker(t), specOf(t)
	for _, o := range d.all {
		if o.Body == nil {
			continue
		}
		for _, content := range o.Body.Content {
			for name := range d.of(&content.Schema).Properties {
				for _, value := range []string{"null", "[null]", `{"x":null}`, "1e999999", "-1", "1.5", `"\u0000"`, `"` + strings.Repeat("x", 100_000) + `"`, "99999999999999999999", `"\ud800"`} {
					q := made{operation: o, target: "/api/v1" + o.fill(map[string]string{
						"company": "2", "server": "1", "month": "2026-10", "number": "1", "plan": "1", "user": "3", "alarm": "1", "entry": "2", "credential": "1",
					}), header: http.Header{"Content-Type": {"application/json"}}, body: `{"` + name + `":` + value + `}`}
					if got, err := a.send(t, &q); err != nil {
						t.Errorf("%s %s %.200s: %d %v: %.500s", o.method, q.target, q.body, got.status, err, got.body.String())
					}
				}
			}
		}
	}
}

// Nothing that is sent makes the surface fail, or answer otherwise than the document says.
func FuzzAPI(f *testing.F) {
	for _, o := range must[*spec](f)(readSpec()).all {
		target := "/api/v1" + o.fill(map[string]string{
			"company": "2", "server": "1", "workload": "web00", "entry": "7", "alarm": "1", "month": "2026-10", "number": "1", "plan": "1", "user": "3", "session": "x", "token": "9", "credential": "1", "resource": "backupServer",
		})
		body := ""
		for _, v := range effects {
			if v.operation == o.ID {
				body = v.body
			}
		}
		f.Add(o.method, target, "filter=id%20gt%201&sort=-id&limit=2", "Accept: text/csv\nIdempotency-Key: a", body)
		f.Add(o.method, target, "from=2026-10-18T00:00:00Z", "If-Match: *\nContent-Type: application/json", "{}")
		f.Add(o.method, target, "", "", body)
	}
	a := newAsker(f)
	f.Fuzz(func(t *testing.T, method, path, query, header, body string) {
		h := http.Header{}
		for line := range strings.Lines(header) {
			if name, value, is := strings.Cut(strings.TrimSpace(line), ":"); is {
				h.Add(name, strings.TrimSpace(value))
			}
		}
		target := path
		if query != "" {
			target += "?" + query
		}
		r, ok := requestOf(t, method, target, h, body)
		if !ok {
			return
		}
		if got, err := a.ask(r); err != nil {
			t.Errorf("%s %s: %d %v: %.1000s", method, target, got.status, err, got.body.String())
		}
	})
}

package v1_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// row is one of a list, as any of its forms has it.
type row = map[string]any

// moving is what goes on while lists are read, since the schedule of this world is always due.
const moving = "nextAt"

func still(v row) row {
	delete(v, moving)
	return v
}

// rowsOf gives all rows of a list, page by page.
func (w *world) rowsOf(path string, limit int, role access.Role) []row {
	w.t.Helper()
	list := []row{}
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for next := ""; len(list) < 10_000; {
		target := fmt.Sprint(path, join, "limit=", limit)
		if next != "" {
			target += "&cursor=" + next
		}
		w.clock.Add(25 * time.Millisecond)
		got := w.want(http.StatusOK, request{method: "GET", path: target, role: role})
		p := in[page[row]](w.t, got)
		if len(p.Items) > limit || len(p.Items) < limit && p.Next != nil {
			w.t.Fatalf("%s has %d items", target, len(p.Items))
		}
		for _, v := range p.Items {
			list = append(list, still(v))
		}
		if link := got.header.Get("Link"); (link == "") != (p.Next == nil) || p.Next != nil && !strings.Contains(link, url.QueryEscape(*p.Next)+">") && !strings.Contains(link, url.QueryEscape(*p.Next)+"&") {
			w.t.Errorf("%s: next is %v, Link %q", target, p.Next, link)
		}
		if p.Next == nil {
			return list
		}
		next = *p.Next
	}
	w.t.Fatalf("%s has no end", path)
	return nil
}

// lists are all lists of the document, with what they need.
func (e *estate) lists(t testing.TB) (paths []string) {
	t.Helper()
	for _, o := range specOf(t).all {
		if !o.lists() {
			continue
		}
		for v, q := range e.asks(t, o) {
			if v.owner >= 0 && !strings.HasPrefix(v.ref, "name:") && !(o.ID == "getLife" && v.owner != 3) {
				path := q.path
				if o.has("at") || o.ID == "listUsageDays" { // what is asked of now moves while it is asked
					path += map[bool]string{true: "&to=2026-10-22", false: "?at=2026-10-22T00:00:00Z"}[o.ID == "listUsageDays"]
				}
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths
}

// Every list is the same in JSON, in pages of any length, in NDJSON and in CSV.
func TestFormsOfLists(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	full := 0
	for _, path := range e.lists(t) {
		whole := e.rowsOf(path, 1000, access.PortalAdministrator)
		if len(whole) > 0 {
			full++
		}
		for _, limit := range []int{1, 3} {
			if limit*150 < len(whole) { // it takes long, and shows nothing more
				continue
			}
			if got := e.rowsOf(path, limit, access.PortalAdministrator); mustJSON(t, got) != mustJSON(t, whole) {
				t.Errorf("%s in pages of %d:\n%s\n%s", path, limit, mustJSON(t, got), mustJSON(t, whole))
			}
		}
		e.clock.Add(time.Second)
		lines := e.want(http.StatusOK, request{method: "GET", path: path, header: http.Header{"Accept": {"application/x-ndjson"}}})
		each := []row{}
		for text := range strings.Lines(lines.body) {
			each = append(each, still(in[row](t, answered{body: text})))
		}
		if mustJSON(t, each) != mustJSON(t, whole) {
			t.Errorf("%s in lines:\n%s\n%s", path, mustJSON(t, each), mustJSON(t, whole))
		}
		table := must[[][]string](t)(csv.NewReader(strings.NewReader(e.want(http.StatusOK, request{method: "GET", path: path, header: http.Header{"Accept": {"text/csv"}}}).body)).ReadAll())
		if len(table) != len(whole)+1 {
			t.Errorf("%s: %d lines of CSV, and %d rows", path, len(table), len(whole))
			continue
		}
		for i, cells := range table[1:] {
			for k, name := range table[0] {
				if name == moving {
					continue
				}
				if want := cellOf(t, whole[i], name); sorted(t, cells[k]) != want {
					t.Errorf("%s, row %d: %s is %q, want %q", path, i, name, cells[k], want)
				}
			}
		}
	}
	if full < 20 {
		t.Errorf("only %d lists have rows", full)
	}
}

// cellOf is what a cell has of a row: no text in it is a formula.
func cellOf(t *testing.T, r row, column string) string {
	t.Helper()
	var v any = r
	for name := range strings.SplitSeq(column, "/") {
		members, is := v.(row)
		if !is {
			t.Fatalf("%s is no column of %v", column, r)
		}
		v = members[name]
	}
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		if strings.HasPrefix(x, "=") || strings.HasPrefix(x, "+") || strings.HasPrefix(x, "-") || strings.HasPrefix(x, "@") {
			return "'" + x
		}
		return x
	default:
		return mustJSON(t, x)
	}
}

// sorted writes JSON with its members in order, and leaves alone what is none.
func sorted(t *testing.T, cell string) string {
	t.Helper()
	var v any
	if !strings.HasPrefix(cell, "{") && !strings.HasPrefix(cell, "[") || json.Unmarshal([]byte(cell), &v) != nil {
		return cell
	}
	return mustJSON(t, v)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// No cell of a table is taken for a formula, whoever chose its text.
func TestFormulas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"=1+1", "+1", "-1", "@SUM(A1)"} {
		w.want(http.StatusCreated, request{method: "POST", path: "/companies", body: fmt.Sprintf(`{"name":%q,"description":%q,"taxId":%q,"contact":{"city":%q}}`, name, "\t"+name, name, name)})
		table := must[[][]string](t)(csv.NewReader(strings.NewReader(w.want(http.StatusOK, request{
			method: "GET", path: "/companies?filter=id%20eq%20" + fmt.Sprint(4+i), header: http.Header{"Accept": {"text/csv"}},
		}).body)).ReadAll())
		for k, cell := range table[1] {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "\t") {
				t.Errorf("%s is %q", table[0][k], cell)
			}
			if column := table[0][k]; (column == "name" || column == "contact/city") && cell != "'"+name {
				t.Errorf("%s is %q", column, cell)
			}
		}
	}
}

// While pages are read, companies come, go and change: what was there all the time, and is ordered as it was, is seen once, in order.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	w := emptyWorldFor(t)
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		for _, c := range must[[]fleet.Company](t)(w.store.Companies(ctx)) {
			if err := w.fleet.RemoveCompany(ctx, c.ID); err != nil {
				r.Fatal(err)
			}
		}
		name := func() string {
			return fmt.Sprintf("%c%d", 'A'+rapid.IntRange(0, 5).Draw(r, "letter"), rapid.IntRange(0, 1<<30).Draw(r, "number"))
		}
		alive := map[usage.CompanyID]string{}
		add := func() {
			if c, err := w.fleet.AddCompany(ctx, fleet.NewCompany{Name: name()}); err == nil {
				alive[c.ID] = c.Name
			}
		}
		for range rapid.IntRange(0, 12).Draw(r, "companies") {
			add()
		}
		stay := map[usage.CompanyID]string{}
		for id, n := range alive {
			stay[id] = n
		}
		sort := rapid.SampledFrom([]string{"", "id", "-id", "name", "-name", "enabled,-name", "taxId"}).Draw(r, "sort")
		path := fmt.Sprint("/companies?sort=", sort, "&limit=", rapid.IntRange(1, 4).Draw(r, "limit"))
		seen, next := []company{}, ""
		for {
			w.clock.Add(25 * time.Millisecond)
			p := in[page[company]](t, w.want(http.StatusOK, request{method: "GET", path: path + next}))
			seen = append(seen, p.Items...)
			if p.Next == nil {
				break
			}
			next = "&cursor=" + *p.Next
			for range rapid.IntRange(0, 3).Draw(r, "writes") {
				ids := slices.Sorted(func(yield func(usage.CompanyID) bool) {
					for id := range alive {
						if !yield(id) {
							return
						}
					}
				})
				switch what := rapid.IntRange(0, 3).Draw(r, "write"); {
				case what == 0 || len(ids) == 0:
					add()
				case what == 1:
					id := rapid.SampledFrom(ids).Draw(r, "removed")
					if err := w.fleet.RemoveCompany(ctx, id); err != nil {
						r.Fatal(err)
					}
					delete(alive, id)
					delete(stay, id)
				case what == 2:
					id, to := rapid.SampledFrom(ids).Draw(r, "renamed"), name()
					if c, err := w.fleet.EditCompany(ctx, id, fleet.CompanyEdit{Name: &to}); err == nil {
						if alive[id] = c.Name; strings.Contains(sort, "name") {
							delete(stay, id)
						}
					}
				default: // what nothing is ordered by
					id := rapid.SampledFrom(ids).Draw(r, "changed")
					if _, err := w.fleet.EditCompany(ctx, id, fleet.CompanyEdit{Profile: func(p *fleet.Profile) error { p.City += "x"; return nil }}); err != nil {
						r.Fatal(err)
					}
				}
			}
		}
		times := map[usage.CompanyID]int{}
		for _, c := range seen {
			times[usage.CompanyID(c.ID)]++
		}
		for id := range stay {
			if times[id] != 1 {
				r.Fatalf("company %d was there all the time, and was seen %d times: %v", id, times[id], seen)
			}
		}
		if !slices.IsSortedFunc(seen, ordered(sort)) {
			r.Fatalf("by %s: %v", sort, seen)
		}
	})
}

// emptyWorldFor is a world without companies, and with an administrator who never has to log in again.
func emptyWorldFor(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t)
	must[access.User](t)(w.access.AddUser(t.Context(), access.NewUser{Name: "a", Role: access.PortalAdministrator, Password: password}))
	_, secret, err := w.access.AddToken(t.Context(), access.NewToken{Name: "t", User: 1, Scopes: access.Actions(), ExpiresAt: w.clock.Now().AddDate(1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	w.tokens[access.PortalAdministrator] = secret
	return w
}

// company is what a second, slow implementation of conditions and orders looks at.
type company struct {
	ID      int64
	Name    string
	Enabled bool
	TaxID   string `json:"taxId"`
	Plan    *int64
	Tenants []struct {
		Server int64
		Name   string
	}
}

// ordered compares companies as an order says, the slow way.
func ordered(sort string) func(a, b company) int {
	return func(a, b company) int {
		for key := range strings.SplitSeq(sort, ",") {
			name, down := strings.CutPrefix(key, "-")
			c := 0
			switch name {
			case "id":
				c = cmp.Compare(a.ID, b.ID)
			case "name":
				c = strings.Compare(a.Name, b.Name)
			case "taxId":
				c = strings.Compare(a.TaxID, b.TaxID)
			case "enabled":
				c = strings.Compare(fmt.Sprint(a.Enabled), fmt.Sprint(b.Enabled))
			}
			if down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.ID, b.ID)
	}
}

// condition is one, as text and as what it is to say.
type condition struct {
	text  string
	holds func(company) bool
}

// conditions makes one up.
func conditions(r *rapid.T, depth int) condition {
	if depth > 0 {
		switch rapid.IntRange(0, 4).Draw(r, "join") {
		case 0:
			a, b := conditions(r, depth-1), conditions(r, depth-1)
			return condition{"(" + a.text + ") and (" + b.text + ")", func(c company) bool { return a.holds(c) && b.holds(c) }}
		case 1:
			a, b := conditions(r, depth-1), conditions(r, depth-1)
			return condition{"(" + a.text + ") or (" + b.text + ")", func(c company) bool { return a.holds(c) || b.holds(c) }}
		case 2:
			a := conditions(r, depth-1)
			return condition{"not (" + a.text + ")", func(c company) bool { return !a.holds(c) }}
		}
	}
	id := rapid.Int64Range(1, 9).Draw(r, "id")
	text := rapid.SampledFrom([]string{"a", "B", "'", "ö", "", "Ab"}).Draw(r, "text")
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	return rapid.SampledFrom([]condition{
		{fmt.Sprint("id gt ", id), func(c company) bool { return c.ID > id }},
		{fmt.Sprint("id le ", id), func(c company) bool { return c.ID <= id }},
		{fmt.Sprint("id ne ", id), func(c company) bool { return c.ID != id }},
		{"enabled eq true", func(c company) bool { return c.Enabled }},
		{"enabled eq false", func(c company) bool { return !c.Enabled }},
		{"name eq " + quoted, func(c company) bool { return c.Name == text }},
		{"name lt " + quoted, func(c company) bool { return c.Name < text }},
		{"taxId ge " + quoted, func(c company) bool { return c.TaxID >= text }},
		{"contains(name, " + quoted + ")", func(c company) bool { return strings.Contains(c.Name, text) }},
		{"startswith(name, " + quoted + ")", func(c company) bool { return strings.HasPrefix(c.Name, text) }},
		{"endswith(taxId, " + quoted + ")", func(c company) bool { return strings.HasSuffix(c.TaxID, text) }},
		{"plan eq null", func(c company) bool { return c.Plan == nil }},
		{"tenants/any(t: t/name eq " + quoted + ")", func(c company) bool {
			return slices.ContainsFunc(c.Tenants, func(v struct {
				Server int64
				Name   string
			},
			) bool {
				return v.Name == text
			})
		}},
	}).Draw(r, "condition")
}

// Conditions and orders are what a second implementation makes of them, page by page.
func TestFilterAndSort(t *testing.T) {
	t.Parallel()
	w := emptyWorldFor(t)
	for i, name := range []string{"a", "B", "b'c", "ö", "Ab", "aB'", "zz", "Ö a"} {
		body := fmt.Sprintf(`{"name":%q,"taxId":%q}`, name, []string{"a", "", "B"}[i%3])
		if i%2 == 0 {
			body = fmt.Sprintf(`{"name":%q,"tenants":[{"server":0,"name":%q},{"server":0,"name":"x%d"}]}`, name, name, i)
		}
		w.want(http.StatusCreated, request{method: "POST", path: "/companies", body: body})
		if i%3 == 1 {
			w.want(http.StatusOK, request{method: "PATCH", path: fmt.Sprint("/companies/", 2+i), body: `{"enabled":false}`})
		}
	}
	all := in[page[company]](t, w.get("/companies")).Items
	rapid.Check(t, func(r *rapid.T) {
		f := conditions(r, 3)
		sort := rapid.SampledFrom([]string{"", "name", "-name", "taxId,-id", "enabled,-taxId,name", "-enabled", "id"}).Draw(r, "sort")
		want := slices.DeleteFunc(slices.Clone(all), func(c company) bool { return !f.holds(c) })
		slices.SortFunc(want, ordered(sort))
		path := "/companies?filter=" + url.QueryEscape(f.text) + "&sort=" + url.QueryEscape(sort)
		var got []company
		text := mustJSON(t, w.rowsOf(path, rapid.IntRange(1, 9).Draw(r, "limit"), ""))
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			r.Fatal(err)
		}
		if mustJSON(t, got) != mustJSON(t, append([]company{}, want...)) {
			r.Fatalf("%s by %s:\n%v\n%v", f.text, sort, got, want)
		}
	})
}

// A page is at most as long as is asked for, and what is asked is looked at.
func TestOptionsOfLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]int{
		"/companies?limit=1": 200, "/companies?limit=1000": 200, "/companies?limit=0": 400, "/companies?limit=1001": 400, "/companies?limit=x": 400, "/companies?limit=1&limit=2": 400,
		"/companies?sort=nothing": 400, "/companies?sort=": 200, "/companies?sort=,": 400, "/companies?filter=name": 400, "/companies?filter=nothing%20eq%201": 400,
		"/companies?filter=" + strings.Repeat("x", query.OptionMax+1): 400, "/companies?sort=" + strings.Repeat("id,", 4000) + "id": 400, "/companies?nothing=1": 400,
		"/workloads?sort=name": 400, "/workloads?sort=name&company=2": 200, "/companies?sort=" + strings.Repeat("id,", 20) + "id": 400,
	} {
		got := w.want(want, request{method: "GET", path: path})
		if want == 400 && !strings.Contains(got.body, `"path":`) {
			t.Errorf("%s does not say which option is wrong: %s", path[:20], got.body)
		}
	}
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "text/csv": "text/csv; charset=utf-8", "application/x-ndjson": "application/x-ndjson; charset=utf-8", "text/html, */*;q=0.1": "application/json",
	} {
		if got := w.want(200, request{method: "GET", path: "/companies", header: http.Header{"Accept": {accept}}}).header.Get("Content-Type"); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
	w.want(http.StatusNotAcceptable, request{method: "GET", path: "/companies", header: http.Header{"Accept": {"image/png"}}})
}

// A cursor goes on with the question that it was given for, in the eyes of who asks; what is no cursor is refused, and does no harm.
func TestCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	next := *in[page[row]](t, w.get("/workloads?limit=2")).Next
	for path, want := range map[string]int{
		"/workloads?limit=3": 200, "/workloads?limit=2&resource=cloudConnect": 400, "/companies?limit=2": 400, "/workloads?company=2": 400, "/workloads?filter=id%20ne%20'x'": 400,
	} {
		w.want(want, request{method: "GET", path: path + "&cursor=" + next})
	}
	// A company that is handed it sees its own workloads, behind that place.
	for _, v := range in[page[struct{ Company int64 }]](t, w.want(200, request{method: "GET", path: "/workloads?cursor=" + next, role: access.CompanyReadonly})).Items {
		if v.Company != 3 {
			t.Errorf("%+v", v)
		}
	}
	plain := must[[]byte](t)(base64.RawURLEncoding.DecodeString(next))
	rapid.Check(t, func(r *rapid.T) {
		text := slices.Clone(plain)
		switch rapid.IntRange(0, 3).Draw(r, "how") {
		case 0:
			text[rapid.IntRange(0, len(text)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
		case 1:
			text = text[:rapid.IntRange(0, len(text)).Draw(r, "length")]
		case 2:
			var c map[string]any
			if err := json.Unmarshal(text, &c); err != nil {
				r.Fatal(err)
			}
			keys := make([]any, rapid.SampledFrom([]int{0, 4, 5, 5, 5, 6}).Draw(r, "keys"))
			for i := range keys {
				keys[i] = []string{
					rapid.SampledFrom([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-1", "99", "x"}).Draw(r, "kind"),
					rapid.SampledFrom([]string{"", "NaN", "Inf", "-1e308", "true", "2026-10-20T00:00:00Z", "\x00", strings.Repeat("x", 5000)}).Draw(r, "text"),
				}
			}
			c["k"] = keys
			text = []byte(mustJSON(t, c))
		default:
			text = rapid.SliceOf(rapid.Byte()).Draw(r, "bytes")
		}
		w.clock.Add(25 * time.Millisecond)
		if got := w.do(request{method: "GET", path: "/workloads?cursor=" + base64.RawURLEncoding.EncodeToString(text)}); got.status != 200 && got.status != 400 {
			r.Fatalf("%s: %d %s", text, got.status, got.body)
		}
	})
	for _, bad := range []string{"x", "%00", strings.Repeat("A", 9000), next + "A", "=" + next} {
		w.want(http.StatusBadRequest, request{method: "GET", path: "/workloads?cursor=" + bad})
	}
}

// What the caller has already is not sent again, be it a page or an object, and HEAD says what GET would.
func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/companies", "/companies?limit=1", "/companies/2", "/servers/1", "/settings", "/me", "/catalog/own", "/companies/2/usage/backupServer?at=2026-10-20T02:00:00Z"} {
		got := w.get(path)
		tag := got.header.Get("Etag")
		head := w.want(http.StatusOK, request{method: "HEAD", path: path})
		if head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(got.body)) || head.header.Get("Etag") != tag || head.header.Get("Link") != got.header.Get("Link") {
			t.Errorf("HEAD %s: %v %q", path, head.header, head.body)
		}
		for _, c := range []struct {
			header []string
			want   int
		}{
			{[]string{tag}, 304},
			{[]string{"W/" + tag}, 304},
			{[]string{`"x", ` + tag}, 304},
			{[]string{`"x"`, tag}, 304},
			{[]string{"*"}, 304},
			{[]string{`"x"`}, 200},
			{[]string{strings.Trim(tag, `"`)}, 200},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				again := w.want(c.want, request{method: method, path: path, header: http.Header{"If-None-Match": c.header}})
				if again.header.Get("Etag") != tag || c.want == 304 && again.body != "" {
					t.Errorf("%s %s with %q: %v %s", method, path, c.header, again.header, again.body)
				}
			}
		}
	}
	before := w.get("/companies").header.Get("Etag")
	w.want(http.StatusOK, request{method: "PATCH", path: "/companies/2", body: `{"taxId":"1"}`})
	w.want(http.StatusOK, request{method: "GET", path: "/companies", header: http.Header{"If-None-Match": {before}}})
	for _, form := range []string{"text/csv", "application/x-ndjson"} {
		h := http.Header{"Accept": {form}}
		get, head := w.want(200, request{method: "GET", path: "/companies", header: h}), w.want(200, request{method: "HEAD", path: "/companies", header: h})
		if head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD in %s: %v", form, head.header)
		}
	}
}

// failingTrail gives so many entries, and then fails.
type failingTrail struct{ entries int }

func (f failingTrail) Audit(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	if q.Before != 0 || f.entries == 0 {
		return nil, fault.New(fault.Unavailable, "the store does not answer")
	}
	list := make([]audit.Entry, f.entries)
	for i := range list {
		list[i] = audit.Entry{ID: int64(1 + f.entries - i), What: audit.What{Subject: strings.Repeat("x", 100)}}
	}
	return list, nil
}

// A list whose source fails before anything is sent is an error; behind the first piece, the answer is broken off, so that nobody takes
// the part for the whole.
func TestListThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	served := httptest.NewServer(w.handler)
	defer served.Close()
	for _, form := range []string{"application/json", "text/csv", "application/x-ndjson"} {
		for _, entries := range []int{0, 1000} {
			w.surface.Trail = failingTrail{entries}
			status, media, body, err := fetched(t, served, "/audit?filter=id%20ne%202", http.Header{"Accept": {form}, "Authorization": {"Bearer " + w.tokens[access.PortalAdministrator]}})
			switch broken := entries > 0 && form != "application/json"; {
			case broken && (status != http.StatusOK || err == nil):
				t.Errorf("%s: %d, %d bytes and %v: it looks whole", form, status, body, err)
			case entries == 0 && (status != http.StatusServiceUnavailable || media != "application/problem+json" || err != nil):
				t.Errorf("%s: %d %s, %d bytes and %v", form, status, media, body, err)
			}
		}
	}
}

// fetched is what arrives of an answer over a connection: so many bytes, and why there are no more.
func fetched(t *testing.T, s *httptest.Server, path string, header http.Header) (status int, media string, bytes int64, err error) {
	t.Helper()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1"+path, nil))
	r.Header = header
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	bytes, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Content-Type"), bytes, err
}

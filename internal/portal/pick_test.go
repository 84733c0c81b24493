package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/fleet"
)

// crowd adds so many companies: Customer 000 has the number 4.
func (w *world) crowd(count int) {
	w.t.Helper()
	drafts := make([]fleet.CompanyDraft, count)
	for i := range drafts {
		drafts[i].Is = fleet.Company{Name: fmt.Sprintf("Customer %03d", i), Enabled: true}
	}
	if _, err := w.fleet.PutCompanies(w.t.Context(), drafts); err != nil {
		w.t.Fatal(err)
	}
}

// picking are the pages on which a company is chosen, by the id of the field.
var picking = map[string]string{
	"/users/new": "user-company", "/users/1": "role-company", "/tokens/new": "token-company", "/servers/new": "server-company", "/servers/pushed": "pushed-company",
	"/servers/1/edit": "server-edit-company", "/audit": "audit-company",
}

// Of few companies one chooses from a list; of many one types, and no page names all of them.
func TestCompaniesToChooseFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	w.crowd(48) // with the two that are there, as many as a list has
	for path, id := range picking {
		w.has(w.get(path), `<select id="`+id+`"`, ">Customer 000</option>", ">Customer 047</option>")
	}
	w.crowdBeyond()
	for path, id := range picking {
		page := w.get(path)
		w.has(page, `<label for="`+id+`">`, `list="`+id+`-list" data-suggest="/companies/suggest"`, `<datalist id="`+id+`-list">`)
		w.lacks(page, `<select id="`+id+`"`)
		form, _, _ := strings.Cut(page.body, "<table")
		if named := strings.Count(form, "Customer "); named > 30 {
			t.Errorf("%s names %d companies", path, named)
		}
	}
	w.has(w.get("/servers/1/edit"), `name="company" value="Northwind"`)
	w.has(w.get("/servers/new?company=3"), `name="company" value="`+escaped(evil)+`"`)
	w.has(w.get("/servers/new"), `<option value="Shared by companies" data-other>`)
	w.has(w.get("/users/new"), `placeholder="None"`)
}

func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(text)
}

// crowdBeyond makes more companies than a list has: one whose name is a number, and others whose names have much in common.
func (w *world) crowdBeyond() {
	w.t.Helper()
	for _, name := range []string{"2", "Fabrikam", "Fabrikam North"} {
		must[fleet.Company](w.t)(w.fleet.AddCompany(w.t.Context(), fleet.NewCompany{Name: name}))
	}
}

// A company is named by its number or its whole name. What means none, or several, is refused with what was typed, and with what may have been meant.
func TestCompanyIsTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	w.crowd(48)
	w.crowdBeyond() // they have the numbers 52, 53 and 54
	role := string(access.CompanyReadonly)
	for i, c := range []struct{ typed, company, wrong string }{
		{"northwind ", "2", ""},
		{"#2", "2", ""},
		{"3", "3", ""},
		{"#52", "52", ""},
		{"FABRIKAM", "53", ""},
		{evil, "3", ""},
		{"2", "", "may be each of these: #2 Northwind, #52 2. Type the # and the number of the one that is meant."},
		{"Fabri", "", "is no company that is there. Is it one of these: #53 Fabrikam, #54 Fabrikam North?"},
		{"customer", "", "is no company that is there. Is it one of these: #4 Customer 000, #5 Customer 001, #6 Customer 002?"},
		{"nowhere", "", "is no company that is there</p>"},
		{"1", "", "is no company that is there. Is it one of these:"}, // Unassigned is none
		{"0", "", "is no company that is there. Is it one of these:"},
		{"-2", "", "is no company that is there"},
		{"99999999999999999999", "", "is no company that is there"},
		{"#", "", "is no company that is there"},
		{"shared", "", "is no company that is there"}, // of a server alone
		{"<b>evil</b>", "", "is no company that is there"},
		{strings.Repeat("x", 10_000), "", "is no company that is there"},
		{"\x00\xff", "", "is no company that is there"},
	} {
		status := http.StatusSeeOther
		if c.wrong != "" {
			status = http.StatusUnprocessableEntity
		}
		name := fmt.Sprint("user ", i)
		a := w.send(status, admin, "/users", "name", name, "role", role, "company", c.typed, "password", password, "again", password)
		if c.wrong != "" {
			w.begins(a, "user-company", "user-company")
			w.has(a, strings.ReplaceAll(c.wrong, "is there</p>", "is there<br></p>"))
			if len(c.typed) < 100 && c.typed != "\x00\xff" {
				w.has(a, `name="company" value="`+escaped(strings.TrimSpace(c.typed))+`"`)
			}
			continue
		}
		if u := must[access.User](t)(w.store.UserByName(t.Context(), name)); u.Company.String() != c.company {
			t.Errorf("%s: company %s", c.typed, u.Company)
		}
	}
	// So it is with all forms; a server may be shared besides.
	w.send(http.StatusSeeOther, admin, "/servers/pushed", "company", "Fabrikam", "name", "A", "installation-id", "c0de0000-0000-4000-8000-00000000000a", "every", "86400", "product", "vbr")
	w.send(http.StatusSeeOther, admin, "/servers/pushed", "company", "shared by companies", "name", "B", "installation-id", "c0de0000-0000-4000-8000-00000000000b", "every", "86400", "product", "vbr")
	servers := must[[]fleet.Server](t)(w.store.Servers(t.Context()))
	if a, b := servers[2], servers[3]; a.Company != 53 || a.Shared || !b.Shared {
		t.Errorf("%+v\n%+v", a, b)
	}
	w.begins(w.send(http.StatusUnprocessableEntity, admin, "/servers/pushed", "company", "nobody", "name", "C", "installation-id", "c0de0000-0000-4000-8000-00000000000c", "every", "86400", "product", "vbr"), "pushed-company", "pushed-company")
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "1", "scopes", "read", "company", "Fabri", "expiresAt", "2027-06-01"), `value="Fabri"`, "#53 Fabrikam")
	w.has(w.send(http.StatusOK, admin, "/tokens", "name", "t", "user", "1", "scopes", "read", "company", "Fabrikam", "expiresAt", "2027-06-01"), `id="secret"`)
}

// A form says by its number who would be taken for another one by name, so that it can be sent as it is.
func TestTypedFormsCanBeSentAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	w.crowd(48)
	w.crowdBeyond() // company 52 is called "2"
	server := must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "A", Company: 52, URL: "host.example", Username: "u", Password: password}))
	path := "/servers/" + server.ID.String() + "/edit"
	page := w.get(path)
	w.has(page, `name="company" value="#52"`)
	w.send(http.StatusSeeOther, admin, path, "state", w.hiddenOf(page, path, "state"), "name", "B", "company", "#52", "url", server.Connection.URL, "username", "u", "every", "14400", "authority", string(server.Authority))
	if is := must[fleet.Server](t)(w.store.Server(t.Context(), server.ID)); is.Company != 52 || is.Name != "B" {
		t.Errorf("%+v", is)
	}
	w.has(w.get("/audit?company=52"), `name="company" value="#52"`)
	shared := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Shared by companies"}))
	w.has(w.get("/servers/new?company="+shared.ID.String()), `name="company" value="#`+shared.ID.String()+`"`)
	w.has(w.get("/audit?company="+shared.ID.String()), `name="company" value="Shared by companies"`) // there it means nothing else
}

// The trail is narrowed by a number, as links have it, and by a name; also to a company that was removed.
func TestTrailOfACompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	rows := func(status int, company string) int {
		t.Helper()
		return strings.Count(w.want(status, request{path: "/audit?company=" + url.QueryEscape(company)}).body, "<tr><td><time")
	}
	gone := must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: "Gone"}))
	if err := w.fleet.RemoveCompany(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for many := range 2 {
		for typed, want := range map[string]int{"2": 2, "Northwind": 2, "#2": 2, gone.ID.String(): 2, "Gone": -1, "77": -1, "x": -1} {
			status := http.StatusOK
			if want < 0 {
				status, want = http.StatusUnprocessableEntity, 0
			}
			if got := rows(status, typed); got != want {
				t.Errorf("%s, many: %d: %d rows", typed, many, got)
			}
		}
		page := w.get("/audit?company=" + gone.ID.String())
		if many == 0 {
			w.has(page, `<option value="`+gone.ID.String()+`" selected>Gone</option>`)
			w.crowd(60)
		} else {
			w.has(page, `name="company" value="Gone"`)
			w.has(w.get("/audit?company=2"), `name="company" value="Northwind"`)
			w.has(w.want(http.StatusUnprocessableEntity, request{path: "/audit?company=Customer"}), `value="Customer"`, "Is it one of these", `id="audit-company-wrong"`, `aria-invalid="true"`)
		}
	}
}

// Names are suggested to who sees all companies, and to nobody else.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(60)
	w.crowdBeyond()
	for path, want := range map[string]string{
		"/companies/suggest?part=FABRIKAM":          `[{"id":65,"name":"Fabrikam"},{"id":66,"name":"Fabrikam North"}]`,
		"/companies/suggest?part=north":             `[{"id":2,"name":"Northwind"},{"id":66,"name":"Fabrikam North"}]`,
		"/companies/suggest?part=%3Cb%3E":           `[{"id":3,"name":"\u003cb\u003eEvil \u0026 \"Söhne\"\u003c/b\u003e 50%!s"}]`,
		"/companies/suggest?part=nobody":            `[]`,
		"/servers/suggest?part=02":                  `[{"id":2,"name":"VBR02"}]`,
		"/users/suggest?part=ADMIN":                 `[{"id":1,"name":"portal-administrator"}]`,
		"/companies/suggest?part=" + "%00%FF%27%22": `[]`,
	} {
		a := w.get(path)
		if a.body != want || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s %s", path, a.header.Get("Content-Type"), a.body)
		}
	}
	if all := strings.Count(w.get("/companies/suggest").body, `"id"`); all != 20 {
		t.Errorf("%d at a time", all)
	}
	for _, path := range []string{"/companies/suggest?part=north", "/servers/suggest?part=v", "/users/suggest?part=a"} {
		w.lacks(w.want(http.StatusForbidden, request{path: path, role: theirs}), "Northwind", "VBR0", "portal-administrator")
	}
	w.want(http.StatusForbidden, request{path: "/users/suggest", role: reader})
	w.lacks(w.want(http.StatusOK, request{path: "/tokens/new", role: theirs}), "token-company", "/suggest", "Northwind")
}

// Of many users and servers, too, one is typed.
func TestTokenForOneOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	for i := range 60 {
		must[access.User](t)(w.store.AddUser(t.Context(), access.User{Name: fmt.Sprintf("user %02d", i), Role: access.PortalReadonly, PasswordHash: "h", Enabled: true, CreatedAt: october}))
		must[fleet.Server](t)(w.fleet.AddServer(t.Context(), fleet.NewServer{Name: fmt.Sprintf("SRV%02d", i), Company: 2, InstallationID: fmt.Sprintf("c0de0000-0000-4000-8000-0000000001%02d", i)}))
	}
	w.has(w.get("/tokens/new"), `list="token-user-list"`, `list="token-server-list"`, `name="user" value="portal-administrator"`)
	w.has(w.send(http.StatusUnprocessableEntity, admin, "/tokens", "name", "t", "user", "user 0", "server", "SRV", "scopes", "read", "expiresAt", "2027-06-01"),
		`value="user 0"`, "is no user who is there. Is it one of these: #2 user 00", `value="SRV"`, "is no server that is there. Is it one of these: #3 SRV00")
	w.send(http.StatusOK, admin, "/tokens", "name", "t", "user", "user 07", "scopes", "read", "expiresAt", "2027-06-01")
	w.send(http.StatusOK, admin, "/tokens", "name", "p", "user", "portal-administrator", "server", "srv07", "scopes", "push", "expiresAt", "2027-06-01")
	tokens := must[[]access.Token](t)(w.store.Tokens(t.Context(), 0))
	if tokens[0].User != 9 || tokens[1].User != w.users[admin] || tokens[1].Server != 10 {
		t.Errorf("%+v", tokens)
	}
}

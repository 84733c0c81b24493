package v1_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	v1 "github.com/tallystick/tallystick/internal/api/native/v1"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// need is what an operation asks of its caller: an action, and where.
type need struct {
	action access.Action
	of     string // whose it is: what the path names, or one of the words below
}

// Whose it is that an operation reads or changes, where its path does not name it.
const (
	ofNobody   = "nobody"   // asked without a token
	ofCaller   = "caller"   // what the caller itself is and has
	ofReach    = "reach"    // all that the caller sees
	ofProvider = "provider" // of no company
)

// needs says of every operation of the document who may ask for it.
var needs = map[string]need{
	"getDocument": {of: ofNobody},
	"getMe":       {of: ofCaller},

	"listCompanies": {access.Read, ofReach},
	"addCompany":    {access.ManageCompanies, ofProvider},
	"getCompany":    {access.Read, "company"},
	"editCompany":   {access.ManageCompanies, "company"},
	"removeCompany": {access.ManageCompanies, "company"},

	"importCompanies": {access.ManageCompanies, ofProvider},

	"importServers":    {access.ManageServers, ofProvider},
	"collectAll":       {access.ManageServers, ofProvider},
	"listCredentials":  {access.ManageServers, ofProvider},
	"addCredential":    {access.ManageCredentials, ofProvider},
	"getCredential":    {access.ManageServers, ofProvider},
	"editCredential":   {access.ManageCredentials, ofProvider},
	"removeCredential": {access.ManageCredentials, ofProvider},

	"listServers":    {access.Read, ofReach},
	"addServer":      {access.ManageServers, ofProvider},
	"testConnection": {access.ManageServers, ofProvider},
	"getServer":      {access.Read, "server"},
	"editServer":     {access.ManageServers, "server"},
	"removeServer":   {access.ManageServers, "server"},
	"testServer":     {access.ManageServers, "server"},
	"collectServer":  {access.ManageServers, "server"},
	"listReadings":   {access.Read, "server"},
	"listSchedule":   {access.Read, ofReach},
	"correctEntry":   {access.ManageServers, ofProvider},
	"pushSnapshots":  {access.PushReadings, ofReach},

	"listUsage":      {access.Read, ofReach},
	"getUsage":       {access.Read, "company"},
	"getUsageDiff":   {access.Read, "company"},
	"listUsageDays":  {access.Read, "company"},
	"listWorkloads":  {access.Read, ofReach},
	"getLife":        {access.Read, "server"},
	"listReconciled": {access.Read, ofReach},

	"listAlarms":         {access.Read, ofReach},
	"getAlarm":           {access.Read, "alarm"},
	"listAlarmHistory":   {access.Read, "alarm"},
	"acknowledgeAlarm":   {access.AnswerAlarms, "alarm"},
	"resolveAlarm":       {access.AnswerAlarms, "alarm"},
	"listAlarmTemplates": {access.Read, ofReach},

	"listStatements":         {access.Read, ofReach},
	"getMonth":               {access.Read, ofProvider},
	"draftMonth":             {access.WorkOnStatements, ofProvider},
	"approveMonth":           {access.WorkOnStatements, ofProvider},
	"finaliseMonth":          {access.FinaliseStatements, ofProvider},
	"getStatement":           {access.Read, "company"},
	"listStatementWorkloads": {access.Read, "company"},
	"getBundle":              {access.Read, "company"},
	"getReport":              {access.Read, "company"},
	"getMonthReport":         {access.Read, ofProvider},
	"compareMonth":           {access.WorkOnStatements, ofProvider},
	"draftStatement":         {access.WorkOnStatements, "company"},
	"adjustStatement":        {access.WorkOnStatements, "company"},
	"withdrawAdjustment":     {access.WorkOnStatements, "company"},
	"approveStatement":       {access.WorkOnStatements, "company"},
	"reopenStatement":        {access.WorkOnStatements, "company"},
	"finaliseStatement":      {access.FinaliseStatements, "company"},
	"supersedeStatement":     {access.FinaliseStatements, "company"},

	"listWeights":         {access.Read, ofReach},
	"listCatalogVersions": {access.Read, ofReach},
	"getOwnCatalog":       {access.Read, ofProvider},
	"setOwnCatalog":       {access.ManageUsers, ofProvider},
	"getSettings":         {access.Read, ofProvider},
	"editSettings":        {access.ManageUsers, ofProvider},
	"listPlans":           {access.Read, ofProvider},
	"addPlan":             {access.ManageCompanies, ofProvider},
	"getPlan":             {access.Read, ofProvider},
	"editPlan":            {access.ManageCompanies, ofProvider},
	"removePlan":          {access.ManageCompanies, ofProvider},

	"listUsers":    {access.ManageUsers, ofProvider},
	"addUser":      {access.ManageUsers, ofProvider},
	"getUser":      {access.ManageUsers, ofProvider},
	"editUser":     {access.ManageUsers, ofProvider},
	"listSessions": {access.ManageUsers, ofProvider},
	"endSessions":  {access.ManageUsers, ofProvider},
	"endSession":   {access.ManageUsers, ofProvider},
	"listTokens":   {of: ofCaller},
	"addToken":     {of: "tokens"},
	"getToken":     {of: "token"},
	"revokeToken":  {of: "token"},
	"listAudit":    {access.ReadAudit, ofProvider},
}

// caller is who asks, and what the surface is to know of it.
type caller struct {
	name   string
	secret string
	actor  access.Actor
}

// thing is what a path names: by which text, and whose it is.
type thing struct {
	ref   string
	owner usage.CompanyID // absent: there is no such
	user  access.UserID   // of a token
	token access.TokenID
}

const absent usage.CompanyID = -1

// estate is the world with the things of two companies that are not to see one another. All that is of company 2 is called zephyr.
type estate struct {
	*world

	callers []caller
	things  map[string][]thing // by the name that paths have for them
	foreign []string           // what no answer to company 3 may have in it, in small letters
}

func newEstate(t testing.TB) *estate {
	t.Helper()
	e := &estate{world: newWorld(t), things: map[string][]thing{}}
	e.surface.RequestLimits = v1.RequestLimits{Burst: 1 << 30, PerSecond: 1 << 20} // the tokens of one user are asked with thousands of times
	ctx := t.Context()
	must[fleet.Credential](t)(e.fleet.AddCredential(ctx, fleet.NewCredential{Name: "set", Username: "u", Password: "p"}))
	e.want(http.StatusOK, request{method: "PATCH", path: "/companies/2", body: `{"name":"Zephyr","notes":"zephyr","tenants":[{"server":0,"name":"zephyr-cc"}]}`})
	e.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"name":"ZEPHYR01"}`})
	receipt := must[ledger.Receipt](t)
	shared := ccReading(october.Add(-90 * time.Minute))
	for i := range 3 {
		shared.Workloads = append(shared.Workloads, usage.Workload{ID: fmt.Sprintf("zephyrpc%d", i), Name: "zephyr-pc", Type: "CC_Workstation_Backup", Tenant: "zephyr-cc"})
	}
	receipt(e.ledger.AppendSnapshot(ctx, 3, true, shared))
	receipt(e.ledger.AppendSnapshot(ctx, 1, false, vbrReading(vbr01, "zephyr", 2, october.Add(-30*time.Minute))))
	// One server, and one tenant, were company 2's before.
	moved := must[fleet.Server](t)(e.fleet.AddServer(ctx, fleet.NewServer{Name: "MOVED", Company: 2, InstallationID: movedID}))
	receipt(e.ledger.AppendSnapshot(ctx, moved.ID, false, vbrReading(movedID, "moved", 2, october.Add(-3*time.Hour))))
	e.want(http.StatusOK, request{method: "PATCH", path: "/servers/4", body: `{"company":3,"from":"2026-10-20T00:30:00Z"}`})

	receipt(e.ledger.AppendGap(ctx, 2, usage.Gap{At: october, Reason: usage.GapUnreachable, Text: "no route to their-address"}))
	e.clock.Set(november)
	for _, role := range access.Roles() {
		e.tokens[role] = must[access.Pair](t)(e.access.Login(ctx, string(role), password, "127.0.0.1")).Access
	}
	for _, company := range []string{"2", "3"} {
		for _, step := range []string{"draft", "approve", "finalise"} {
			e.want(http.StatusOK, request{method: "POST", path: "/companies/" + company + "/statements/2026-10/" + step, body: `{"reasons":{"*":"nobody knows"}}`})
		}
		e.want(http.StatusOK, request{method: "POST", path: "/companies/" + company + "/statements/2026-10/supersede", body: `{"reason":"hidden draft","toAdjust":true}`})
	}
	e.want(http.StatusCreated, request{method: "POST", path: "/plans", body: `{"name":"Gold","currency":"EUR","tax":"VAT"}`})
	e.want(http.StatusCreated, request{method: "POST", path: "/users", body: `{"name":"zephyr-user","role":"company-readonly","company":2,"password":"` + password + `"}`})
	if err := e.alarms().CheckAll(ctx); err != nil {
		t.Fatal(err)
	}
	e.admit(t)
	e.name(t)
	return e
}

var november = time.Date(2026, 11, 3, 8, 0, 0, 0, time.UTC)

const movedID = "c0de0000-0000-4000-8000-000000000004"

// user finds a user of the world.
func (e *estate) user(t testing.TB, name string) access.User {
	t.Helper()
	return must[access.User](t)(e.store.UserByName(t.Context(), name))
}

// grant makes a token of a user.
func (e *estate) grant(t testing.TB, name string, user access.User, change access.NewToken) caller {
	t.Helper()
	change.Name, change.User, change.ExpiresAt = name, user.ID, e.clock.Now().Add(24*time.Hour)
	made, secret, err := e.access.AddToken(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	return caller{name, secret, must[access.Actor](t)(e.access.Check(t.Context(), secret))}.with(made.ID)
}

func (c caller) with(id access.TokenID) caller {
	c.actor.Token = id
	return c
}

// admit makes the callers.
func (e *estate) admit(t testing.TB) {
	t.Helper()
	for _, role := range access.Roles() {
		e.callers = append(e.callers, caller{string(role), e.tokens[role], must[access.Actor](t)(e.access.Check(t.Context(), e.tokens[role]))})
	}
	admin, customer := e.user(t, string(access.PortalAdministrator)), e.user(t, string(access.CompanyAdministrator))
	all := slices.DeleteFunc(access.Actions(), func(a access.Action) bool { return a == access.UseV2 || a == access.ReadV2 })
	for _, scope := range access.Actions() {
		e.callers = append(e.callers, e.grant(t, "scope "+string(scope), admin, access.NewToken{Scopes: []access.Action{scope}}))
		if scope != access.UseV2 && scope != access.ReadV2 {
			e.callers = append(e.callers, e.grant(t, "company 3, scope "+string(scope), admin, access.NewToken{Scopes: []access.Action{scope}, Company: 3}))
		}
	}
	e.callers = append(e.callers,
		e.grant(t, "company 3", admin, access.NewToken{Scopes: all, Company: 3}),
		e.grant(t, "server 2", admin, access.NewToken{Scopes: []access.Action{access.PushReadings}, Server: 2}),
		e.grant(t, "of a customer", customer, access.NewToken{Scopes: []access.Action{access.Read}}),
	)
	for _, of := range []access.User{admin, customer} {
		e.grant(t, "spare", of, access.NewToken{Scopes: []access.Action{access.Read}})
	}
	e.grant(t, "zephyr-token", e.user(t, "zephyr-user"), access.NewToken{Scopes: []access.Action{access.Read}})
}

// name says what paths may name.
func (e *estate) name(t testing.TB) {
	t.Helper()
	own, foreign := must[fleet.Company](t)(e.store.Company(t.Context(), 3)), must[fleet.Company](t)(e.store.Company(t.Context(), 2))
	e.foreign = []string{"zephyr", strings.ToLower(foreign.UID), vbr01, "web0", "hidden draft", "nobody-cc", "their-address"}
	e.things["company"] = []thing{
		{ref: "3", owner: 3},
		{ref: own.UID, owner: 3},
		{ref: "2", owner: 2},
		{ref: foreign.UID, owner: 2},
		{ref: "1", owner: 1},
		{ref: "unassigned", owner: 1},
		{ref: "99", owner: absent},
		{ref: "c0de0000-0000-4000-8000-0000000000ff", owner: absent},
		{ref: "name:zephyr", owner: absent},
	}
	e.things["server"] = []thing{
		{ref: "2", owner: 3},
		{ref: vbr02, owner: 3},
		{ref: "1", owner: 2},
		{ref: vbr01, owner: 2},
		{ref: "3", owner: access.Provider},
		{ref: cc01, owner: access.Provider},
		{ref: "99", owner: absent},
		{ref: "c0de0000-0000-4000-8000-0000000000ff", owner: absent},
		{ref: "name:zephyr01", owner: absent},
	}
	seen := map[usage.CompanyID]bool{}
	for _, v := range in[page[struct{ ID, Company int64 }]](t, e.get("/alarms")).Items {
		if owner := usage.CompanyID(v.Company); !seen[owner] {
			seen[owner] = true
			e.things["alarm"] = append(e.things["alarm"], thing{ref: fmt.Sprint(v.ID), owner: owner})
		}
	}
	if !seen[2] || !seen[3] {
		t.Fatalf("alarms are of the companies %v alone", slices.Collect(maps.Keys(seen)))
	}
	e.things["alarm"] = append(e.things["alarm"], thing{ref: "99999", owner: absent})
	for _, v := range must[[]access.Token](t)(e.store.Tokens(t.Context(), 0)) {
		if v.Name == "zephyr-token" || v.Name == "spare" {
			e.things["token"] = append(e.things["token"], thing{ref: fmt.Sprint(v.ID), user: v.User, token: v.ID})
		}
	}
	e.things["token"] = append(e.things["token"], thing{ref: "99999", owner: absent})
	for name, ref := range map[string]string{"month": "2026-10", "resource": "backupServer", "number": "1", "workload": "db00", "entry": "99999", "plan": "1", "user": "6", "session": "none", "credential": "1"} {
		e.things[name] = []thing{{ref: ref}}
	}
}

// may says whether a caller is let in to a thing: 200 stands for that, whatever is wrong with the request then.
func (n need) may(a access.Actor, v *thing) int {
	switch n.of {
	case ofNobody, ofCaller:
		return http.StatusOK
	case ofReach:
		if n.action == access.PushReadings {
			return allowed(access.MayPush(a, a.Company, a.Server))
		}
		return allowed(access.May(a, n.action, a.Company))
	case ofProvider:
		return allowed(access.May(a, n.action, access.Provider))
	case "tokens":
		return allowed(a.Token == 0 || access.May(a, access.ManageUsers, access.Provider))
	}
	switch {
	case !access.May(a, n.action, a.Company) && !access.May(a, access.Read, a.Company): // it reaches nothing like that, so that nothing is said of it
		return http.StatusForbidden
	case v.owner == absent, !access.May(a, n.action, v.owner) && !access.May(a, access.Read, v.owner):
		return http.StatusNotFound
	}
	return allowed(access.May(a, n.action, v.owner))
}

// mayToken is the same for a token: each sees its own ones, and itself where it is one.
func mayToken(o *operation, a access.Actor, v *thing) int {
	everybodys := access.May(a, access.ManageUsers, access.Provider)
	switch {
	case !o.reads() && a.Token != 0 && !everybodys:
		return http.StatusForbidden
	case v.owner == absent, !everybodys && (v.user != a.User || a.Token != 0 && a.Token != v.token):
		return http.StatusNotFound
	}
	return http.StatusOK
}

func allowed(yes bool) int {
	if yes {
		return http.StatusOK
	}
	return http.StatusForbidden
}

// asks gives the requests of an operation: one for each thing of the one name of which there are several.
func (e *estate) asks(t testing.TB, o *operation) map[*thing]request {
	t.Helper()
	ids, varied := map[string]string{}, ""
	for _, p := range o.Parameters {
		if p.In != "path" {
			continue
		}
		list := e.things[p.Name]
		if len(list) == 0 {
			t.Fatalf("%s: nothing is called %s", o.ID, p.Name)
		}
		if ids[p.Name] = list[0].ref; len(list) > 1 {
			varied = p.Name
		}
	}
	some := []thing{{}}
	if varied != "" {
		some = e.things[varied]
	}
	out := map[*thing]request{}
	for i := range some {
		if varied != "" {
			ids[varied] = some[i].ref
		}
		q := request{method: o.method, path: o.fill(ids), header: http.Header{}}
		if o.has("If-Match") { // so that nothing is done by it where it is allowed
			q.header.Set("If-Match", `"stale"`)
		}
		switch o.ID {
		case "getReport", "getMonthReport":
			q.path += "?format=csv"
		case "getUsageDiff":
			q.path += "?from=2026-10-19T23:00:00Z"
		case "listUsageDays":
			q.path += "?from=2026-10-18"
		case "draftMonth", "approveMonth", "finaliseMonth":
			q.path = strings.Replace(q.path, "2026-10", "2024-01", 1)
		}
		out[&some[i]] = q
	}
	return out
}

var requestID = regexp.MustCompile(`"requestId":"[^"]*"`)

// bare is an answer without what differs from request to request.
func bare(a answered, ref string) string {
	body := requestID.ReplaceAllString(a.body, `"requestId":""`)
	return fmt.Sprint(a.status, slices.Sorted(maps.Keys(a.header)), strings.ReplaceAll(body, ref, "…"))
}

// Each operation lets in whom it is for: others are told 403, or 404 where it is another company's, in the words of what is not there.
func TestRoles(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	all := specOf(t).all
	for _, o := range all {
		if _, there := needs[o.ID]; !there {
			t.Errorf("nothing says who may ask for %s", o.ID)
		}
	}
	if len(needs) != len(all) {
		t.Errorf("%d operations are told of, the document has %d", len(needs), len(all))
	}
	for _, c := range e.callers {
		t.Run(c.name, func(t *testing.T) { e.knock(t, c, all) })
	}
}

func (e *estate) knock(t *testing.T, c caller, all []*operation) {
	for _, o := range all {
		n := needs[o.ID]
		missing := map[bool]string{}
		for v, q := range e.asks(t, o) {
			want := n.may(c.actor, v)
			if n.of == "token" {
				want = mayToken(o, c.actor, v)
			}
			q.token = c.secret
			got := e.do(q)
			told := cmp.Or(map[int]int{http.StatusForbidden: http.StatusForbidden, http.StatusNotFound: http.StatusNotFound, http.StatusUnauthorized: http.StatusUnauthorized}[got.status], http.StatusOK)
			switch {
			case got.status == http.StatusNotFound && want == http.StatusOK && gone(o, v):
			case told != want:
				t.Errorf("%s %s: %d, want %d: %s", q.method, q.path, got.status, want, got.body)
			case want == http.StatusOK && o.reads() && got.status != http.StatusOK && got.status != http.StatusConflict:
				t.Errorf("%s %s: %d: %s", q.method, q.path, got.status, got.body)
			}
			if want == http.StatusNotFound {
				missing[v.owner == absent && !strings.HasPrefix(v.ref, "name:")] = bare(got, v.ref)
			}
			if c.actor.Company == 3 && n.of != ofNobody {
				e.looksThrough(t, q, got)
			}
		}
		if len(missing) == 2 && missing[true] != missing[false] {
			t.Errorf("%s tells what is hidden from what is not there:\n%s\n%s", o.ID, missing[false], missing[true])
		}
	}
}

// gone names what is not there for whoever may ask for it: an entry, a session, an adjustment, a workload of another server, a statement
// of what is nobody's, which is no company to be removed, either.
func gone(o *operation, v *thing) bool {
	return slices.Contains([]string{"correctEntry", "endSession", "getLife", "withdrawAdjustment"}, o.ID) ||
		v.owner == usage.Unassigned && slices.Contains([]string{"getBundle", "getReport", "approveStatement", "finaliseStatement", "removeCompany"}, o.ID)
}

// looksThrough looks for what is another company's.
func (e *estate) looksThrough(t *testing.T, q request, got answered) {
	t.Helper()
	body := strings.ToLower(got.body)
	for _, v := range q.echoed() { // what the caller said itself is no news to it
		body = strings.ReplaceAll(body, v, "")
	}
	text := strings.ToLower(fmt.Sprint(got.header)) + body
	for _, word := range e.foreign {
		if word == "their-address" && strings.Contains(q.path, "/statements") { // what a statement says was signed
			continue
		}
		if strings.Contains(text, word) {
			t.Errorf("%s %s tells company 3 of %q: %s", q.method, q.path, word, got.body)
		}
	}
	if strings.Contains(text, `"othercompany"`) || strings.Contains(text, `"company":2`) || strings.Contains(text, "company 2") {
		t.Errorf("%s %s tells company 3 of company 2: %s", q.method, q.path, got.body)
	}
}

// echoed gives the segments of a path and the options in it.
func (q request) echoed() (list []string) {
	for _, v := range regexp.MustCompile(`[/?&=]`).Split(strings.ToLower(q.path), -1) {
		if len(v) > 3 {
			list = append(list, v)
		}
	}
	return list
}

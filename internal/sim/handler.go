package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// route is one endpoint.
type route struct {
	name   string // as faults and Requests name it
	path   string // {id} stands for one segment
	method string
	since  revision
	open   bool // without a token
	admin  bool // Backup Administrator only
	serve  func(*call) answer
}

// routes is everything that a simulated server offers besides the swagger files. Nothing that writes is among
// it: a client that tried would get 404 and stand in Requests.
var routes = []route{
	{name: "token", path: "/api/oauth2/token", method: http.MethodPost, open: true, serve: (*call).token},
	{name: "logout", path: "/api/oauth2/logout", method: http.MethodPost, serve: (*call).logout},
	{name: "serverInfo", path: "/api/v1/serverInfo", method: http.MethodGet, serve: (*call).serverInfo},
	{name: "serverTime", path: "/api/v1/serverTime", method: http.MethodGet, open: true, serve: (*call).serverTime},
	{name: "serverCertificate", path: "/api/v1/serverCertificate", method: http.MethodGet, open: true, serve: (*call).serverCertificate},
	{name: "license", path: "/api/v1/license", method: http.MethodGet, since: rev12r0, admin: true, serve: (*call).license},
	{name: "license/instances", path: "/api/v1/license/instances", method: http.MethodGet, since: rev12r0, admin: true, serve: (*call).instances},
	{name: "license/sockets", path: "/api/v1/license/sockets", method: http.MethodGet, since: rev12r0, admin: true, serve: (*call).sockets},
	{name: "license/capacity", path: "/api/v1/license/capacity", method: http.MethodGet, since: rev12r0, admin: true, serve: (*call).capacity},
	{name: "license/createReport", path: "/api/v1/license/createReport", method: http.MethodPost, since: rev12r0, admin: true, serve: (*call).report},
	{name: "backupObjects", path: "/api/v1/backupObjects", method: http.MethodGet, serve: (*call).backupObjects},
	{name: "backupObjects/{id}/restorePoints", path: "/api/v1/backupObjects/{id}/restorePoints", method: http.MethodGet, serve: (*call).objectRestorePoints},
	{name: "restorePoints", path: "/api/v1/restorePoints", method: http.MethodGet, since: rev11r2, serve: (*call).restorePoints},
	{name: "backups", path: "/api/v1/backups", method: http.MethodGet, serve: (*call).backups},
	{name: "jobs", path: "/api/v1/jobs", method: http.MethodGet, serve: (*call).jobSettings},
	{name: "jobs/states", path: "/api/v1/jobs/states", method: http.MethodGet, serve: (*call).jobStates},
	{name: "repositories", path: "/api/v1/backupInfrastructure/repositories", method: http.MethodGet, serve: (*call).repositories},
	{name: "repositories/states", path: "/api/v1/backupInfrastructure/repositories/states", method: http.MethodGet, serve: (*call).repositoryStates},
}

// endpointSwagger is the name of the swagger files.
const endpointSwagger = "swagger"

func endpointNames() []string {
	names := []string{endpointSwagger}
	for i := range routes {
		names = append(names, routes[i].name)
	}
	return names
}

// match finds the route of a path, and its {id}.
func match(path string) (*route, string) {
	for i := range routes {
		if routes[i].path == path {
			return &routes[i], ""
		}
		before, after, found := strings.Cut(routes[i].path, "{id}")
		if !found {
			continue
		}
		rest, ok := strings.CutPrefix(path, before)
		if id, ok2 := strings.CutSuffix(rest, after); ok && ok2 && id != "" && !strings.Contains(id, "/") {
			return &routes[i], id
		}
	}
	return nil, ""
}

// ServeHTTP answers one request: what the faults say first, then what a server would.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := s.fleet.clock.Now()
	c := &call{s: s, r: r, at: at, now: s.ownTime(at)}
	c.route, c.id = match(r.URL.Path)
	c.entry = s.journal.add(Request{
		At: at, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Endpoint: c.endpoint(), Revision: r.Header.Get("X-Api-Version"),
	})
	c.holdUp()
	a, broken := c.brokenAnswer()
	if !broken {
		a = c.answer()
	}
	s.journal.note(func() { c.entry.Status = a.status })
	c.send(w, a)
}

// endpoint names what is asked for; empty for a path that does not exist.
func (c *call) endpoint() string {
	switch {
	case c.route != nil:
		return c.route.name
	case strings.HasPrefix(c.r.URL.Path, "/swagger/"):
		return endpointSwagger
	default:
		return ""
	}
}

// answer is what a server in good health says.
func (c *call) answer() answer {
	if c.endpoint() == endpointSwagger {
		return c.swagger()
	}
	if c.route == nil {
		return c.fail(http.StatusNotFound, codeNotFound, "The resource "+clip(c.r.URL.Path)+" does not exist.")
	}
	name := c.r.Header.Get("X-Api-Version")
	rev, known := revisionOf(name)
	switch {
	case name == "":
		return c.fail(http.StatusBadRequest, codeContent, "The header x-api-version is required.")
	case !known || !c.s.gen.serves(rev):
		return c.fail(http.StatusBadRequest, codeUnsupported, "The API version "+clip(name)+" is not supported. These versions are: "+strings.Join(c.s.gen.names(), ", ")+".")
	case rev < c.route.since:
		return c.fail(http.StatusNotFound, codeNotFound, "The resource "+clip(c.r.URL.Path)+" does not exist.")
	}
	c.rev = rev
	if c.r.Method != c.route.method {
		return c.fail(http.StatusMethodNotAllowed, codeMethod, "The method "+clip(c.r.Method)+" is not allowed here.")
	}
	if a, refused := c.authorise(); refused {
		return a
	}
	c.query = c.r.URL.Query()
	return c.route.serve(c)
}

// authorise checks token and role.
func (c *call) authorise() (answer, bool) {
	if c.route.open {
		return answer{}, false
	}
	if _, rejected := c.s.faults.strike(FaultTokenRejected, c.route.name, c.at); rejected {
		return answer{status: http.StatusUnauthorized}, true
	}
	bearer, found := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if _, revoked := c.s.faults.strike(FaultTokenRevoked, c.route.name, c.at); revoked {
		c.s.tokens.end(bearer)
		return answer{status: http.StatusUnauthorized}, true
	}
	if !found || !c.s.tokens.good(bearer, c.s.fleet.clock.tokenTime()) {
		return c.fail(http.StatusUnauthorized, codeDenied, "There is no valid token: log in at /api/oauth2/token."), true
	}
	_, denied := c.s.faults.on(FaultLicenseDenied, c.at)
	if c.route.admin && (denied || c.s.spec.Role == RoleViewer) {
		return c.fail(http.StatusForbidden, codeDenied, "The account lacks the role for this operation."), true
	}
	return answer{}, false
}

// swagger answers the probe of a revision; only the status of it matters.
func (c *call) swagger() answer {
	name, ok := strings.CutPrefix(c.r.URL.Path, "/swagger/v")
	name, ok2 := strings.CutSuffix(name, "/swagger.json")
	rev, known := revisionOf(name)
	if !ok || !ok2 || !known || !c.s.gen.serves(rev) {
		return answer{status: http.StatusNotFound}
	}
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return answer{status: http.StatusMethodNotAllowed}
	}
	return answer{http.StatusOK, typeJSON, []byte(`{"openapi":"3.0.1","info":{"title":"Simulated backup server","version":"` + name + `"},"paths":{}}`)}
}

// holdUp does what faults do before there is an answer: nothing, waiting, or hanging up.
func (c *call) holdUp() {
	if _, off := c.s.faults.on(FaultUnreachable, c.at); off {
		panic(http.ErrAbortHandler)
	}
	if _, off := c.s.faults.strike(FaultHangUp, c.endpoint(), c.at); off {
		panic(http.ErrAbortHandler)
	}
	if f, slow := c.s.faults.strike(FaultSlow, c.endpoint(), c.at); slow {
		c.wait(f.Delay)
	}
}

// wait holds the request up; when the client or the fleet gives up first, the connection ends.
func (c *call) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-c.s.fleet.ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// brokenAnswer gives what a fault puts in the place of an answer.
func (c *call) brokenAnswer() (answer, bool) {
	if f, hit := c.s.faults.strike(FaultServerError, c.endpoint(), c.at); hit {
		return c.fail(f.Status, codeUnavailable, "The server has failed inside."), true
	}
	if _, hit := c.s.faults.strike(FaultHTML, c.endpoint(), c.at); hit {
		page := "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form><input name=\"user\"></form></body></html>\n"
		return answer{http.StatusOK, "text/html; charset=utf-8", []byte(page)}, true
	}
	return answer{}, false
}

// send writes the answer, in the way that faults say.
func (c *call) send(w http.ResponseWriter, a answer) {
	h := w.Header()
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	h.Set("Cache-Control", "private")
	h.Set("Strict-Transport-Security", "max-age=2592000")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	if a.status == http.StatusMethodNotAllowed && c.route != nil {
		h.Set("Allow", c.route.method)
	}
	if f, hit := c.s.faults.strike(FaultCutBody, c.endpoint(), c.at); hit {
		c.sendCut(w, a, f.Mode)
		return
	}
	if f, hit := c.s.faults.strike(FaultHugeBody, c.endpoint(), c.at); hit {
		c.sendHuge(w, f.Bytes)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if f, hit := c.s.faults.strike(FaultDrip, c.endpoint(), c.at); hit {
		c.sendDrip(w, a.body, f.Delay)
		return
	}
	_, _ = w.Write(a.body) // a client that went away has no use for the error
}

// sendCut sends half a body: with the length of the whole, in chunks without an end, or as if half were all.
func (c *call) sendCut(w http.ResponseWriter, a answer, mode string) {
	if mode == "length" {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	if mode == "clean" {
		return
	}
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// sendHuge sends a JSON text that is well formed and far too long.
func (c *call) sendHuge(w http.ResponseWriter, size int64) {
	w.WriteHeader(http.StatusOK)
	block := []byte(strings.Repeat(" ", 64<<10))
	_, err := fmt.Fprint(w, `{"data":[`)
	for sent := int64(0); err == nil && sent < size; sent += int64(len(block)) {
		_, err = w.Write(block)
	}
	if err == nil {
		_, _ = fmt.Fprint(w, `],"pagination":{"total":0,"count":0}}`)
	}
}

// sendDrip sends a body in crumbs.
func (c *call) sendDrip(w http.ResponseWriter, body []byte, delay time.Duration) {
	const crumb = 16
	flush := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(crumb, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = flush.Flush()
		if body = body[n:]; len(body) > 0 {
			c.wait(delay)
		}
	}
}

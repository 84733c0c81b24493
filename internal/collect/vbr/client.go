package vbr

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The paths that can be reached, all of them. A test holds the package to this list.
const (
	pathSwagger       = "/swagger/v%s/swagger.json"
	pathToken         = "/api/oauth2/token" //nolint:gosec // a path
	pathLogout        = "/api/oauth2/logout"
	pathServerInfo    = "/api/v1/serverInfo"
	pathServerTime    = "/api/v1/serverTime"
	pathLicense       = "/api/v1/license"
	pathInstances     = "/api/v1/license/instances"
	pathReport        = "/api/v1/license/createReport"
	pathBackupObjects = "/api/v1/backupObjects"
	pathRestorePoints = "/api/v1/restorePoints"
	pathBackups       = "/api/v1/backups"
	pathJobStates     = "/api/v1/jobs/states"
	pathJobs          = "/api/v1/jobs"
	pathRepositories  = "/api/v1/backupInfrastructure/repositories/states"
)

// client sends the allowed requests to one server. It decides nothing: see session.
type client struct {
	http        *http.Client
	bases       []string // https://host:port, in the order in which they are tried
	base        string   // the one that answers
	limits      Limits
	fingerprint atomic.Pointer[string]
}

// answer is a complete answer of any status.
type answer struct {
	status int
	body   []byte
}

func (a *answer) empty() bool { return len(bytes.TrimSpace(a.body)) == 0 }

// call is what one request needs beside its path.
type call struct {
	revision string
	token    string
	query    url.Values
	body     string
	form     bool
}

func newClient(rawURL string, transport http.RoundTripper, limits Limits) (*client, *collect.Failure) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, collect.Failed(usage.GapOther, err, "its address must be https://host or https://host:port: change it with server edit --url")
	}
	c := &client{limits: limits, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	ports := []string{u.Port()}
	if u.Port() == "" {
		ports = []string{"9419", "443"}
	}
	for _, port := range ports {
		c.bases = append(c.bases, "https://"+net.JoinHostPort(u.Hostname(), port))
	}
	c.base = c.bases[0]
	return c, nil
}

func (c *client) host() string { return strings.TrimPrefix(c.base, "https://") }

// presented gives the SHA-256 of the certificate that the server showed last.
func (c *client) presented() string {
	if f := c.fingerprint.Load(); f != nil {
		return *f
	}
	return ""
}

// servesRevision asks for the document of a revision and reads its status line only: the document has megabytes.
func (c *client) servesRevision(ctx context.Context, revision string) (int, *collect.Failure) {
	path := strings.Replace(pathSwagger, "%s", url.PathEscape(revision), 1)
	a, failure := c.send(ctx, http.MethodGet, path, call{revision: revision}, 0)
	return a.status, failure
}

func (c *client) token(ctx context.Context, revision string, form url.Values) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodPost, pathToken, call{revision: revision, body: form.Encode(), form: true}, c.limits.BodyBytes)
}

func (c *client) logout(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodPost, pathLogout, k, c.limits.BodyBytes)
}

func (c *client) serverInfo(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathServerInfo, k, c.limits.BodyBytes)
}

func (c *client) serverTime(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathServerTime, k, c.limits.BodyBytes)
}

func (c *client) license(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathLicense, k, c.limits.BodyBytes)
}

func (c *client) instances(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathInstances, k, c.limits.BodyBytes)
}

func (c *client) report(ctx context.Context, k call) (answer, *collect.Failure) {
	k.body = `{"reportFormat":"Json"}`
	return c.send(ctx, http.MethodPost, pathReport, k, c.limits.BodyBytes)
}

func (c *client) backupObjects(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathBackupObjects, k, c.limits.BodyBytes)
}

func (c *client) restorePoints(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathRestorePoints, k, c.limits.BodyBytes)
}

func (c *client) backups(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathBackups, k, c.limits.BodyBytes)
}

func (c *client) jobStates(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathJobStates, k, c.limits.BodyBytes)
}

func (c *client) jobs(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathJobs, k, c.limits.BodyBytes)
}

func (c *client) repositoryStates(ctx context.Context, k call) (answer, *collect.Failure) {
	return c.send(ctx, http.MethodGet, pathRepositories, k, c.limits.BodyBytes)
}

// send is the one place where a request leaves. limit bounds the body; 0 reads none of it.
func (c *client) send(ctx context.Context, method, path string, k call, limit int64) (answer, *collect.Failure) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Request)
	defer cancel()
	target := c.base + path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	// A strings.Reader has a known length: a chunked body is reported to get no answer at all.
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(k.body))
	if err != nil {
		return answer{}, collect.Failed(usage.GapOther, err, "the request for %s cannot be made", path)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "tallystick")
	req.Header.Set("X-Api-Version", k.revision)
	if k.token != "" {
		req.Header.Set("Authorization", "Bearer "+k.token)
	}
	switch {
	case k.form:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case k.body != "":
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.connectFailure(ctx, err, path)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode}
	if limit == 0 {
		return a, nil
	}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return answer{}, c.bodyFailure(ctx, err, path)
	case int64(len(a.body)) > limit:
		return answer{}, collect.Failed(usage.GapServerFault, nil,
			"%s answers %s with more than %d MiB: that is no answer of a backup server", c.host(), path, limit>>20)
	}
	return a, nil
}

func (c *client) connectFailure(ctx context.Context, err error, path string) *collect.Failure {
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	tlsFailure := c.tlsFailure(err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return collect.Failed(usage.GapInterrupted, err, "interrupted")
	case tlsFailure != nil:
		return tlsFailure
	case ctx.Err() != nil, isTimeout(err):
		return collect.Failed(usage.GapTimeout, err, "%s does not answer %s within %s: is the server switched on, and the port open in its firewall?",
			c.host(), path, c.limits.Request)
	case errors.As(err, &dns):
		return collect.Failed(usage.GapUnreachable, err, "the name %s cannot be resolved: check the address and this machine's DNS", strconv.Quote(dns.Name))
	case errors.As(err, &op) && op.Op == "dial":
		return collect.Failed(usage.GapUnreachable, err, "%s refuses the connection: is the REST API service running, and the port open in its firewall?", c.host())
	default:
		return collect.Failed(usage.GapUnreachable, err, "%s broke the connection before it answered %s", c.host(), path)
	}
}

func (c *client) bodyFailure(ctx context.Context, err error, path string) *collect.Failure {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return collect.Failed(usage.GapInterrupted, err, "interrupted")
	case ctx.Err() != nil, isTimeout(err):
		return collect.Failed(usage.GapTimeout, err, "%s began to answer %s and was not done within %s", c.host(), path, c.limits.Request)
	default:
		return collect.Failed(usage.GapIncomplete, err, "the answer of %s to %s was cut off", c.host(), path)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

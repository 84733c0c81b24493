package vbr

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// material is everything that one reading got from the server, before it is translated.
type material struct {
	takenAt time.Time // our clock when the reading started
	product usage.Product
	shared  bool
	addsNew bool // machines that the list omits are added where they can be new
	info    infoBody
	offset  *time.Duration // the server's clock minus ours
	zone    *time.Location // the server's
	license license
	rows    []instanceRow
	report  report
	objects []objectRow
	spans   map[string]span // restore points by id of the backup object
	// omittedObjects are the ids of backup objects that the list does not mean; asked every time.
	omittedObjects map[string]bool
	backups        map[string][]text // ids of the backups that hold an omitted object, by its id
	kinds          map[string]string // kinds of agents by id of the backup, see agentKinds
	kindsUnread    string            // why the server did not tell kinds; "": it was not asked, or answered
	notes          []usage.Note
}

func (m *material) note(code, text string) {
	m.notes = append(m.notes, usage.Note{Code: code, Text: clip(text, noteLengthMax)})
}

const (
	noteLengthMax  = 500
	clockOffsetMax = 5 * time.Minute
)

// material takes one reading: who it is, the license and its list, the report, the dates, the kinds of new agents.
func (s *session) material(ctx context.Context, c *Collector, t collect.Target, started time.Time) (*material, *collect.Failure) {
	m := &material{takenAt: started, product: t.Server.Product, shared: t.Server.Shared, zone: time.UTC}
	if failure := s.arrive(ctx, c, t, m); failure != nil {
		return nil, failure
	}
	if failure := s.figures(ctx, m); failure != nil {
		return nil, failure
	}
	if !m.agree() {
		// A job may have ended between the two: once more, and then they are kept as they are.
		if failure := s.figures(ctx, m); failure != nil {
			return nil, failure
		}
	}
	// Backup objects of tenants name no tenant: on a provider's server nothing is added.
	m.addsNew = m.rental() && m.product == usage.ProductVBR && !m.shared
	if failure := s.dates(ctx, c, m); failure != nil {
		return nil, failure
	}
	if failure := s.agentKinds(ctx, c, m); failure != nil {
		return nil, failure
	}
	return m, nil
}

// arrive is identity, and tells that it is logged in.
func (s *session) arrive(ctx context.Context, c *Collector, t collect.Target, m *material) *collect.Failure {
	s.sent = false
	failure := s.identity(ctx, c, m)
	if failure == nil && t.LoggedIn != nil {
		t.LoggedIn(s.sent)
	}
	return failure
}

// identity reads who the server is and what its clock says, and settles the revision.
func (s *session) identity(ctx context.Context, c *Collector, m *material) *collect.Failure {
	what := "its identity (serverInfo)"
	a, failure := s.ask(ctx, (*client).serverInfo, nil)
	for failure == nil && a.status == http.StatusBadRequest && a.notImplemented() {
		if failure = s.stepDown(&a); failure == nil {
			a, failure = s.ask(ctx, (*client).serverInfo, nil)
		}
	}
	if failure == nil && a.status != http.StatusOK {
		failure = s.client.statusFailure(&a, what)
	}
	if failure != nil {
		return failure
	}
	if failure := s.client.decode(a.body, &m.info, what); failure != nil {
		return failure
	}
	if m.info.VbrID == "" {
		return collect.Failed(usage.GapServerFault, nil, "%s states no installation id: it is no backup server, or not ready yet", s.client.host())
	}
	if m.info.Name == "" {
		m.info.Name = text(s.client.host())
	}
	if failure := s.upgrade(ctx, string(m.info.BuildVersion)); failure != nil {
		return failure
	}
	return s.clock(ctx, c, m)
}

// clock compares the clocks at the middle of the request.
func (s *session) clock(ctx context.Context, c *Collector, m *material) *collect.Failure {
	sent := c.now()
	a, failure := s.get(ctx, "its time", (*client).serverTime, nil)
	if failure != nil {
		return failure
	}
	middle := sent.Add(c.now().Sub(sent) / 2)
	var body timeBody
	if failure := s.client.decode(a.body, &body, "its time"); failure != nil {
		return failure
	}
	if parsed, err := time.Parse(time.RFC3339Nano, string(body.ServerTime)); err == nil {
		m.zone = parsed.Location()
		s.zone = m.zone
	}
	if t := body.ServerTime.in(time.UTC); t != nil {
		offset := t.Sub(middle).Round(time.Second) // less than a second is the network's
		m.offset = &offset
		if offset > clockOffsetMax || offset < -clockOffsetMax {
			m.note("clock-offset", "the server's clock is more than 5 minutes off ours")
		}
	}
	return nil
}

// figures reads the license, its list and the report.
func (s *session) figures(ctx context.Context, m *material) (failure *collect.Failure) {
	if m.license, failure = s.license(ctx); failure != nil {
		return failure
	}
	if m.rows, failure = s.instances(ctx, &m.license); failure != nil {
		return failure
	}
	m.report, failure = s.report(ctx, &m.license)
	return failure
}

func (s *session) license(ctx context.Context) (license, *collect.Failure) {
	a, failure := s.get(ctx, "the license", (*client).license, nil)
	if failure != nil {
		return license{}, failure
	}
	l, err := s.revision.license(a.body)
	if err != nil {
		return l, s.client.decodeFailure(err, "the license")
	}
	if l.Status == "" && l.Type == "" {
		return l, collect.Failed(usage.GapServerFault, nil, "%s answers the license with something that is none", s.client.host())
	}
	return l, nil
}

// instances reads the list of licensed workloads. A server without an instance
// license may refuse it: then nothing consumes instances.
func (s *session) instances(ctx context.Context, l *license) ([]instanceRow, *collect.Failure) {
	rows, failure := list[instanceRow](ctx, s, "the list of licensed workloads", (*client).instances,
		url.Values{"orderColumn": {"InstanceId"}, "orderAsc": {"true"}})
	if failure != nil && failure.Reason == usage.GapDenied && l.Instances == nil {
		return []instanceRow{}, nil
	}
	return rows, failure
}

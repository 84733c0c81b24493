package vbr

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// build is a product version such as 12.3.1.1139.
type build [4]int

// revision is one revision of the vendor's API and how its bodies are read.
type revision struct {
	name    string
	first   build                         // the product build that serves it first
	license func([]byte) (license, error) // nil: it has no license paths
}

// revisions lists what we know, newest first.
var revisions = []revision{
	{"1.3-rev2", build{13, 1, 0, 411}, readLicense13r2},
	{"1.3-rev1", build{13, 0, 1, 180}, readLicense12},
	{"1.3-rev0", build{13, 0, 0, 4967}, readLicense12},
	{"1.2-rev1", build{12, 3, 1, 1139}, readLicense12},
	{"1.2-rev0", build{12, 3, 0, 310}, readLicense12},
	{"1.1-rev2", build{12, 2, 0, 334}, nil},
	{"1.1-rev1", build{12, 1, 0, 2131}, nil},
	{"1.1-rev0", build{12, 0, 0, 1420}, nil},
	{"1.0-rev2", build{11, 0, 1, 1261}, nil},
}

func (r *revision) readable() bool { return r.license != nil }

func revisionNamed(name string) *revision {
	for i := range revisions {
		if revisions[i].name == name {
			return &revisions[i]
		}
	}
	return nil
}

// older gives the next older revision that can be read; nil: there is none.
func (r *revision) older() *revision {
	for i := range revisions[:len(revisions)-1] {
		if next := &revisions[i+1]; &revisions[i] == r && next.readable() {
			return next
		}
	}
	return nil
}

// parseBuild reads "12.3.1.1139"; what is missing or no number is 0.
func parseBuild(text string) (b build) {
	for i, part := range strings.SplitN(text, ".", 4) {
		digits := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if digits >= 0 {
			part = part[:digits]
		}
		if n, err := strconv.Atoi(part); err == nil {
			b[i] = n
		}
	}
	return b
}

func (b build) before(o build) bool {
	for i := range b {
		if b[i] != o[i] {
			return b[i] < o[i]
		}
	}
	return false
}

// newestFor gives the newest revision that a build serves; nil: one without license paths, or unknown.
func newestFor(b build) *revision {
	for i := range revisions {
		if !b.before(revisions[i].first) {
			if !revisions[i].readable() {
				return nil
			}
			return &revisions[i]
		}
	}
	return nil
}

// newerThanKnown reports whether a build is of a release after the newest that we know.
func newerThanKnown(b build) bool {
	newest := revisions[0].first
	return b[0] > newest[0] || b[0] == newest[0] && b[1] > newest[1]
}

func (s *session) tooOld(version string) *collect.Failure {
	return collect.Failed(usage.GapUnsupported, nil,
		"unsupported: %s runs version %s; needs 12.3 or newer, or import a saved report", s.client.host(), version)
}

// negotiate finds the address and the newest revision that the server serves:
// the remembered one first, else downwards from the newest that we know.
func (s *session) negotiate(ctx context.Context) *collect.Failure {
	var first *collect.Failure
	for _, base := range s.client.bases {
		s.client.base = base
		failure := s.probe(ctx)
		if failure == nil {
			return nil
		}
		if first == nil {
			first = failure
		}
		if failure.Reason == usage.GapInterrupted || failure.Reason == usage.GapUnsupported || ctx.Err() != nil {
			return failure
		}
	}
	s.client.base = s.client.bases[0]
	return first
}

func (s *session) probe(ctx context.Context) *collect.Failure {
	if r := revisionNamed(s.remembered); r != nil && r.readable() {
		if served, failure := s.serves(ctx, r); served || failure != nil {
			return failure
		}
	}
	for i := range revisions {
		served, failure := s.serves(ctx, &revisions[i])
		if failure != nil {
			return failure
		}
		if served && !revisions[i].readable() {
			s.revision = nil
			return s.tooOld("older than 12.3 (API revision " + revisions[i].name + ")")
		}
		if served {
			return nil
		}
	}
	return s.probeBlind(ctx)
}

// serves asks for one revision's document and takes the revision when it is there.
func (s *session) serves(ctx context.Context, r *revision) (bool, *collect.Failure) {
	status, failure := s.client.servesRevision(ctx, r.name)
	switch {
	case failure != nil:
		return false, failure
	case status == http.StatusOK:
		s.revision = r
		return true, nil
	case status >= http.StatusInternalServerError:
		return false, s.client.statusFailure(&answer{status: status}, "the first question")
	default:
		return false, nil
	}
}

// probeBlind is for servers that publish no documents, or none that we know: a
// call without credentials, from our newest revision downwards.
func (s *session) probeBlind(ctx context.Context) *collect.Failure {
	for r := &revisions[0]; r != nil; r = r.older() {
		a, failure := s.client.serverTime(ctx, call{revision: r.name})
		if failure != nil {
			return failure
		}
		var body timeBody
		if a.status == http.StatusOK && s.client.decode(a.body, &body, "serverTime") == nil && body.ServerTime != "" {
			s.revision = r
			return nil
		}
		if a.status != http.StatusBadRequest {
			break
		}
	}
	return collect.Failed(usage.GapServerFault, nil,
		"%s answers, but not as the REST API of Veeam Backup & Replication 12.3 or newer does: check the address and the port (9419 unless it was changed)", s.client.host())
}

// stepDown takes the next older revision after the server said that it does not serve this one.
func (s *session) stepDown(a *answer) *collect.Failure {
	older := s.revision.older()
	if older == nil {
		return collect.Failed(usage.GapUnsupported, a.cause(),
			"unsupported: %s serves no API revision with license data%s; needs 12.3 or newer, or import a saved report", s.client.host(), a.says())
	}
	s.revision = older
	return nil
}

// upgrade looks for a newer revision once the build is known: the server was updated since the revision was remembered.
func (s *session) upgrade(ctx context.Context, version string) *collect.Failure {
	b := parseBuild(version)
	if b[0] != 0 && b.before(build{12, 3}) {
		return s.tooOld(version)
	}
	if s.upgradeSeen == version {
		return nil
	}
	current := s.revision
	if newest := newestFor(b); newest != nil && current.first.before(newest.first) {
		if _, failure := s.serves(ctx, newest); failure != nil {
			return failure
		}
	}
	s.upgradeSeen = version
	return nil
}

package sim

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// server is one simulated server.
type server struct {
	fleet        *Fleet
	seed         int64
	spec         *ServerSpec
	gen          generation
	key          uint64
	installation string
	address      string
	zone         *time.Location
	expires      time.Time // of the license
	support      time.Time
	workloads    []*workload
	byObject     map[string]*workload // by id of the backup object
	cert         *certificate
	faults       faults
	tokens       tokens
	journal      journal
	http         *http.Server
}

func newServer(f *Fleet, sc *Scenario, i int) (*server, error) {
	spec := &sc.Servers[i]
	cert, err := newCertificate(sc.Seed, spec.Name)
	if err != nil {
		return nil, err
	}
	s := &server{
		fleet: f, seed: sc.Seed, spec: spec, gen: generations[spec.Wire], key: key(sc.Seed, "server", spec.Name), cert: cert,
		installation: spec.InstallationID,
		zone:         time.FixedZone("", int(spec.UTCOffset/time.Second)),
		expires:      spec.License.Expires.resolve(f.start), support: spec.License.SupportExpires.resolve(f.start),
		workloads: expand(sc.Seed, spec, f.start),
	}
	if spec.UTCOffset == 0 {
		s.zone = time.UTC
	}
	if s.installation == "" {
		s.installation = uuidOf(s.key, 0)
	}
	s.byObject = make(map[string]*workload, len(s.workloads))
	for _, w := range s.workloads {
		s.byObject[strings.ToLower(w.objectID)] = w
	}
	for _, flaw := range spec.Faults {
		s.faults.add(arm(flaw, f.start, false))
	}
	s.tokens.seed = key(sc.Seed, "token", spec.Name)
	return s, nil
}

func (s *server) username() string {
	if s.spec.Username == "" {
		return "Administrator"
	}
	return s.spec.Username
}

func (s *server) grant() Grant {
	if s.spec.Grant == "" {
		return s.gen.grant
	}
	return s.spec.Grant
}

// ownTime is what the server believes the time is, where the fleet's clock says t.
func (s *server) ownTime(t time.Time) time.Time {
	f, _ := s.faults.on(FaultWrongClock, t)
	return t.Add(s.spec.ClockOffset + f.Offset)
}

// call is one request on its way to an answer.
type call struct {
	s     *server
	r     *http.Request
	route *route
	id    string // the {id} of the path
	rev   revision
	at    time.Time // simulated time: faults go by it
	now   time.Time // the server's own clock: all else goes by it
	query url.Values
	entry *Request
}

// answer is what goes back.
type answer struct {
	status      int
	contentType string
	body        []byte
}

const (
	typeJSON   = "application/json; charset=utf-8"
	typeBinary = "application/octet-stream"
)

// The error codes of the wire (vbr-rest.md §5.1).
const (
	codeDenied      = "AccessDenied"
	codeMethod      = "MethodNotAllowed"
	codeNotFound    = "NotFound"
	codeUnsupported = "NotImplemented"
	codeUnavailable = "ServiceUnavailable"
	codeContent     = "UnexpectedContent"
	codeUnknown     = "UnknownError"
)

// fail gives the error object.
func (c *call) fail(status int, code, message string) answer {
	return c.failFor(status, code, message, "")
}

// failFor gives the error object of one resource.
func (c *call) failFor(status int, code, message, resource string) answer {
	w := &body{}
	w.open('{')
	w.text("errorCode", code)
	w.text("message", message)
	if resource == "" {
		w.null("resourceId")
	} else {
		w.text("resourceId", resource)
	}
	w.close('}')
	return answer{status, typeJSON, w.b}
}

// writer gives a body in the shape of the call's revision.
func (c *call) writer() *body {
	return &body{b: make([]byte, 0, 4096), nulls: c.rev.nulls(), zone: c.s.zone}
}

func ok(w *body) answer { return answer{http.StatusOK, typeJSON, w.b} }

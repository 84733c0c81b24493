package v2

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// agent is a workload of a console: an agent, and the computer that it is on (docs/decisions/0029-agents.md).
type agent struct {
	ledger.Listed
	kind string // Server or Workstation; empty: the type does not say
}

// agents gives those that consoles list now, of all companies, and of what belongs to none.
func (s *Surface) agents(ctx context.Context) ([]agent, error) {
	listed, err := s.Ledger.Listed(ctx, usage.ProductConsole)
	agents := make([]agent, 0, len(listed))
	for i := range listed {
		if kind, ok := agentKind(listed[i].Known); ok {
			agents = append(agents, agent{listed[i], kind})
		}
	}
	return agents, err
}

// agentKind says what kind of agent a type is; ok is false where the catalogue knows it as something else. A console manages
// agents: what the catalogue does not know is one, too.
func agentKind(known string) (kind string, ok bool) {
	name, ok := strings.CutSuffix(known, "_Agent")
	for _, kind := range []string{"Server", "Workstation"} {
		if ok && strings.HasSuffix(name, "_"+kind) {
			return kind, true
		}
	}
	return "", ok || known == catalog.UnknownType
}

// Of a workload follow two GUIDs. They never change: clients keep them.
const (
	aComputer = "computer"
	anAgent   = "backup agent"
)

var workloadSpace = uuid.MustParse("7f3c2a4e-6b0d-4c59-9e51-2d8a60f7b1c3")

// uid is the GUID of a thing that follows from the workload's identity: from another one follows another.
func (a *agent) uid(thing string) guid {
	name := thing + "/" + a.Server.String() + "/" + strconv.Itoa(len(a.Key.Tenant)) + ":" + a.Key.Tenant + "/" + a.Key.ID
	return guid(uuid.NewSHA1(workloadSpace, []byte(name)).String())
}

// agentNamed gives the agent of whose thing the path has the GUID.
func (s *Surface) agentNamed(r *http.Request, thing string) (*agent, error) {
	agents, err := s.agents(r.Context())
	if err != nil {
		return nil, err
	}
	wanted := guid(strings.ToLower(api.PathID(r, "ID")))
	for i := range agents {
		if agents[i].uid(thing) == wanted {
			return &agents[i], nil
		}
	}
	return nil, noneOf(r, "ID", thing)
}

// ofAgent says that the agent is unknown, where it is, before anything else.
func (s *Surface) ofAgent(routes []route) []route {
	return behind(routes, func(r *http.Request) error {
		_, err := s.agentNamed(r, anAgent)
		return err
	})
}

// agentSet is a resource of which there is one for each agent, written as W.
type agentSet[W any] struct {
	*Surface

	thing  string
	shape  *query.Shape
	toWire func(a *agent) W // without the links
	link   func(r *http.Request, w *W)
}

func (s *Surface) computerSet() agentSet[computer] {
	return agentSet[computer]{
		s, aComputer, shapeOfComputer, func(a *agent) computer { return toWireComputer(a, s.Profile) },
		func(r *http.Request, w *computer) { w.Links = s.computerLinks(r, w.agent) },
	}
}

func (s *Surface) agentSet() agentSet[backupAgent] {
	return agentSet[backupAgent]{
		s, anAgent, shapeOfAgent, toWireAgent, func(r *http.Request, w *backupAgent) { w.Links = s.agentLinks(r, w.agent) },
	}
}

func (s agentSet[W]) list(r *http.Request) (any, error) {
	agents, err := s.agents(r.Context())
	if err != nil {
		return nil, err
	}
	return answer{shape: s.shape, value: &query.Listed[W]{
		Count: len(agents),
		At:    func(i int) (W, error) { return s.toWire(&agents[i]), nil },
		Fill: func(shown []*W) error {
			for _, w := range shown {
				s.link(r, w)
			}
			return nil
		},
	}}, nil
}

func (s agentSet[W]) one(r *http.Request) (any, error) {
	a, err := s.agentNamed(r, s.thing)
	if err != nil {
		return nil, err
	}
	w := s.toWire(a)
	s.link(r, &w)
	return answer{shape: s.shape, value: w}, nil
}

// toWireComputer leaves out the links. The last restore point is the last sign of life that anybody tells.
func toWireComputer(a *agent, p Profile) computer {
	return computer{
		agent: a,
		ID:    a.uid(aComputer), HostName: a.Name, Type: cmp.Or(a.kind, unknown), PlatformType: wirePlatform(a.Workload, p),
		GuestOS: orNull(cmp.Or(systemOf(a.Platform), systemOf(a.Type))), LastHeartbeat: ticksOrNull(a.LastProtectedAt),
		BackupAgentInstalled: true, ActivationDate: ticksOrNull(a.First), LicenceType: licenceType(a.Workload),
	}
}

func toWireAgent(a *agent) backupAgent {
	w := backupAgent{
		agent: a,
		ID:    a.uid(anAgent), CompanyID: int64(a.Company), LocationID: int64(a.Company), Name: a.Name, GUIMode: "Na",
		BackupMode: []string{}, OperationMode: orNull(a.kind),
	}
	if a.Revoked {
		unlicensed := "UnLicensed"
		w.OperationMode = &unlicensed
	}
	return w
}

func (s *Surface) computerLinks(r *http.Request, a *agent) computerLinks {
	tenants, locations := s.companyLinks(r, a.Company)
	return computerLinks{
		Self: link{s.base(r) + "/computers/" + string(a.uid(aComputer))}, BackupAgents: link{s.base(r) + "/backupAgents/" + string(a.uid(anAgent))},
		Tenants: tenants, Locations: locations,
	}
}

func (s *Surface) agentLinks(r *http.Request, a *agent) []relation {
	self := s.base(r) + "/backupAgents/" + string(a.uid(anAgent))
	tenants, _ := s.companyLinks(r, a.Company)
	return []relation{
		{"self", http.MethodGet, self},
		{"related", http.MethodGet, self + "/jobs"},
		{"related", http.MethodGet, s.base(r) + "/computers/" + string(a.uid(aComputer))},
		{"related", http.MethodGet, tenants.Href},
	}
}

// unknown is the wire's word for a type or platform that nobody tells.
const unknown = "Unknown"

// platforms are the wire's words, by how sources write them: in small letters, without anything between.
var platforms = map[string]string{
	"windows": "Windows", "linux": "Linux", "vmware": "Vmware", "vsphere": "Vmware", "hyperv": "HyperV", "azure": "Azure",
	"amazon": "Amazon", "aws": "Amazon", "awsec2": "Amazon", "unknown": unknown,
}

// wirePlatform says on what a computer runs. Where the source has another word for it than the wire, 6.0 calls it Other.
func wirePlatform(w *usage.Workload, p Profile) string {
	stated := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, w.Platform)
	switch word := cmp.Or(platforms[stated], systemOf(w.Platform)); {
	case word != "":
		return word
	case stated == "":
		return cmp.Or(systemOf(w.Type), unknown)
	case p == Profile60:
		return "Other"
	default:
		return unknown
	}
}

// systemOf finds the operating system that a source's word for a platform or a type names.
func systemOf(word string) string {
	switch word = strings.ToLower(word); {
	case strings.Contains(word, "windows"):
		return "Windows"
	case strings.Contains(word, "linux"):
		return "Linux"
	}
	return ""
}

func licenceType(w *usage.Workload) *string {
	if w.Revoked { // the reference has no word for that
		return nil
	}
	activated := "Activated"
	return &activated
}

func ticksOrNull(t *time.Time) *ticks {
	if t == nil {
		return nil
	}
	at := ticks(*t)
	return &at
}

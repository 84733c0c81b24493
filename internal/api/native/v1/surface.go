package v1

import (
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/once"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/statement"
)

// Options are what the surface stands on.
type Options struct {
	Companies fleet.CompanyStore
	Servers   fleet.ServerStore
	Directory *fleet.Directory
	Catalogs  *fleet.Catalogs
	Ledger    *ledger.Ledger
	History   ledger.History
	Figures   *figure.Service
	Months    *statement.Service
	Kept      statement.Store
	Plans     *plan.Service
	Alarms    *alarm.Service
	Events    alarm.Store
	Answers   alarm.AnswerStore
	Access    *access.Service
	Users     access.UserStore
	Tokens    access.TokenStore
	Once      once.Store
	// Mark tells bodies apart without saying anything of them: they may hold passwords, and marks are kept.
	Mark    func(ctx context.Context, body []byte) ([]byte, error)
	Feed    feed.Store
	Trail   audit.Store
	Roster  *roster.Service
	Console Console
	// Readings are those that somebody asked for.
	Readings *api.Readings
	Now      func() time.Time
}

// Console is what only the running program can do.
type Console interface {
	// Test logs in to a server and says what is there; one that is not kept has a number below 0.
	Test(ctx context.Context, s fleet.Server) (api.Finding, error)
	// Collect reads servers now.
	Collect(ctx context.Context, ids []usage.ServerID, each func(api.Reading)) error
	// RemovalFrom says from when a server that is removed now is gone.
	RemovalFrom(ctx context.Context, server usage.ServerID) (time.Time, error)
	// Schedule says of servers (none named: all that are read) when that was and will be, and how it went.
	Schedule(ctx context.Context, ids ...usage.ServerID) ([]api.Scheduled, error)
	// Report writes a statement, or with company 0 a month over all, in a form.
	Report(ctx context.Context, company usage.CompanyID, month usage.Month, number int, form string) (api.File, error)
	// Compare lines up a month, of one company or with 0 of all, with a file, whose columns a mapping names.
	Compare(ctx context.Context, company usage.CompanyID, month usage.Month, file, mapping string) (compare.Result, error)
	// TestSet logs in to a server with a credential set as it would be after an edit.
	TestSet(ctx context.Context, s fleet.Server, set fleet.CredentialID, edit fleet.CredentialEdit) error
	// Bundle makes the signed file of a final statement; number 0: the month's latest.
	Bundle(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (api.File, error)
}

// Surface is our own API.
type Surface struct {
	Options

	PushLimits    PushLimits
	RequestLimits RequestLimits
	CollectWithin time.Duration // how long a caller waits for a reading

	routes   []api.Route
	limits   *limiter
	pushes   chan struct{} // those whose readings are not small
	bodies   *semaphore.Weighted
	compares chan struct{} // one at a time: each may hold much
	hub      *api.Hub
	latest   api.Latest[place] // where the two sequences end
	figures  figures           // what each entry changed
}

// New returns the surface. Internal: the document and the endpoints do not fit.
func New(o Options) (*Surface, error) {
	s := &Surface{Options: o, PushLimits: pushLimits, RequestLimits: requestLimits, CollectWithin: api.ReadingWithin, limits: newLimiter(o.Now), pushes: make(chan struct{}, pushesAtOnce), bodies: semaphore.NewWeighted(bodiesAtOnce), compares: make(chan struct{}, 1), hub: api.NewHub()}
	all, err := operations()
	if err != nil {
		return nil, err
	}
	endpoints := s.endpoints()
	for i := range all {
		e, there := endpoints[all[i].id]
		if !there {
			return nil, fault.New(fault.Internal, "the API's document has %q, which is not served", all[i].id)
		}
		delete(endpoints, all[i].id)
		s.routes = append(s.routes, s.route(&all[i], e))
	}
	for id := range endpoints {
		return nil, fault.New(fault.Internal, "the API serves %q, which is not in its document", id)
	}
	return s, nil
}

// Routes is the table, as the document has it.
func (s *Surface) Routes() []api.Route { return slices.Clone(s.routes) }

// Admit lets everybody in who has a token: each endpoint asks what its caller may do.
func (s *Surface) Admit(_ access.Actor, _ string) error { return nil }

// Encode is asked for what is ready, streams among it.
func (s *Surface) Encode(_ *http.Request, value any) (api.Raw, error) {
	if ready, ok := value.(ready); ok {
		return api.Raw(ready), nil
	}
	return api.Raw{}, fault.New(fault.Internal, "an endpoint of v1 gave a %T", value)
}

// ready is an answer that is ready, or streams.
type ready api.Raw

// endpoint is what serves an operation.
type endpoint struct {
	do      func(*call) (any, error)
	bodyMax int64 // bytes; 0: api.BodyMaxDefault
	// repeatable: doing it again does nothing more, and its answer may be long.
	repeatable bool
	// secret: the answer holds a secret, and is not kept.
	secret bool
}

// route puts an endpoint behind what is the same for all: limits, options, preconditions and headers.
func (s *Surface) route(op *operation, e endpoint) api.Route {
	return api.Route{Method: op.method, Pattern: op.pattern, Served: api.Full, Public: op.public, BodyMax: e.bodyMax, Handle: func(r *http.Request) (any, error) {
		c := newCall(r, op)
		if op.public {
			return e.do(c)
		}
		fields, err := s.limits.take(c.actor, s.RequestLimits)
		if err != nil {
			return nil, err
		}
		if err := c.readOptions(); err != nil {
			return nil, err
		}
		raw, err := s.once(c, e)
		raw.Fields = append(slices.Clone(fields), raw.Fields...)
		return ready(raw), err
	}}
}

package v2

import (
	"bufio"
	"context"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/record"
)

// Companies finds companies; fleet.CompanyStore is one.
type Companies interface {
	Company(ctx context.Context, id usage.CompanyID) (fleet.Company, error)
	Companies(ctx context.Context) ([]fleet.Company, error)
}

// Servers finds servers; fleet.ServerStore is one.
type Servers interface {
	Server(ctx context.Context, id usage.ServerID) (fleet.Server, error)
	Servers(ctx context.Context) ([]fleet.Server, error)
}

// Ledger gives figures and readings; *ledger.Ledger is one. For a query without
// times the same pointer must mean the same answer.
type Ledger interface {
	Usage(ctx context.Context, q ledger.Query) (*metering.Tally, error)
	Readings(ctx context.Context, only ...usage.ServerID) ([]ledger.ServerReadings, error)
	Listed(ctx context.Context, product usage.Product) ([]ledger.Listed, error)
}

// Alarms gives events; alarm.Store is one.
type Alarms interface {
	Events(ctx context.Context, template alarm.TemplateID) ([]alarm.Event, error)
	Event(ctx context.Context, id int64) (alarm.Event, error)
}

// Inventory gives what was found on servers beside their license; fleet.InventoryStore is one.
type Inventory interface {
	Inventories(ctx context.Context, only ...usage.ServerID) ([]fleet.InventoryState, error)
	Repositories(ctx context.Context) ([]fleet.Repository, error)
	Repository(ctx context.Context, id fleet.RepositoryID) (fleet.Repository, error)
	Jobs(ctx context.Context) ([]fleet.Job, error)
	Job(ctx context.Context, id fleet.JobID) (fleet.Job, error)
}

// Options are what the surface stands on.
type Options struct {
	Companies  Companies
	Directory  Directory
	Statements Statements
	Months     Months
	Plans      Plans
	Servers    Servers
	Ledger     Ledger
	Alarms     Alarms
	Inventory  Inventory
	Access     Access
	Users      Users
	Records    record.Store
	Profile    Profile // empty: 3.0
	PublicURL  string  // what links begin with; empty: the request's host
	Now        func() time.Time
}

// Surface is the v2 API.
type Surface struct {
	Options
	documentRest func() ([]byte, error) // the document without its addresses

	headers  sharedHeaders
	rendered usage.ByCompany[[usage.ProductCount]atomic.Pointer[renderedUsage]] // by product
	uids     sync.Map                                                           // lower-case GUID -> usage.CompanyID; both never change, so neither does the pair
}

// New returns the surface. Invalid: an unknown profile.
func New(o Options) (*Surface, error) {
	if o.Profile == "" {
		o.Profile = Profile30
	}
	if !o.Profile.Known() {
		return nil, fault.InvalidFields("API v2 cannot start", []fault.Field{{Path: "--profile", Text: "is 3.0 or 6.0"}})
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	s := &Surface{Options: o}
	s.documentRest = sync.OnceValues(s.writeDocument)
	return s, nil
}

// Admit lets portal administrators in, and nobody else (rest-v2.md §1.4); a token of theirs that only reads asks for what changes nothing.
func (s *Surface) Admit(actor access.Actor, method string) error {
	reads := access.May(actor, access.ReadV2, access.Provider)
	if access.May(actor, access.UseV2, access.Provider) || reads && method == http.MethodGet {
		return nil
	}
	if reads {
		return fault.New(fault.Denied, "API tokens with the scope %s only read; %s is for the rest of API v2.", access.ReadV2, access.UseV2)
	}
	if actor.Token != 0 && actor.Role == access.PortalAdministrator {
		return fault.New(fault.Denied, "API v2 is open to API tokens with the scope %s or %s only.", access.UseV2, access.ReadV2)
	}
	return fault.New(fault.Denied, "API v2 is open to portal administrators only.")
}

// answer is what an endpoint gives: a struct of the shape, a slice of such, or a list.
type answer struct {
	shape *query.Shape
	value any

	status   int    // 0: 200
	location string // where what was made is; empty: nothing was made
}

// elements gives those of a list; nil: it is a single object.
func (a *answer) elements() query.List {
	if l, ok := a.value.(query.List); ok {
		return l
	}
	if v := reflect.ValueOf(a.value); v.Kind() == reflect.Slice {
		return query.WholeOf(v)
	}
	return nil
}

// said is what an action answers with another status than 200.
type said struct {
	status int
	text   string
}

const contentType = "application/json; charset=utf-8"

// Encode writes an answer as the query options say.
func (s *Surface) Encode(r *http.Request, v any) (api.Raw, error) {
	switch text := v.(type) {
	case string: // what an action answers
		return jsonRaw(query.AppendQuoted(nil, text)), nil
	case said:
		raw := jsonRaw(query.AppendQuoted(nil, text.text))
		raw.Status = text.status
		return raw, nil
	}
	a, ok := v.(answer)
	if !ok {
		return api.Raw{}, fault.New(fault.Internal, "an endpoint of v2 gave a %T", v)
	}
	l := a.elements()
	q, err := parseQuery(r.URL.RawQuery, a.shape, l != nil)
	if err != nil {
		return api.Raw{}, err
	}
	if l != nil {
		return api.Raw{ContentType: contentType, Stream: func(w *bufio.Writer) error { return q.Write(r.Context(), a.shape, l, w) }}, nil
	}
	raw := jsonRaw(a.shape.AppendObject(nil, reflect.ValueOf(a.value), q.View))
	raw.Status = a.status
	if a.location != "" {
		raw.Fields = []api.Field{{Name: "Location", Values: []string{a.location}}}
	}
	return raw, nil
}

func jsonRaw(body []byte) api.Raw { return api.Raw{ContentType: contentType, Body: body} }

// base is what absolute links begin with.
func (s *Surface) base(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL + "/v2"
	}
	return "https://" + r.Host + "/v2"
}

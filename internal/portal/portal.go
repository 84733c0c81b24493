package portal

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// Options are what the portal stands on.
type Options struct {
	Access    *access.Service
	Companies fleet.CompanyStore
	Servers   fleet.ServerStore
	Directory *fleet.Directory
	Ledger    *ledger.Ledger
	Figures   *figure.Service
	Board     *figure.Board
	Months    *statement.Service
	Kept      statement.Store
	Alarms    *alarm.Service
	Events    alarm.Store
	Answers   alarm.AnswerStore
	Users     access.UserStore
	Tokens    access.TokenStore
	Catalogs  *fleet.Catalogs
	Trail     audit.Store
	Feed      feed.Store
	History   ledger.History
	Console   Console
	// Readings are those that somebody asked for.
	Readings *api.Readings
	// Single signs people in elsewhere; nil: nothing does.
	Single Single
	Now    func() time.Time
	Log    *slog.Logger // nil: nowhere
}

// Single is a provider of identities at which people sign in.
type Single interface {
	// Name is what people call it.
	Name() string
	// Begin gives the address there that a browser is sent to, and what it must keep until it is back. Unavailable, in words.
	Begin(ctx context.Context, to string) (address, keep string, err error)
	// Finish says whom the provider vouches for, and where they wanted to go. It asks admit before it asks anybody else, and only where the
	// answer is this browser's. Denied or Unavailable, in words, or the error of admit; where they wanted to go is told then, too, if it is known.
	Finish(ctx context.Context, keep string, answer url.Values, admit func() error) (v access.Vouched, to string, err error)
}

// Console is what only the running program can do.
type Console interface {
	// Test logs in to a server and says what is there; one that is not kept has a number below 0.
	Test(ctx context.Context, s fleet.Server) (api.Finding, error)
	// TestSet logs in to a server with a credential set as it would be after an edit.
	TestSet(ctx context.Context, s fleet.Server, set fleet.CredentialID, edit fleet.CredentialEdit) error
	// Collect reads servers now.
	Collect(ctx context.Context, ids []usage.ServerID, each func(api.Reading)) error
	// Schedule says of servers (none named: all that are read) when that was and will be, and how it went.
	Schedule(ctx context.Context, ids ...usage.ServerID) ([]api.Scheduled, error)
	// RemovalFrom says from when a server that is removed now is gone.
	RemovalFrom(ctx context.Context, server usage.ServerID) (time.Time, error)
	// Report writes a statement, or with company 0 a month over all, in a form.
	Report(ctx context.Context, company usage.CompanyID, month usage.Month, number int, form string) (api.File, error)
	// Bundle makes the signed file of a final statement; number 0: the month's latest.
	Bundle(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (api.File, error)
	// SigningKeys lists the keys that bundles are signed with, that which signs now first. NotFound, in words: it is lost.
	SigningKeys(ctx context.Context) ([]api.SigningKey, error)
}

// Portal is the web interface.
type Portal struct {
	Options

	ReadWithin time.Duration // how long a reader waits for a reading
	TurnWithin time.Duration // how long a reader waits until others' pasts are counted

	texts     texts
	assets    *assets
	pages     pages
	cross     *http.CrossOriginProtection
	routes    []api.Route
	hub       *api.Hub
	latest    api.Latest[end]
	concerned concerned

	turns       chan struct{}
	works       *workshop
	monthlies   monthlies
	alarmCounts alarmCounts
	estates     estates
	begun       begun
}

// New reads texts, templates and files. Internal: they do not fit together.
func New(o Options) (*Portal, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Portal{Options: o, ReadWithin: api.ReadingWithin, TurnWithin: turnWithin, turns: make(chan struct{}, turnsAtOnce()), cross: http.NewCrossOriginProtection(), hub: api.NewHub(), works: newWorkshop()}
	var err error
	if p.texts, err = readTexts(english); err != nil {
		return nil, err
	}
	if p.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if p.pages, err = p.readPages(); err != nil {
		return nil, err
	}
	p.routes = p.table()
	return p, nil
}

// table is what there is.
func (p *Portal) table() []api.Route {
	return []api.Route{
		api.Open("/assets/{version}/{name}", p.asset),
		api.Open("/favicon.ico", p.favicon),
		p.open(http.MethodGet, "/sign-in", p.signInPage),
		p.open(http.MethodPost, "/sign-in", p.signIn),
		p.open(http.MethodPost, "/sign-in/second", p.signInSecond),
		p.open(http.MethodGet, "/sign-in/second", p.above),
		p.open(http.MethodGet, "/sign-in/single", p.beginSingle),
		p.open(http.MethodGet, "/sign-in/return", p.finishSingle),
		p.post("/sign-out", p.signOut),
		p.get("/live", p.live),
		p.get("/account", p.account),
		p.post("/account/sign-out", p.signOutElsewhere),

		p.get("/", p.overview),
		p.get("/companies", p.companies),
		p.get("/companies/suggest", p.suggesting(access.Read, p.companyPick)),
		p.get("/companies/new", p.newCompany),
		p.post("/companies/new", p.addCompany),
		p.get("/companies/{company}", p.company),
		p.get("/companies/{company}/servers", p.companyServers),
		p.get("/companies/{company}/edit", p.companyEdit),
		p.post("/companies/{company}/edit", p.editCompany),
		p.post("/companies/{company}/remove", p.removeCompany),
		p.get("/companies/{company}/remove", p.above),
		p.get("/companies/{company}/why", p.inTurn(p.why)),
		p.get("/companies/{company}/trend", p.inTurn(p.trend)),
		p.get("/companies/{company}/changes", p.inTurn(p.changes)),
		p.get("/companies/{company}/statements", p.companyStatements),
		p.get("/workloads", p.inTurn(p.workloads)),
		p.get("/workloads/life", p.inTurn(p.life)),

		p.get("/statements", p.months),
		p.get("/statements/{month}", p.monthPage),
		p.get("/statements/{month}/report", p.monthFile),
		p.post("/statements/{month}/draft", p.start(access.WorkOnStatements, draftAll, p.drafting)),
		p.post("/statements/{month}/approve", p.knowing(p.start(access.WorkOnStatements, approveAll, p.approving))),
		p.post("/statements/{month}/finalise", p.start(access.FinaliseStatements, finaliseAll, p.finalising)),
		p.get("/statements/{month}/{company}", p.pastInTurn(p.statement)),
		p.get("/statements/{month}/{company}/report", p.pastInTurn(p.reportFile)),
		p.get("/statements/{month}/{company}/bundle", p.pastInTurn(p.bundleFile)),
		p.get("/statements/{month}/{company}/workloads", p.pastInTurn(p.behind)),
		p.postUpTo(tickedMax, "/statements/{month}/{company}/workloads", p.takeOut),
		p.post("/statements/{month}/{company}/draft", p.step(access.WorkOnStatements, "drafted", p.draftOne)),
		p.post("/statements/{month}/{company}/adjust", p.step(access.WorkOnStatements, "adjusted", p.adjustOne)),
		p.post("/statements/{month}/{company}/withdraw", p.step(access.WorkOnStatements, "withdrawn", p.withdrawOne)),
		p.post("/statements/{month}/{company}/approve", p.step(access.WorkOnStatements, "approved", p.approveOne)),
		p.post("/statements/{month}/{company}/reopen", p.step(access.WorkOnStatements, "reopened", p.reopenOne)),
		p.post("/statements/{month}/{company}/finalise", p.step(access.FinaliseStatements, "finalised", p.finaliseOne)),
		p.post("/statements/{month}/{company}/supersede", p.step(access.FinaliseStatements, "superseded", p.supersedeOne)),
		p.get("/statements/{month}/{company}/draft", p.above),
		p.get("/statements/{month}/{company}/adjust", p.above),
		p.get("/statements/{month}/{company}/withdraw", p.above),
		p.get("/statements/{month}/{company}/approve", p.above),
		p.get("/statements/{month}/{company}/reopen", p.above),
		p.get("/statements/{month}/{company}/finalise", p.above),
		p.get("/statements/{month}/{company}/supersede", p.above),

		p.get("/servers", p.servers),
		p.get("/servers/suggest", p.suggesting(access.Read, p.serverPick)),
		p.get("/servers/new", p.newServer),
		p.post("/servers/new", p.addServer),
		p.get("/servers/pushed", p.pushedServer),
		p.post("/servers/pushed", p.addPushed),
		p.get("/servers/{server}", p.server),
		p.post("/servers/{server}/read", p.readServer),
		p.get("/servers/{server}/read", p.above),
		p.get("/servers/{server}/edit", p.serverEdit),
		p.post("/servers/{server}/edit", p.editServer),
		p.post("/servers/{server}/remove", p.removeServer),
		p.get("/servers/{server}/remove", p.above),

		p.get("/alarms", p.alarms),
		p.get("/alarms/{alarm}", p.alarm),
		p.post("/alarms/{alarm}", p.answerAlarm),

		p.get("/users", p.users),
		p.post("/users", p.addUser),
		p.get("/users/suggest", p.suggesting(access.ManageUsers, p.userPick)),
		p.get("/users/new", p.newUser),
		p.get("/users/{user}", p.user),
		p.post("/users/{user}/role", p.setRole),
		p.post("/users/{user}/password", p.setPassword),
		p.post("/users/{user}/enabled", p.setEnabled),
		p.post("/users/{user}/sessions", p.endSessions),
		p.post("/users/{user}/second-factor", p.removeSecond),
		p.get("/users/{user}/second-factor", p.above),
		p.post("/users/{user}/single", p.setSingle),
		p.get("/users/{user}/role", p.above),
		p.get("/users/{user}/password", p.above),
		p.get("/users/{user}/enabled", p.above),
		p.get("/users/{user}/single", p.above),
		p.get("/tokens", p.tokens),
		p.post("/tokens", p.addToken),
		p.get("/tokens/new", p.newToken),
		p.post("/tokens/{token}/revoke", p.revokeToken),
		p.post("/account/password", p.changePassword),
		p.get("/account/password", p.above),
		p.get(secondPath, p.second),
		p.post(secondPath, p.addSecond),
		p.post(secondPath+"/codes", p.renewCodes),
		p.get(secondPath+"/codes", p.above),
		p.post(secondPath+"/off", p.dropSecond),
		p.get(secondPath+"/off", p.above),
		p.get("/credentials", p.credentials),
		p.get("/credentials/new", p.newSet),
		p.post("/credentials/new", p.addSet),
		p.get("/credentials/{set}", p.set),
		p.post("/credentials/{set}", p.editSet),
		p.post("/credentials/{set}/remove", p.removeSet),
		p.get("/credentials/{set}/remove", p.above),
		p.get("/settings", p.settings),
		p.post("/settings", p.editSettings),
		p.get("/catalogue", p.catalogue),
		p.get("/catalogue/own", p.ownCatalogue),
		p.postUpTo(ownBodyMax, "/catalogue/own", p.setOwnCatalogue),
		p.get("/audit", p.audit),
	}
}

// Routes is the whole table.
func (p *Portal) Routes() []api.Route { return p.routes }

// Admit lets everybody in who is signed in: each page asks what its reader may see. An API token signs nobody in.
func (p *Portal) Admit(actor access.Actor, _ string) error {
	if actor.Token != 0 {
		return p.texts.refuse(fault.Unauthenticated, "sign-in.api-token")
	}
	return nil
}

// Token takes the access token out of the cookie; one in a header is for the APIs alone.
func (p *Portal) Token(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// Encode writes a page.
func (p *Portal) Encode(r *http.Request, value any) (api.Raw, error) {
	switch v := value.(type) {
	case page:
		return p.render(r, &v)
	case stream:
		return api.Raw(v), nil
	}
	return api.Raw{}, fault.New(fault.Internal, "an endpoint of the portal gave a %T", value)
}

// stream is an answer that is written as it comes.
type stream api.Raw

// endpoint shows or does something.
type endpoint func(v *visit) (any, error)

func (p *Portal) get(pattern string, do endpoint) api.Route {
	return api.Route{Method: http.MethodGet, Pattern: pattern, Served: api.Full, Handle: p.handle(do)}
}

func (p *Portal) post(pattern string, do endpoint) api.Route {
	return api.Route{Method: http.MethodPost, Pattern: pattern, Served: api.Full, Handle: p.handle(do), BodyMax: formMax}
}

// postUpTo is post with another bound, in bytes.
func (p *Portal) postUpTo(most int64, pattern string, do endpoint) api.Route {
	route := p.post(pattern, do)
	route.BodyMax = most
	return route
}

// open is a route for who is not signed in.
func (p *Portal) open(method, pattern string, do endpoint) api.Route {
	return api.Route{Method: method, Pattern: pattern, Served: api.Full, Handle: p.handle(do), Public: true, BodyMax: formMax}
}

// formMax bounds a form, in bytes; tickedMax one in which tens of thousands of workloads may be ticked.
const (
	formMax   = 256 << 10
	tickedMax = 8 << 20
)

// handle puts an endpoint behind what is the same for all.
func (p *Portal) handle(do endpoint) api.Endpoint {
	return func(r *http.Request) (any, error) {
		if err := p.cross.Check(r); err != nil {
			return nil, fault.Wrap(err, fault.Denied, "%s", p.texts["problem.cross"])
		}
		v, err := p.newVisit(r)
		if err != nil {
			return nil, err
		}
		value, err := do(v)
		if shown, is := value.(page); is && err == nil {
			shown.visit = v
			return shown, nil
		}
		return value, err
	}
}

// zone is in which people read times.

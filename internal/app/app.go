package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"
	_ "time/tzdata" // months turn in configured zones, also on machines without a zone database

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/collect/vbr"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/roster"
	"github.com/tallystick/tallystick/internal/secret"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

// The files of a data directory.
const (
	databaseFile = "tallystick.db"
	keyFile      = "secret.key"
	tlsDir       = "tls"
	lockFile     = "serve.lock" // held by a console, a restore or a move
)

// Options say where the data lies.
type Options struct {
	DataDir string
	// Database is postgres://… or sqlite:FILE; empty: the SQLite file in DataDir.
	Database string
	Create   bool             // begin a new ledger where there is none
	Now      func() time.Time // nil: the machine's clock
	NewUID   func() string    // nil: random GUIDs
	Log      *slog.Logger     // nil: nowhere
	// TypesFile names more type names of the vendor's (TOML; see vbr.ParseTypeRules); empty: none.
	TypesFile string
	// CatalogueFile holds the provider's own catalogue rows, which count from when it is first given; empty: those that count stay.
	CatalogueFile string
	// RequestTimeout bounds one request to a server that we read; 0: a minute.
	RequestTimeout time.Duration
	// Look is how reports look; it is read when the first one is asked for.
	Look report.Settings
}

// App is the services over one store.
type App struct {
	Store store.Store
	Fleet *fleet.Directory
	// Catalogs says which weights count.
	Catalogs *fleet.Catalogs
	Ledger   *ledger.Ledger
	Months   *statement.Service
	Figures  *figure.Service
	Board    *figure.Board
	Plans    *plan.Service
	Alarms   *alarm.Service
	Access   *access.Service
	// Reports gives what makes reports. Invalid: the settings of their look are wrong.
	Reports func() (*report.Service, error)
	Now     func() time.Time
	// Roster takes files of companies and servers.
	Roster *roster.Service

	where      database
	engine     engine
	dir        string
	log        *slog.Logger
	types      vbr.TypeRules
	collectors []collect.Collector
	runner     *collect.Runner

	alarmsEvery time.Duration

	boxMu sync.Mutex
	box   *secret.Box
}

// Open opens the store of a data directory and wires the services. NotFound:
// there is no ledger and none is to be created.
func Open(ctx context.Context, o Options) (*App, error) {
	o = o.withDefaults()
	where, err := o.database()
	if err != nil {
		return nil, err
	}
	missing, err := where.missing(ctx)
	if err == nil && missing {
		err = o.mayBegin(where)
	}
	if err != nil {
		return nil, err
	}
	if err := o.whole(where); err != nil {
		return nil, err
	}
	if o.Create { // with a database elsewhere, nothing else makes it
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "the data directory cannot be made: %v", err)
		}
	}
	opened, err := openEngine(ctx, where, o.Now)
	if err != nil {
		return nil, err
	}
	a, err := wire(ctx, o, where, opened)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return a, nil
}

// place names the ledger as the administrator did.
func (o Options) place(where database) string {
	if o.Database == "" {
		return o.DataDir
	}
	return where.String()
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewUID == nil {
		o.NewUID = uuid.NewString
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func wire(ctx context.Context, o Options, where database, opened engine) (*App, error) {
	s := opened.Store
	a := &App{Store: s, engine: opened, where: where, Now: o.Now, dir: o.DataDir, log: o.Log, alarmsEvery: alarmsEveryDefault}
	a.Ledger = &ledger.Ledger{Store: s, History: s, Now: o.Now}
	directory := told{s, a.Ledger.Refresh}
	a.Catalogs = &fleet.Catalogs{Policy: directory, Now: o.Now}
	a.Ledger.Catalogs = a.Catalogs
	a.Fleet = &fleet.Directory{Companies: directory, Servers: directory, Credentials: s, Policy: directory, Seal: a.seal, SealSet: a.sealSet, NewUID: o.NewUID, Now: o.Now}
	a.Board = &figure.Board{Ledger: a.Ledger, Companies: s, Calendar: a.Fleet.Calendar, Now: o.Now}
	a.Plans = &plan.Service{Records: s, Directory: a.Fleet, Now: o.Now}
	a.Months = &statement.Service{Counter: statement.Counter{Ledger: a.Ledger, Policy: s}, Companies: s, Servers: s, Store: s, Plans: a.Plans, Now: o.Now}
	a.Figures = &figure.Service{Ledger: a.Ledger, Companies: s, Calendar: a.Fleet.Calendar, Now: o.Now}
	a.Roster = &roster.Service{Directory: a.Fleet, Store: s, Plans: a.Plans, Try: a.try, Now: o.Now}
	a.Alarms = &alarm.Service{Store: s, Answers: s, Ledger: a.Ledger, Servers: s, Companies: s, FindFinals: lateFor(a.Months), FindMonths: monthsFor(a.Months, a.Fleet.Zone), Now: o.Now}
	a.Access = newAccess(s, o.Now, factorSeal{a})
	a.Reports = sync.OnceValues(func() (*report.Service, error) { return a.newReports(o.Look) })
	types, err := typeRules(o.TypesFile)
	if err != nil {
		return nil, err
	}
	a.types, a.collectors = types, collectors(o, types)
	a.runner = a.newRunner()
	// The catalogue that counts is a dated fact, so that an update of this program does not move the past (C38).
	if err := a.Catalogs.Update(ctx); err != nil {
		return nil, err
	}
	if o.CatalogueFile != "" {
		if _, err := a.SetCatalogue(ctx, o.CatalogueFile, false); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Close logs out of all servers and ends the store.
func (a *App) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), logoutTimeout)
	defer cancel()
	for _, c := range a.collectors {
		c.Release(ctx, 0)
	}
	return a.Store.Close()
}

// logoutTimeout bounds how long ending waits for servers that do not answer.
const logoutTimeout = 2 * time.Second

// secrets opens the key file, once; a new one is made only while nothing is sealed yet.
func (a *App) secrets(ctx context.Context) (*secret.Box, error) {
	a.boxMu.Lock()
	defer a.boxMu.Unlock()
	if a.box != nil {
		return a.box, nil
	}
	sealed, err := a.sealed(ctx)
	if err != nil {
		return nil, err
	}
	a.box, err = secret.OpenOrCreate(filepath.Join(a.dir, keyFile), len(sealed) == 0)
	return a.box, err
}

// sealed is a sealed password or second factor, and what it is for.
type sealed struct {
	of   secret.Owner
	text []byte
}

// sealed gives the passwords of servers with an account of their own and of credential sets, and the second factors of users.
func (a *App) sealed(ctx context.Context) (all []sealed, err error) {
	servers, err := a.Store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range servers {
		if c := servers[i].Connection; c != nil && c.Credential == 0 {
			all = append(all, sealed{sealedFor(&servers[i]), c.Sealed})
		}
	}
	sets, err := a.Store.Credentials(ctx)
	for i := range sets {
		all = append(all, sealed{secret.OfCredential(int64(sets[i].ID)), sets[i].Sealed})
	}
	if err != nil {
		return nil, err
	}
	factors, err := a.Store.Factors(ctx)
	for i := range factors {
		all = append(all, sealed{secret.OfFactor(int64(factors[i].User)), factors[i].Sealed})
	}
	return all, err
}

// sealedFor says for what the password was sealed with which a server is logged in to.
func sealedFor(s *fleet.Server) secret.Owner {
	if set := s.Connection.Credential; set != 0 {
		return secret.OfCredential(int64(set))
	}
	return secret.OfServer(s.ID)
}

// NewKey makes a new key file where the old one is lost: passwords that were sealed
// with that one must be given again, all of them.
func (a *App) NewKey() error {
	a.boxMu.Lock()
	defer a.boxMu.Unlock()
	box, err := secret.OpenOrCreate(filepath.Join(a.dir, keyFile), true)
	if err == nil {
		a.box = box
	}
	return err
}

func (a *App) seal(server usage.ServerID, password string) ([]byte, error) {
	return a.sealFor(secret.OfServer(server), password)
}

func (a *App) sealSet(set fleet.CredentialID, password string) ([]byte, error) {
	return a.sealFor(secret.OfCredential(int64(set)), password)
}

func (a *App) sealFor(of secret.Owner, password string) ([]byte, error) {
	box, err := a.secrets(context.Background())
	if err != nil {
		return nil, err
	}
	return box.Seal(of, password)
}

// factorSeal seals second factors with the key file, which is made with the first of them.
type factorSeal struct{ *App }

// Seal seals the secret of a user's second factor, or what a browser holds between a password and a code.
func (a factorSeal) Seal(of access.Owner, text string) ([]byte, error) {
	return a.sealFor(ownerOf(of), text)
}

// Unseal opens it.
func (a factorSeal) Unseal(of access.Owner, sealed []byte) (string, error) {
	return a.unseal(ownerOf(of), sealed)
}

func ownerOf(of access.Owner) secret.Owner {
	if of.Factor == 0 {
		return secret.OfSignIn()
	}
	return secret.OfFactor(int64(of.Factor))
}

func (a *App) unseal(of secret.Owner, sealed []byte) (string, error) {
	box, err := a.secrets(context.Background())
	if err != nil {
		return "", err
	}
	return box.Unseal(of, sealed)
}

// Version names this build: the module's version, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (version == "" || version == "(devel)") {
			return "devel " + s.Value
		}
	}
	if version == "" || version == "(devel)" {
		return "devel"
	}
	return version
}

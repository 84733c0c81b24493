package app

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/explorer"
	"github.com/tallystick/tallystick/internal/api/health"
	v1 "github.com/tallystick/tallystick/internal/api/native/v1"
	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/collect/vbr"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/portal"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/report/csv"
	"github.com/tallystick/tallystick/internal/report/json"
	"github.com/tallystick/tallystick/internal/report/pdf"
	"github.com/tallystick/tallystick/internal/report/xlsx"
	"github.com/tallystick/tallystick/internal/store"
	"github.com/tallystick/tallystick/internal/store/postgres"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// This file is the list of plugs: engines, collectors, surfaces, formats of reports.

// openEngine opens a database, which it creates and migrates as needed.
func openEngine(ctx context.Context, where database, now func() time.Time) (engine, error) {
	if where.url != "" {
		s, err := postgres.Open(ctx, where.url, postgres.Now(now))
		if err != nil {
			return engine{}, err
		}
		return engine{Store: s, base: s.Store}, nil
	}
	s, err := sqlite.Open(ctx, where.path, sqlite.Now(now))
	if err != nil {
		return engine{}, err
	}
	return engine{Store: s, base: s.Store}, nil
}

// nameOf names a server's database in words that hold no secret.
func nameOf(url string) string { return postgres.Name(url) }

// inspect says where the schema of a database stands, and changes nothing. NotFound: there is no such file.
func inspect(ctx context.Context, where database) (store.Schema, error) {
	if where.url != "" {
		return postgres.Inspect(ctx, where.url)
	}
	return sqlite.Inspect(ctx, where.path)
}

func collectors(o Options, types vbr.TypeRules) []collect.Collector {
	return []collect.Collector{
		vbr.New(vbr.Options{Now: o.Now, Log: o.Log, Limits: vbr.Limits{Request: o.RequestTimeout}, Types: types}),
	}
}

// typeRules reads the file that extends the table of the vendor's type names (counting.md §4).
func typeRules(path string) (vbr.TypeRules, error) {
	if path == "" {
		return vbr.TypeRules{}, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return vbr.TypeRules{}, fault.InvalidFields("the type names are not read", []fault.Field{{Path: "--types", Text: err.Error()}})
	}
	return vbr.ParseTypeRules(text)
}

func formats() []report.Format {
	return []report.Format{csv.Format{}, json.Format{}, xlsx.Format{}, pdf.Format{}}
}

// newReports wires what makes reports.
func (a *App) newReports(look report.Settings) (*report.Service, error) {
	looks, err := report.NewLook(look)
	if err != nil {
		return nil, err
	}
	return &report.Service{
		Months: a.Months, Statements: a.Store, Companies: a.Store, Plans: a.Plans, Licensees: a.Fleet.Licensees, Look: looks, Formats: formats(),
	}, nil
}

func newAccess(s store.Store, now func() time.Time, sealer access.Sealer) *access.Service {
	return &access.Service{Users: s, Sessions: s, APITokens: s, Factors: s, Sealer: sealer, Now: now}
}

// surfaces wires everything that answers over HTTPS.
func (s *Server) surfaces() (http.Handler, error) {
	a, o := s.app, s.options
	vac, err := v2.New(v2.Options{
		Companies: a.Store, Directory: a.Fleet, Statements: a.Store, Months: months{a.Months, a.Alarms}, Plans: a.Plans, Servers: a.Store, Ledger: a.Ledger,
		Alarms: a.Store, Inventory: a.Store, Access: a.Access, Users: a.Store, Records: a.Store,
		Profile: v2.Profile(o.Profile), PublicURL: o.PublicURL, Now: a.Now,
	})
	if err != nil {
		return nil, err
	}
	s.readings = api.NewReadings()
	own, err := v1.New(v1.Options{
		Companies: a.Store, Servers: a.Store, Directory: a.Fleet, Catalogs: a.Catalogs, Ledger: a.Ledger, History: a.Store, Figures: a.Figures,
		Months: a.Months, Kept: a.Store, Plans: a.Plans, Alarms: a.Alarms, Events: a.Store, Answers: a.Store,
		Access: a.Access, Users: a.Store, Tokens: a.Store, Once: a.Store, Mark: a.mark, Feed: a.Store, Trail: a.Store, Roster: a.Roster, Console: console{a}, Readings: s.readings, Now: a.Now,
	})
	if err != nil {
		return nil, err
	}
	pages, err := explorer.New()
	if err != nil {
		return nil, err
	}
	web, err := portal.New(portal.Options{
		Access: a.Access, Companies: a.Store, Servers: a.Store, Directory: a.Fleet, Ledger: a.Ledger, Figures: a.Figures, Board: a.Board,
		Months: a.Months, Kept: a.Store, Alarms: a.Alarms, Events: a.Store, Answers: a.Store, Users: a.Store, Tokens: a.Store, Catalogs: a.Catalogs,
		Trail: a.Store, Feed: a.Store, History: a.Store, Console: console{a}, Readings: s.readings, Single: s.single, Now: a.Now, Log: a.log,
	})
	if err != nil {
		return nil, err
	}
	s.events, s.work = []events{own, web}, web.Work
	ready := health.New(a.log, health.Check{Name: "store", Ask: func(ctx context.Context) error {
		_, err := a.Store.Head(ctx)
		return err
	}})
	frame := api.Frame{Surfaces: []api.Surface{vac, own, web, pages, ready}, Check: a.Access.Check, Within: o.Within, Log: a.log}
	if o.Metrics != MetricsOff {
		m := s.newMetrics()
		frame.Surfaces, frame.Meter = append(frame.Surfaces, m.Surface()), m.Meter
	}
	return frame.Handler()
}

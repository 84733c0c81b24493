package demo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/sim"
)

// The bounds of the options.
const (
	CompaniesMin = 3
	CompaniesMax = 200
	MonthsMax    = 24
)

// userName is the demo's log-in.
const userName = "demo"

// Options say what is shown.
type Options struct {
	Listen    string
	Companies int
	Months    int // calendar months of history, that of Now included
	Seed      int64
	Now       time.Time // zero: the machine's clock
	DataDir   string    // empty: a temporary one, removed at the end
	Check     bool      // compare company 2 with the reference example, then end
	Stdout    io.Writer
	Stderr    io.Writer
	Log       *slog.Logger
}

// Run shows the demo until ctx ends, or checks it.
func Run(ctx context.Context, o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	if err := listenable(ctx, o.Listen); err != nil { // said before the months are played, not after
		return err
	}
	dir := o.DataDir
	if dir == "" {
		made, err := os.MkdirTemp("", "tallystick-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made) //nolint:errcheck // the system clears what is left
		dir = made
	}
	s, err := start(ctx, o, dir)
	if err != nil {
		return err
	}
	return errors.Join(s.show(ctx), s.close())
}

func listenable(ctx context.Context, address string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "cannot listen on %s: %v; another address is given with --listen (make demo DEMOFLAGS='--listen 127.0.0.1:2281')", address, err)
	}
	return l.Close()
}

func (o *Options) validate() error {
	var fields []fault.Field
	if o.Companies < CompaniesMin || o.Companies > CompaniesMax {
		fields = append(fields, fault.Field{Path: "--companies", Text: fmt.Sprintf("is between %d and %d", CompaniesMin, CompaniesMax)})
	}
	if o.Months < 1 || o.Months > MonthsMax {
		fields = append(fields, fault.Field{Path: "--months", Text: fmt.Sprintf("is between 1 and %d", MonthsMax)})
	}
	return fault.InvalidFields("the demo cannot start", fields)
}

// stage is a demo that is set up: servers, store and services.
type stage struct {
	options  Options
	clock    *clock
	servers  *sim.Fleet
	app      *app.App
	password string
}

func start(ctx context.Context, o Options, dir string) (_ *stage, err error) {
	fleets := sim.DemoOptions{Companies: o.Companies, Months: o.Months, Seed: o.Seed, Now: o.Now}
	begin := fleets.From()
	s := &stage{options: o, clock: &clock{at: begin}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	scenario := sim.Demo(fleets)
	if s.servers, err = sim.Start(ctx, sim.Options{Scenario: scenario, Listen: "127.0.0.1:0"}); err != nil {
		return s, err
	}
	s.servers.Clock().SetSpeed(0) // it steps with ours
	if s.app, err = app.Open(ctx, app.Options{DataDir: dir, Create: true, Now: s.clock.Now, NewUID: uids(o.Seed), Log: o.Log}); err != nil {
		return s, err
	}
	if companies, err := s.app.Store.Companies(ctx); err != nil {
		return s, err
	} else if len(companies) > 0 {
		return s, fault.New(fault.Conflict, "%s already holds a ledger: give the demo an empty directory with --data, or none (TALLYSTICK_DATA names one, too)", dir)
	}
	if err := s.populate(ctx, scenario); err != nil {
		return s, err
	}
	if err := s.replay(ctx, begin); err != nil {
		return s, err
	}
	return s, nil
}

// populate adds what an administrator would add: companies, servers, a user.
func (s *stage) populate(ctx context.Context, scenario *sim.Scenario) error {
	ids := map[string]usage.CompanyID{}
	for _, c := range scenario.Companies {
		n := fleet.NewCompany{Name: c.Name}
		for _, tenant := range c.CloudTenants {
			n.Tenants = append(n.Tenants, fleet.Tenant{Name: tenant})
		}
		company, err := s.app.Fleet.AddCompany(ctx, n)
		if err != nil {
			return err
		}
		ids[c.Name] = company.ID
	}
	for i, running := range s.servers.Servers() {
		spec := scenario.Servers[i]
		if _, err := s.app.Fleet.AddServer(ctx, fleet.NewServer{
			Name: running.Name, Product: spec.Product, Company: ids[spec.Company], Shared: spec.Shared,
			URL: running.URL, Username: running.Username, Password: running.Password,
			TLS: fleet.TLS{Fingerprint: running.Fingerprint}, Interval: interval,
		}); err != nil {
			return err
		}
	}
	secret := make([]byte, 12)
	_, _ = rand.Read(secret) // never fails
	s.password = hex.EncodeToString(secret)
	_, err := s.app.Access.AddUser(ctx, access.NewUser{Name: userName, Role: access.PortalAdministrator, Password: s.password})
	return err
}

// replay reads every server through the months, at each month's edge, and now.
func (s *stage) replay(ctx context.Context, begin time.Time) error {
	instants := instants(begin, s.options.Now)
	for i, t := range instants {
		s.clock.set(t)
		s.servers.Clock().Set(t)
		var failed error
		err := s.app.Collect(ctx, nil, func(o app.Outcome) {
			if !o.OK {
				failed = fault.New(fault.Unavailable, "%s at %s: %s", o.Name, t.Format(time.RFC3339), o.Text)
			}
		})
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		if i == 0 || t.Month() != instants[i-1].Month() {
			s.say("Reading %d simulated servers through %s …", len(s.servers.Servers()), t.Format("January 2006"))
		}
	}
	return nil
}

// interval is how often the demo says that servers are read. Of the past it reads them once a day, for the sake of the wait, and a reading
// is not old before three intervals are over (C32).
const interval = 8 * time.Hour

// instants are every day of this month and the last one, and before that every week, at 02:00; the last minutes of each month; and now.
func instants(begin, now time.Time) []time.Time {
	var list []time.Time
	daily := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, now.Location())
	for day := begin; day.Before(now); day = day.AddDate(0, 0, 1) {
		edge := day.AddDate(0, 0, 1).Add(-5 * time.Minute)
		isLast := edge.AddDate(0, 0, 1).Day() == 1
		if at := day.Add(2 * time.Hour); at.Before(now) && (!day.Before(daily) || day.Weekday() == time.Monday || day.Equal(begin)) {
			list = append(list, at)
		}
		if isLast && edge.Before(now) {
			list = append(list, edge)
		}
	}
	return append(list, now)
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.options.Stderr, format+"\n", args...) //nolint:errcheck // a message that nobody reads is lost
}

func (s *stage) close() error {
	var err error
	if s.app != nil {
		err = s.app.Close()
	}
	if s.servers != nil {
		err = errors.Join(err, s.servers.Close())
	}
	return err
}

// uids gives GUIDs that follow from the seed, so that two demos of one seed are equal.
func uids(seed int64) func() string {
	n := 0
	return func() string {
		n++
		sum := sha256.Sum256(fmt.Appendf(nil, "tallystick demo %d/%d", seed, n))
		id, _ := uuid.FromBytes(sum[:16])
		id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8: made by a rule of our own
		return id.String()
	}
}

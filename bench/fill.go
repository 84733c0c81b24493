package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/series"
	"github.com/tallystick/tallystick/internal/store/sqlstore"
)

// Who asks.
const (
	userName = "bench"
	password = "correct horse battery"
)

// world is a data directory with a data set in it.
type world struct {
	set   dataSet
	dir   string
	bytes int64 // of the database when it was filled
	took  time.Duration
}

// clock is set to the time at which a reading would have been recorded.
type clock struct{ at atomic.Int64 }

func (c *clock) set(t time.Time) { c.at.Store(t.UnixMicro()) }
func (c *clock) now() time.Time  { return time.UnixMicro(c.at.Load()).UTC() }

// openAt opens a data directory with a clock of our own.
func openAt(ctx context.Context, dir string, c *clock) (*app.App, error) {
	serial := 0
	return app.Open(ctx, app.Options{DataDir: dir, Create: true, Now: c.now, NewUID: func() string {
		serial++
		return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", serial)
	}})
}

// fill makes a data directory with a data set, a user and nothing else.
func fill(ctx context.Context, dir string, set dataSet) (*world, error) {
	begin := time.Now()
	c := &clock{}
	c.set(set.begin().Add(-time.Hour))
	a, err := openAt(ctx, dir, c)
	if err != nil {
		return nil, err
	}
	err = fillApp(ctx, a, set)
	if closed := a.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	size, err := databaseBytes(dir)
	return &world{set, dir, size, time.Since(begin)}, err
}

func fillApp(ctx context.Context, a *app.App, set dataSet) error {
	if _, err := a.Access.AddUser(ctx, access.NewUser{Name: userName, Role: access.PortalAdministrator, Password: password}); err != nil {
		return err
	}
	if err := populate(ctx, a.Fleet, set); err != nil {
		return err
	}
	return putIn(ctx, a, set)
}

// bulkStore is an engine that can take a whole past at once; the result is, byte by byte, that of appending one by
// one, which a test of the engine holds.
type bulkStore interface {
	AppendPast(ctx context.Context, p sqlstore.Past) error
}

// putIn puts all readings in at once.
func putIn(ctx context.Context, a *app.App, set dataSet) error {
	engine, ok := a.Store.(bulkStore)
	if !ok {
		return errors.New("this engine takes no past at once")
	}
	past := sqlstore.Past{Rounds: set.Days, Recorded: set.recorded, Readings: func(i int) func() *series.Prepared {
		h := set.server(i)
		var last *usage.Snapshot
		var ready *series.Prepared
		return func() *series.Prepared {
			s := h.next()
			if last == nil || &s.Workloads[0] != &last.Workloads[0] { // a list that did not change is the same one
				ready = series.Prepare(s)
			}
			last = s
			return ready.At(s.TakenAt)
		}
	}}
	for i := range set.Servers {
		past.Servers = append(past.Servers, usage.ServerID(i+1))
	}
	return engine.AppendPast(ctx, past)
}

// recorded is when a day's reading of a server reaches the ledger, with microseconds as clocks have them.
func (d dataSet) recorded(round, i int) time.Time {
	within := time.Hour * time.Duration(i) / time.Duration(d.Servers)
	return d.begin().Add(time.Duration(round)*day + within + time.Duration((round*7919+i*104729)%100_000)*time.Microsecond)
}

// populate adds companies and their servers, each kind in one step as an import does. Both are numbered from the first:
// company 2, server 1.
func populate(ctx context.Context, d *fleet.Directory, set dataSet) error {
	companies := make([]fleet.CompanyDraft, set.Companies)
	for i := range companies {
		companies[i].Is = fleet.Company{Name: fmt.Sprintf("Company %d", i), Enabled: true}
		if err := fault.InvalidFields("the company is not added", companies[i].Check()); err != nil {
			return err
		}
	}
	if _, err := d.PutCompanies(ctx, companies); err != nil {
		return err
	}
	servers := make([]fleet.ServerDraft, set.Servers)
	for i := range servers {
		company := usage.FirstCompany + usage.CompanyID(i%set.Companies)
		servers[i].New = fleet.NewServer{
			Name: fmt.Sprintf("VBR%05d", i), Company: company, InstallationID: installation(i), Interval: day, Authority: "computed",
		}
	}
	_, err := d.PutServers(ctx, servers)
	return err
}

// databaseBytes is what a closed data directory keeps of its ledger.
func databaseBytes(dir string) (int64, error) {
	files, err := filepath.Glob(filepath.Join(dir, "tallystick.db*"))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

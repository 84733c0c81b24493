package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
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

// filler takes the readings of a data set, in the order in which they were taken.
type filler interface {
	add(ctx context.Context, server usage.ServerID, s *usage.Snapshot) error
}

// oneByOne appends reading after reading, as collection does.
type oneByOne struct {
	ledger *ledger.Ledger
	clock  *clock
}

func (f oneByOne) add(ctx context.Context, server usage.ServerID, s *usage.Snapshot) error {
	f.clock.set(s.TakenAt.Add(time.Second))
	_, err := f.ledger.AppendSnapshot(ctx, server, false, *s)
	return err
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
	err = fillApp(ctx, a, c, set)
	if closed := a.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	size, err := databaseBytes(dir)
	return &world{set, dir, size, time.Since(begin)}, err
}

func fillApp(ctx context.Context, a *app.App, c *clock, set dataSet) error {
	if _, err := a.Access.AddUser(ctx, access.NewUser{Name: userName, Role: access.PortalAdministrator, Password: password}); err != nil {
		return err
	}
	if err := populate(ctx, a.Fleet, set); err != nil {
		return err
	}
	return feed(ctx, oneByOne{a.Ledger, c}, set)
}

// populate adds companies and their servers. Both are numbered from the first: company 2, server 1.
func populate(ctx context.Context, d *fleet.Directory, set dataSet) error {
	for i := range set.Companies {
		if _, err := d.AddCompany(ctx, fleet.NewCompany{Name: fmt.Sprintf("Company %d", i)}); err != nil {
			return err
		}
	}
	for i := range set.Servers {
		company := usage.FirstCompany + usage.CompanyID(i%set.Companies)
		_, err := d.AddServer(ctx, fleet.NewServer{
			Name: fmt.Sprintf("VBR%05d", i), Company: company, InstallationID: installation(i), Interval: day, Authority: "computed",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// feed gives a filler all readings, day after day.
func feed(ctx context.Context, f filler, set dataSet) error {
	histories := make([]*history, set.Servers)
	for range set.Days {
		for i := range histories {
			h := histories[i]
			if h == nil {
				h = set.server(i)
			}
			if err := f.add(ctx, usage.ServerID(i+1), h.next()); err != nil {
				return err
			}
			if set.Days > 1 { // what is read once need not be remembered
				histories[i] = h
			}
		}
	}
	return nil
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

package app

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// Outcome is what became of one reading.
type Outcome struct {
	Server   usage.ServerID
	Name     string
	OK       bool
	Position usage.Position // of the snapshot; 0 without one
	Text     string         // in words
	Gap      *usage.Gap     // why there is no snapshot
}

// Collect reads the named servers now (none named: all that we read), and says
// of each, as it ends, what became of it.
func (a *App) Collect(ctx context.Context, ids []usage.ServerID, each func(Outcome)) error {
	err := a.runner.ReadNow(ctx, ids, func(o *collect.Outcome) {
		out := Outcome{Server: o.Server, Name: o.Name, OK: o.OK(), Text: o.Text(), Gap: o.Gap}
		if o.Receipt != nil {
			out.Position = o.Receipt.Position
		}
		each(out)
	})
	if err != nil {
		return err
	}
	return a.Alarms.CheckFinals(ctx)
}

// Test logs in to a server and says what is there. It changes nothing, here or there.
func (a *App) Test(ctx context.Context, s fleet.Server) (collect.Finding, error) {
	return a.runner.Test(ctx, &s)
}

// try logs in to one of many servers, which need not be there.
func (a *App) try(ctx context.Context, s fleet.Server) error {
	defer a.runner.Release(context.WithoutCancel(ctx), s.ID)
	return a.runner.Try(ctx, &s)
}

// TestCredential logs in to a server with a credential set as it would be after an edit.
func (a *App) TestCredential(ctx context.Context, s fleet.Server, set fleet.CredentialID, edit fleet.CredentialEdit) error {
	probe, err := a.Fleet.ProbeCredential(ctx, s, set, edit)
	if err != nil {
		return err
	}
	defer a.runner.Release(context.WithoutCancel(ctx), s.ID)
	_, err = a.Test(ctx, probe)
	return err
}

// CollectStatus says of the named servers (none named: all that we read) when that was and will be, and how it went.
func (a *App) CollectStatus(ctx context.Context, ids ...usage.ServerID) ([]collect.ServerStatus, error) {
	return a.schedule().Status(ctx, ids...)
}

// Running reports whether a console runs on this ledger, as far as the locks tell.
func (a *App) Running(ctx context.Context) bool {
	if who := lockedBy(filepath.Join(a.where.dir(a.dir), lockFile)); who != "" {
		return strings.HasPrefix(who, aConsole)
	}
	shared, ok := a.engine.Store.(store.Exclusive)
	if !ok {
		return false
	}
	held, err := shared.Held(ctx)
	return err == nil && held
}

func (a *App) newRunner() *collect.Runner {
	return &collect.Runner{
		Collectors: a.collectors, Ledger: a.Ledger, Fleet: a.Store, Inventories: a.Store, Open: a.open, Now: a.Now, Log: a.log,
		After: func(ctx context.Context, o *collect.Outcome) {
			if err := a.Alarms.Check(ctx, o.Server); err != nil {
				a.log.Error("the alarms of a server are not checked", "server", o.Server, "error", err)
			}
		},
	}
}

func (a *App) open(s *fleet.Server) (string, error) {
	box, err := a.secrets(context.Background())
	if err != nil {
		return "", err
	}
	return box.Unseal(sealedFor(s), s.Connection.Sealed)
}

// RemovalFrom says from when a server that is removed now is gone: from now, with
// its history before; one that was never read has none, and is gone from the
// beginning, so that it leaves no month incomplete.
func (a *App) RemovalFrom(ctx context.Context, server usage.ServerID) (time.Time, error) {
	readings, err := a.Ledger.Readings(ctx, server)
	if err != nil || len(readings) > 0 && readings[0].Last != nil {
		return time.Time{}, err
	}
	return time.Unix(0, 0).UTC(), nil
}

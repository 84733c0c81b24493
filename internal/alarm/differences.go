package alarm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// ofDifferences adds the types of which the figures of a server have parted for longer than a day. Only where they part
// now does it look back.
func (w *walk) ofDifferences(ctx context.Context, server *fleet.Server, events []Event, holds []Condition) ([]Condition, error) {
	tally, err := w.tally(ctx, server)
	if err != nil {
		return nil, err
	}
	types := parted(tally, server.ID)
	if len(types) == 0 {
		return holds, nil
	}
	if types, err = w.lasting(ctx, server, events, types); err != nil {
		return nil, err
	}
	for _, typ := range types {
		text := fmt.Sprintf("%s: its own counters and our count of its list have differed about %s for longer than a day; reconcile says by how much", server.Name, typ)
		holds = append(holds, Condition{Template: ReportedDiffers, Subject: typ, Status: StatusWarning, Message: text})
	}
	return holds, nil
}

// tally counts what a server is part of: its company's figure, or that of the shared servers as a whole.
func (w *walk) tally(ctx context.Context, server *fleet.Server) (*metering.Tally, error) {
	if server.Shared {
		return w.whole(ctx, usage.Provider, server.Product)
	}
	return w.Ledger.Usage(ctx, ledger.Query{Company: server.Company, Product: server.Product})
}

// parted gives the types of which the figures part now.
func parted(tally *metering.Tally, server usage.ServerID) []string {
	for i := range tally.Servers {
		if s := &tally.Servers[i]; s.Server == server {
			return s.Parted
		}
	}
	return nil
}

// lasting gives those of the types that have parted for longer than a day. When every server is checked, what stands and
// parts now is taken to have parted all the while: each reading of a server is followed by a check of it alone, which
// looks back.
func (w *walk) lasting(ctx context.Context, server *fleet.Server, events []Event, types []string) ([]string, error) {
	stands := make(map[string]bool)
	for i := range events {
		if e := &events[i]; !w.alone && e.Template == ReportedDiffers && e.Status != StatusResolved {
			stands[e.Subject] = true
		}
	}
	if !slices.ContainsFunc(types, func(typ string) bool { return !stands[typ] }) {
		return types, nil
	}
	company := server.Company
	if server.Shared {
		company = usage.Provider
	}
	longer := at(w.Now(), events, ReportedDiffers).Add(-differsMax - time.Microsecond)
	lasting, err := w.Ledger.Parted(ctx, company, server.Product, server.ID, longer)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !stands[typ] && !slices.Contains(lasting, typ) }), nil
}

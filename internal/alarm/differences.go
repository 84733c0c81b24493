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

// differsMax is for how long reported and computed may differ before it is an alarm (C25).
const differsMax = 24 * time.Hour

// ofDifferences adds the types of which the figures of a server have parted for longer than a day. Only where they part
// now does it look back.
func (w *walk) ofDifferences(ctx context.Context, server *fleet.Server, holds []Condition) ([]Condition, error) {
	company := server.Company
	if server.Shared {
		company = usage.Provider
	}
	types, err := w.parted(ctx, server, company)
	if err != nil || len(types) == 0 {
		return holds, err
	}
	if types, err = w.lasting(ctx, server, company, types); err != nil {
		return nil, err
	}
	for _, typ := range types {
		text := fmt.Sprintf("%s: its own counters and our count of its list have differed about %s for longer than a day; reconcile says by how much", server.Name, typ)
		holds = append(holds, Condition{ReportedDiffers, typ, StatusWarning, text})
	}
	return holds, nil
}

// parted gives the types of which the figures part now.
func (w *walk) parted(ctx context.Context, server *fleet.Server, company usage.CompanyID) (types []string, err error) {
	var tally *metering.Tally
	if server.Shared {
		tally, err = w.whole(ctx, company, server.Product)
	} else {
		tally, err = w.Ledger.Usage(ctx, ledger.Query{Company: company, Product: server.Product})
	}
	if err != nil {
		return nil, err
	}
	for i := range tally.Servers {
		if s := &tally.Servers[i]; s.Server == server.ID {
			types = s.Parted
		}
	}
	return types, nil
}

// lasting gives those of the types that have parted for longer than a day. When every server is checked, what stands and
// parts now is taken to have parted all the while: each reading of a server is followed by a check of it alone, which
// looks back.
func (w *walk) lasting(ctx context.Context, server *fleet.Server, company usage.CompanyID, types []string) ([]string, error) {
	stands := w.stands(server.ID, ReportedDiffers)
	if !slices.ContainsFunc(types, func(typ string) bool { return !stands[typ] }) {
		return types, nil
	}
	longer := w.Now().Add(-differsMax - time.Microsecond)
	lasting, err := w.Ledger.Parted(ctx, company, server.Product, server.ID, longer)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !stands[typ] && !slices.Contains(lasting, typ) }), nil
}

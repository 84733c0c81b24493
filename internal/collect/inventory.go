package collect

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// inventory reads what a server has beside its license, when its snapshot is in the ledger: whatever happens here costs
// neither the snapshot nor leaves a gap. What cannot be read stays as it was, and why is kept beside it.
func (r *Runner) inventory(ctx context.Context, s *fleet.Server) {
	i, failure := r.takeInventory(ctx, s)
	if ctx.Err() != nil {
		return // the next reading makes up for it
	}
	var cause error
	if failure != nil {
		i, cause = fleet.Inventory{At: r.Now(), Failed: failure.Text}, failure.Cause
	}
	i.Server = s.ID
	i.Normalize()
	if i.Failed != "" { // no warning: a smaller role may be meant to see no more
		r.Log.Info("a server's inventory is not read, or not all of it", "server", s.ID, "name", s.Name, "text", i.Failed, "cause", cause)
	}
	if err := r.Inventories.ReplaceInventory(ctx, i); err != nil {
		r.Log.Error("a server's inventory is not kept", "server", s.ID, "name", s.Name, "error", err)
	}
}

// takeInventory asks the collector; its panic ends here.
func (r *Runner) takeInventory(ctx context.Context, s *fleet.Server) (i fleet.Inventory, failure *Failure) {
	defer func() {
		if p := recover(); p != nil {
			failure = Failed(usage.GapOther, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the collector broke down; the log says where")
		}
	}()
	c, t, failure := r.target(s)
	if failure != nil {
		return fleet.Inventory{}, failure
	}
	i, err := c.Inventory(ctx, t)
	return i, asFailure(ctx, err)
}

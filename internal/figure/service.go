package figure

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Service asks the ledger, for whoever asks.
type Service struct {
	Ledger    *ledger.Ledger
	Companies fleet.CompanyStore
	Calendar  func(ctx context.Context) (usage.Calendar, error)
	Now       func() time.Time

	finder finder
}

package figure

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Service asks the ledger, for whoever asks.
type Service struct {
	Ledger    *ledger.Ledger
	Companies fleet.CompanyStore
	Zone      func(ctx context.Context) (*time.Location, error)
	Now       func() time.Time

	finder finder
}

package app

import (
	"context"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// approveEvery is how often a console looks whether a month is to be approved by the clock.
const approveEvery = 10 * time.Minute

// months are the statements for those who ask over an API: what alarms say of them follows soon.
type months struct {
	*statement.Service

	alarms *alarm.Service
}

func (m months) FinaliseMonth(ctx context.Context, month usage.Month, actor string) error {
	err := m.Service.FinaliseMonth(ctx, month, actor)
	if err == nil {
		m.alarms.MonthsMoved()
	}
	return err
}

// approveMonths approves, on a day of each month, what nobody approved of the month before, until ctx ends.
func (a *App) approveMonths(ctx context.Context, day int) {
	for {
		approved, left, err := a.approveDue(ctx, day)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("months are not approved", "error", err)
		case approved > 0:
			a.log.Info("statements were approved unreviewed", "approved", approved, "left", left)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(approveEvery):
		}
	}
}

// approveDue does so where the day has come.
func (a *App) approveDue(ctx context.Context, day int) (approved, left int, err error) {
	zone, err := a.Fleet.Zone(ctx)
	if err != nil {
		return 0, 0, err
	}
	month, due := statement.Due(day, a.Now(), zone)
	if !due {
		return 0, 0, nil
	}
	companies, err := a.EveryCompany(ctx)
	if err != nil {
		return 0, 0, err
	}
	return a.Months.ApproveDue(ctx, companies, month)
}

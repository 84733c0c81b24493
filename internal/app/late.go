package app

import (
	"context"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// lateFor asks for final statements that facts arrived too late for, in the words of alarms.
func lateFor(months *statement.Service) alarm.FindFinals {
	return func(ctx context.Context, q alarm.FinalsQuery) (alarm.FinalsFound, error) {
		standing := make(map[usage.CompanyID][]usage.Month, len(q.Standing))
		for company, subjects := range q.Standing {
			for _, subject := range subjects {
				month, err := usage.ParseMonth(subject)
				if err != nil {
					return alarm.FinalsFound{}, err
				}
				standing[company] = append(standing[company], month)
			}
		}
		late, err := months.Late(ctx, statement.LateQuery{After: q.After, Standing: standing, Again: q.Again})
		found := alarm.FinalsFound{To: late.To, Failed: late.Failed, Holds: make(map[usage.CompanyID][]alarm.Condition, len(late.Companies))}
		for company, outdated := range late.Companies {
			holds := []alarm.Condition{}
			for i := range outdated {
				o := &outdated[i]
				holds = append(holds, alarm.Condition{
					Template: alarm.FinalOutdated, Subject: o.Month.String(), Status: alarm.StatusWarning, Message: o.String(),
				})
			}
			found.Holds[company] = holds
		}
		return found, err
	}
}

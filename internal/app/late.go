package app

import (
	"context"
	"maps"
	"time"

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

// monthsFor asks how the statements of months that are over stand, in the words of alarms.
func monthsFor(months *statement.Service, zoned func(context.Context) (*time.Location, error)) alarm.FindMonths {
	return func(ctx context.Context, q alarm.MonthsQuery) (alarm.MonthsFound, error) {
		found := alarm.MonthsFound{Holds: make(map[usage.CompanyID][]alarm.Condition), Failed: make(map[usage.CompanyID]error)}
		zone, err := zoned(ctx)
		if err != nil {
			return found, err
		}
		over, due := statement.Due(alarm.StatementDueDay, q.Now, zone)
		waits := map[usage.Month]bool{over: due} // whether the statements of a month should be final by now
		if !due {
			waits[over.Previous()] = true
		}
		for template, subjects := range q.Standing {
			for _, subject := range subjects {
				month, err := usage.ParseMonth(subject)
				if err != nil {
					return found, err
				}
				waits[month] = waits[month] || template == alarm.StatementWaiting || month.Before(over)
			}
		}
		for month, waits := range waits {
			standing, err := months.StandingOf(ctx, month, zone, statement.JumpLimit{Units: alarm.FigureUnits, Percent: alarm.FigurePercent})
			if err != nil {
				return found, err
			}
			note(&found, &standing, waits)
		}
		return found, nil
	}
}

// note adds what holds of a month. waits: its statements should be final by now.
func note(found *alarm.MonthsFound, standing *statement.MonthStanding, waits bool) {
	add := func(c usage.CompanyID, template alarm.TemplateID, message string) {
		found.Holds[c] = append(found.Holds[c], alarm.Condition{Template: template, Subject: standing.Month.String(), Status: alarm.StatusWarning, Message: message})
	}
	for i := range standing.Jumps {
		add(standing.Jumps[i].Company, alarm.FigureChanged, standing.Jumps[i].String())
	}
	if waits && len(standing.Waiting) > 0 {
		add(usage.Unassigned, alarm.StatementWaiting, standing.WaitingText())
	}
	maps.Copy(found.Failed, standing.Failed)
	if len(standing.Waiting) == 0 {
		for _, err := range standing.Failed { // it may wait
			found.Failed[usage.Unassigned] = err
		}
	}
}

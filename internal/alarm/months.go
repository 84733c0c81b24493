package alarm

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// MonthsQuery says of which months statements are to be looked at: those that are over at Now, and those of which an event
// stands, by its template.
type MonthsQuery struct {
	Now      time.Time
	Standing map[TemplateID][]string
}

// MonthsFound is what holds of companies' statements, of the templates StatementWaiting and FigureChanged.
type MonthsFound struct {
	Holds map[usage.CompanyID][]Condition
	// Failed says of which companies it could not be found out: what stands of them is left as it is.
	Failed map[usage.CompanyID]error
}

// FindMonths looks at statements.
type FindMonths func(ctx context.Context, q MonthsQuery) (MonthsFound, error)

// monthsEvery is how often CheckMonths looks: its alarms are a matter of days.
const monthsEvery = time.Hour

// months is when CheckMonths looked.
type months struct {
	sync.Mutex
	at     time.Time
	failed failures
	moved  atomic.Bool // a statement, since
}

// ofMonths are the templates about statements of months that are over.
var ofMonths = []TemplateID{StatementWaiting, FigureChanged}

// MonthsMoved says that somebody moved statements on: the next CheckMonths looks, whenever the last one did.
func (s *Service) MonthsMoved() { s.months.moved.Store(true) }

// CheckMonths raises and resolves the alarms about the statements of months that are over, once an hour.
func (s *Service) CheckMonths(ctx context.Context) error {
	s.months.Lock()
	defer s.months.Unlock()
	now := s.Now()
	if moved := s.months.moved.Swap(false); !moved && !passed(s.months.at, now, monthsEvery) {
		return nil
	}
	if err := s.checkMonths(ctx, now); err != nil {
		s.months.at = time.Time{}
		return err
	}
	s.months.at = now
	return s.months.failed.err()
}

func (s *Service) checkMonths(ctx context.Context, now time.Time) error {
	standing := make(map[usage.CompanyID][]Event)
	q := MonthsQuery{Now: now, Standing: make(map[TemplateID][]string)}
	for _, template := range ofMonths {
		events, err := s.Store.Events(ctx, template)
		if err != nil {
			return err
		}
		for i := range events {
			if e := &events[i]; e.Status != StatusResolved {
				standing[e.Company] = append(standing[e.Company], *e)
				q.Standing[template] = append(q.Standing[template], e.Subject)
			}
		}
	}
	found, err := s.FindMonths(ctx, q)
	if err != nil {
		return err
	}
	s.months.failed = failures{}
	for _, company := range slices.Sorted(maps.Keys(found.Failed)) {
		s.months.failed.company(company, found.Failed[company])
	}
	settle := make(map[usage.CompanyID][]Condition)
	maps.Copy(settle, found.Holds)
	for company := range standing {
		settle[company] = found.Holds[company]
	}
	for company, holds := range settle {
		if found.Failed[company] != nil || (&verdict{holds: holds}).settled(standing[company]) {
			delete(settle, company)
		}
	}
	if len(settle) == 0 {
		return nil
	}
	return s.Store.SettleCompanies(ctx, ofMonths, settle, usage.Truncate(now))
}

package alarm

import (
	"context"
	"sync"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Mark is up to where the ledger was looked through for facts that came too late for a final statement (C40): no entry up
// to Position makes another one of any, unless an event says so. Who keeps a final statement moves the mark back to its
// cutoff, in the same step (statement.Store).
type Mark struct {
	Position usage.Position
	Revision int64 // how often it was moved
	Again    bool  // a statement became final since: the events that stand are to be looked at
}

// Finals is what a look at final statements came to.
type Finals struct {
	Seen  Mark                            // which it began with
	To    usage.Position                  // up to where entries were looked at
	Holds map[usage.CompanyID][]Condition // all that holds of each company that it names, of template FinalOutdated
}

// FinalsQuery says which final statements are to be looked at.
type FinalsQuery struct {
	After    usage.Position               // those that entries behind it reach
	Standing map[usage.CompanyID][]string // the months of which an event stands: looked at with others of their company
	Again    bool                         // all of Standing
}

// FinalsFound is what was found: all that holds of each company that was looked at.
type FinalsFound struct {
	To    usage.Position // up to where entries were looked at
	Holds map[usage.CompanyID][]Condition
	// Failed says of which companies it could not be found out; what was found of the others is settled all the same.
	Failed error
}

// FindFinals looks at final statements.
type FindFinals func(ctx context.Context, q FinalsQuery) (FinalsFound, error)

const (
	// markEvery is after how many entries the mark is moved where there was nothing to look at.
	markEvery = 4096
	// finalsTries bounds how often somebody else may move it meanwhile.
	finalsTries = 5
)

// finals is up to where CheckFinals came: beyond the mark, where there was nothing to look at.
type finals struct {
	sync.Mutex
	version  int64 // Head.Version
	revision int64 // of the mark
	position usage.Position
}

// CheckFinals raises an alarm for each final statement that facts which arrived since make otherwise, and resolves those
// of which that is not so any more (C40).
func (s *Service) CheckFinals(ctx context.Context) error {
	s.finals.Lock()
	defer s.finals.Unlock()
	for try := 1; ; try++ {
		err := s.checkFinals(ctx)
		if !fault.Is(err, fault.Conflict) || try == finalsTries {
			return err
		}
	}
}

func (s *Service) checkFinals(ctx context.Context) error {
	head, err := s.Ledger.Store.Head(ctx)
	if err != nil || head.Version == s.finals.version {
		return err
	}
	mark, err := s.Store.Mark(ctx)
	if err != nil {
		return err
	}
	from := mark.Position
	if mark.Revision == s.finals.revision {
		from = max(from, s.finals.position)
	}
	revision := mark.Revision
	if from < head.Position || mark.Again {
		if revision, from, err = s.lookAtFinals(ctx, mark, from); err != nil {
			return err
		}
	}
	s.finals.version, s.finals.revision, s.finals.position = head.Version, revision, from
	return nil
}

// lookAtFinals gives the revision of the mark, and up to where it looked.
func (s *Service) lookAtFinals(ctx context.Context, mark Mark, from usage.Position) (int64, usage.Position, error) {
	events, err := s.Store.Events(ctx, FinalOutdated)
	if err != nil {
		return 0, 0, err
	}
	known := make(map[usage.CompanyID][]Event)
	q := FinalsQuery{After: from, Standing: make(map[usage.CompanyID][]string), Again: mark.Again}
	for i := range events {
		if e := &events[i]; e.Status != StatusResolved {
			known[e.Company] = append(known[e.Company], *e)
			q.Standing[e.Company] = append(q.Standing[e.Company], e.Subject)
		}
	}
	found, err := s.FindFinals(ctx, q)
	if err != nil {
		return 0, 0, err
	}
	if len(found.Holds) == 0 && !mark.Again && found.To-mark.Position < markEvery {
		return mark.Revision, found.To, found.Failed
	}
	settle := Finals{Seen: mark, To: found.To, Holds: make(map[usage.CompanyID][]Condition)}
	for company, holds := range found.Holds {
		if !(&verdict{holds: holds}).settled(known[company]) {
			settle.Holds[company] = holds
		}
	}
	if err := s.Store.SettleFinals(ctx, settle, usage.Truncate(s.Now())); err != nil {
		return 0, 0, err
	}
	return mark.Revision + 1, found.To, found.Failed
}

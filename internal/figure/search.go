package figure

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Search asks for workloads that are listed now, as FindWorkloads does, but does not look through more than was asked for.
type Search struct {
	Text   string
	Only   usage.CompanyID // in the figure of this company alone; 0: of all
	From   Place           // where one before went on
	Most   int             // how many are given
	Within time.Duration   // how long it goes from one company to the next
}

// Place is where a search goes on: behind so many of what is found of a company.
type Place struct {
	Company usage.CompanyID
	Behind  int
}

// Searched is what a search found.
type Searched struct {
	Found []FoundWorkload // by company, server and id
	Next  *Place          // where it goes on; nil: everything was looked through
	// Looked is how many companies were looked through so far, with those before From, of all in which it may be found.
	Looked, Of int
	// Waiting: what is listed is still being read, and nothing was looked through; it is to be asked again.
	Waiting bool
}

// Search finds workloads. Invalid: the text is empty.
func (s *Service) Search(ctx context.Context, q Search) (out Searched, err error) {
	text := strings.ToLower(strings.TrimSpace(q.Text))
	if text == "" {
		return out, fault.New(fault.Invalid, "what to look for is empty: give a part of a name, an id or a tenant")
	}
	ids := []usage.CompanyID{q.Only}
	if q.Only == 0 {
		var ready bool
		if ids, ready, err = s.candidates(ctx, text, q.Within); err != nil || !ready {
			out.Waiting = err == nil
			return out, err
		}
	}
	begin := s.Now()
	out.Of = len(ids)
	out.Looked, _ = slices.BinarySearch(ids, q.From.Company)
	for first := true; out.Looked < len(ids); first = false {
		id, behind := ids[out.Looked], 0
		if id == q.From.Company {
			behind = q.From.Behind
		}
		if !first && s.Now().Sub(begin) > q.Within {
			out.Next = &Place{Company: id}
			return out, nil
		}
		found, err := s.foundOf(ctx, id, text, true)
		if err != nil {
			return out, err
		}
		found = found[min(behind, len(found)):]
		room := q.Most - len(out.Found)
		if len(found) > room {
			out.Found, out.Next = append(out.Found, found[:room]...), &Place{id, behind + room}
			return out, nil
		}
		out.Found = append(out.Found, found...)
		out.Looked++
	}
	return out, nil
}

// searched are the companies whose figures are looked through, by their numbers.
func (s *Service) searched(ctx context.Context) ([]usage.CompanyID, error) {
	companies, err := s.Companies.Companies(ctx)
	ids := []usage.CompanyID{usage.Unassigned}
	for i := range companies {
		ids = append(ids, companies[i].ID)
	}
	slices.Sort(ids)
	return ids, err
}

// foundOf gives what a company's figures have, by server and id. kept: the figures of now are at hand, so that those without a server cost
// next to nothing.
func (s *Service) foundOf(ctx context.Context, id usage.CompanyID, text string, kept bool) (found []FoundWorkload, err error) {
	for _, product := range usage.Products() {
		q := ledger.Query{Company: id, Product: product}
		if kept {
			if slim, err := s.Ledger.Usage(ctx, q); err != nil {
				return nil, err
			} else if len(slim.Servers) == 0 {
				continue
			}
		}
		tally, err := s.Ledger.Paged(ctx, q)
		if err != nil {
			return nil, err
		}
		found = appendFound(found, id, tally, text)
	}
	slices.SortStableFunc(found, func(a, b FoundWorkload) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), strings.Compare(a.Key.ID, b.Key.ID))
	})
	return found, nil
}

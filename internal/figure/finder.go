package figure

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// finder keeps at hand in which companies a text may be found: to count all of them for each search takes seconds.
type finder struct {
	mu    sync.Mutex
	head  ledger.Head
	read  time.Time
	texts map[usage.CompanyID]string // names, ids and tenants of what is listed, in small letters; nil: nothing is kept
	clear *time.Timer
}

// How long a finder holds, where nothing but time passes, and how long it is kept behind the last search.
const (
	finderHolds = 10 * time.Minute
	finderFor   = 5 * time.Minute
)

// candidates gives, by their numbers, the companies in whose figures a text may be found: never too few.
func (s *Service) candidates(ctx context.Context, text string) ([]usage.CompanyID, error) {
	f := &s.finder
	f.mu.Lock()
	defer f.mu.Unlock()
	changes, err := s.Ledger.Store.Changes(ctx, f.head)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if f.texts == nil || changes.All || len(changes.Companies) > len(f.texts)/10+10 || now.Before(f.read) || now.After(f.read.Add(finderHolds)) {
		if err := s.fillFinder(ctx, changes.Head, now); err != nil {
			return nil, err
		}
		changes.Companies = nil
	}
	var ids []usage.CompanyID
	for id, listed := range f.texts {
		if strings.Contains(listed, text) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range changes.Companies { // they may have it by now
		if at, there := slices.BinarySearch(ids, id); !there && id != usage.Provider {
			ids = slices.Insert(ids, at, id)
		}
	}
	f.keep()
	return ids, nil
}

// fillFinder reads what is listed now, which is at least what was listed at the head.
func (s *Service) fillFinder(ctx context.Context, head ledger.Head, now time.Time) error {
	texts := make(map[usage.CompanyID]*strings.Builder)
	for _, product := range usage.Products() {
		all, err := s.Ledger.Listed(ctx, product)
		if err != nil {
			return err
		}
		for i := range all {
			w := &all[i]
			id := w.Company
			if id == usage.Provider {
				id = usage.Unassigned
			}
			if texts[id] == nil {
				texts[id] = &strings.Builder{}
			}
			for _, text := range []string{w.Name, w.ID, w.Key.Tenant} {
				texts[id].WriteString(strings.ToLower(text))
				texts[id].WriteByte('\n')
			}
		}
	}
	s.finder.texts = make(map[usage.CompanyID]string, len(texts))
	for id, text := range texts {
		s.finder.texts[id] = text.String()
	}
	s.finder.head, s.finder.read = head, now
	return nil
}

// keep lets go of the texts some time behind the last search.
func (f *finder) keep() {
	if f.clear != nil {
		f.clear.Stop()
	}
	f.clear = time.AfterFunc(finderFor, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.texts, f.head = nil, ledger.Head{}
	})
}

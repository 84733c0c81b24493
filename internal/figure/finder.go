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

	filling *filling // that is under way; nil: none
}

// How long a finder holds, where nothing but time passes, and how long it is kept behind the last search.
const (
	finderHolds = 10 * time.Minute
	finderFor   = 5 * time.Minute
	fillWithin  = time.Minute
)

// candidates gives, by their numbers, the companies in whose figures a text may be found: never too few. ready is false where what is
// listed is still being read after some time; it goes on.
func (s *Service) candidates(ctx context.Context, text string, within time.Duration) (ids []usage.CompanyID, ready bool, err error) {
	f := &s.finder
	changes, fill, err := s.findable(ctx)
	if err != nil {
		return nil, false, err
	}
	if fill != nil {
		late := time.NewTimer(within)
		defer late.Stop()
		select {
		case <-fill.done:
		case <-late.C:
			return nil, false, nil
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if fill.err != nil {
			return nil, false, fill.err
		}
		changes = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, listed := range f.texts {
		if strings.Contains(listed, text) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range changes { // they may have it by now
		if at, there := slices.BinarySearch(ids, id); !there && id != usage.Provider {
			ids = slices.Insert(ids, at, id)
		}
	}
	f.keep()
	return ids, true, nil
}

// filling is a reading of what is listed that all who search meanwhile wait for.
type filling struct {
	done chan struct{}
	err  error
}

// findable gives the companies that changed since the finder was filled, or the filling under way, which it begins where it is needed.
func (s *Service) findable(ctx context.Context) ([]usage.CompanyID, *filling, error) {
	f := &s.finder
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.filling != nil {
		return nil, f.filling, nil
	}
	changes, err := s.Ledger.Store.Changes(ctx, f.head)
	if err != nil {
		return nil, nil, err
	}
	now := s.Now()
	if f.texts != nil && !changes.All && len(changes.Companies) <= len(f.texts)/10+10 && !now.Before(f.read) && !now.After(f.read.Add(finderHolds)) {
		return changes.Companies, nil, nil
	}
	fill := &filling{done: make(chan struct{})}
	f.filling = fill
	go func() { // whoever asked first may not wait for it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin)
		defer cancel()
		defer close(fill.done)
		texts, err := s.listedTexts(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.filling, fill.err = nil, err
		if err == nil {
			f.texts, f.head, f.read = texts, changes.Head, now
			f.keep()
		}
	}()
	return nil, fill, nil
}

// everyListed reads the workloads of all lists, as of now.
func (s *Service) everyListed(ctx context.Context, do func(w *ledger.Listed)) error {
	for _, product := range usage.Products() {
		all, err := s.Ledger.Listed(ctx, product)
		if err != nil {
			return err
		}
		for i := range all {
			do(&all[i])
		}
	}
	return nil
}

// listedTexts reads what is listed now.
func (s *Service) listedTexts(ctx context.Context) (map[usage.CompanyID]string, error) {
	written := make(map[usage.CompanyID]*strings.Builder)
	err := s.everyListed(ctx, func(w *ledger.Listed) {
		id := w.Company
		if id == usage.Provider {
			id = usage.Unassigned
		}
		if written[id] == nil {
			written[id] = &strings.Builder{}
		}
		for _, text := range []string{w.Name, w.ID, w.Key.Tenant} {
			written[id].WriteString(strings.ToLower(text))
			written[id].WriteByte('\n')
		}
	})
	if err != nil {
		return nil, err
	}
	texts := make(map[usage.CompanyID]string, len(written))
	for id, text := range written {
		texts[id] = text.String()
	}
	return texts, nil
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

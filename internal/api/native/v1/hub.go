package v1

import (
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// Wake tells who follows the events that something may have changed. It takes next to no time.
func (s *Surface) Wake() { s.hub.Wake() }

// EndStreams ends the streams of events, for good.
func (s *Surface) EndStreams() { s.hub.End() }

// figuresMax is of how many entries it is remembered which figures they changed.
const figuresMax = 1024

// figures remembers which figures an entry changed, and finds it out once for all who ask.
type figures struct {
	mu    sync.Mutex
	known map[usage.Position]*found
	order []usage.Position // the oldest first
}

// found is what became of one entry.
type found struct {
	mu    sync.Mutex
	done  bool
	moved []ledger.Figure
}

func (f *figures) of(e *ledger.Logged, find func(*ledger.Logged) ([]ledger.Figure, error)) ([]ledger.Figure, error) {
	one := f.at(e.Position)
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.done {
		return one.moved, nil
	}
	moved, err := find(e)
	if err == nil {
		one.moved, one.done = moved, true
	}
	return moved, err
}

func (f *figures) at(position usage.Position) *found {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.known[position]; one != nil {
		return one
	}
	if f.known == nil {
		f.known = make(map[usage.Position]*found)
	}
	if len(f.order) == figuresMax {
		delete(f.known, f.order[0])
		f.order = f.order[1:]
	}
	one := &found{}
	f.known[position], f.order = one, append(f.order, position)
	return one
}

const (
	// stepWithin bounds how long a stream waits for the store at a time.
	stepWithin = 30 * time.Second
	// entryWithin is that for an entry: of a shared server, it may be thousands of figures that are counted.
	entryWithin = 5 * time.Minute
)

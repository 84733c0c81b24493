package v1

import (
	"context"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

// How many streams of events may be open: of one user, and of all.
const (
	streamsOfOne = 10
	streamsMax   = 1000
)

// hub is what all streams of events share: what wakes them, where the two sequences end, and what each entry changed. No stream
// waits for another one's client.
type hub struct {
	mu    sync.Mutex
	waked chan struct{} // closed at the next change
	wakes uint64        // so many were there
	over  chan struct{} // closed when the program ends
	ended bool
	users map[access.UserID]int
	open  int

	endMu sync.Mutex
	end   place
	asOf  uint64 // it was read after so many wakes and one more; 0: never

	figures figures
}

func newHub() *hub {
	return &hub{waked: make(chan struct{}), over: make(chan struct{}), users: make(map[access.UserID]int)}
}

// Wake tells who follows the events that something may have changed. It takes next to no time.
func (s *Surface) Wake() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.waked)
	h.waked = make(chan struct{})
	h.wakes++
}

// EndStreams ends the streams of events, for good.
func (s *Surface) EndStreams() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.ended = true
		close(h.over)
	}
}

// next gives what is closed at the next change; whoever looks afterwards misses none.
func (h *hub) next() (waked <-chan struct{}, wakes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waked, h.wakes
}

// enter counts a stream. Limited: the user has too many; Unavailable: there are too many.
func (h *hub) enter(user access.UserID) (leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var f *fault.Error
	switch {
	case h.users[user] >= streamsOfOne:
		f = fault.New(fault.Limited, "You have %d streams of events open already: close one first.", streamsOfOne)
	case h.open >= streamsMax:
		f = fault.New(fault.Unavailable, "All %d streams of events that there are room for are open.", streamsMax)
	}
	if f != nil {
		f.RetryAfter = pingEvery // by then it is known of each stream whether its client is there still
		return nil, f
	}
	h.open++
	h.users[user]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.open--
		if h.users[user]--; h.users[user] == 0 {
			delete(h.users, user)
		}
	}, nil
}

// endAfter gives where the sequences end after so many wakes, and reads it once for all who ask.
func (h *hub) endAfter(ctx context.Context, wakes uint64, read func(context.Context) (place, error)) (place, error) {
	h.endMu.Lock()
	defer h.endMu.Unlock()
	if h.asOf > wakes {
		return h.end, nil
	}
	_, now := h.next()
	end, err := read(ctx)
	if err == nil {
		h.end, h.asOf = end, now+1
	}
	return end, err
}

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
	// pingEvery is how often a stream says that it is there, and looks whether its caller may still have it.
	pingEvery = 15 * time.Second
	// stepWithin bounds how long a stream waits for the store at a time.
	stepWithin = 30 * time.Second
	// entryWithin is that for an entry: of a shared server, it may be thousands of figures that are counted.
	entryWithin = 5 * time.Minute
)

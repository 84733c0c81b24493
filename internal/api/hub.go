package api

import (
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// How many streams of a hub may be open: of one user, and of all.
const (
	StreamsOfOne = 10
	StreamsMax   = 1000
)

// PingEvery is how often a stream says that it is there, and looks whether its caller may still have it.
const PingEvery = 15 * time.Second

// Hub is what the streams of a surface share that tell of changes: what wakes them, what ends them, and how many there are. No
// stream waits for another one's client.
type Hub struct {
	mu    sync.Mutex
	waked chan struct{} // closed at the next change
	wakes uint64        // so many were there
	over  chan struct{} // closed when the program ends
	ended bool
	users map[access.UserID]int
	open  int
}

// NewHub gives one without a stream.
func NewHub() *Hub {
	return &Hub{waked: make(chan struct{}), over: make(chan struct{}), users: make(map[access.UserID]int)}
}

// Wake tells who follows that something may have changed. It takes next to no time.
func (h *Hub) Wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.waked)
	h.waked = make(chan struct{})
	h.wakes++
}

// End ends all streams, for good.
func (h *Hub) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.ended = true
		close(h.over)
	}
}

// Over is closed when the program ends.
func (h *Hub) Over() <-chan struct{} { return h.over }

// Next gives what is closed at the next change, and how many there were; whoever looks afterwards misses none.
func (h *Hub) Next() (waked <-chan struct{}, wakes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waked, h.wakes
}

// Enter counts a stream. Limited: the user has too many; Unavailable: there are too many.
func (h *Hub) Enter(user access.UserID) (leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var f *fault.Error
	switch {
	case h.users[user] >= StreamsOfOne:
		f = fault.New(fault.Limited, "You have %d streams of events open already: close one first.", StreamsOfOne)
	case h.open >= StreamsMax:
		f = fault.New(fault.Unavailable, "All %d streams of events that there are room for are open.", StreamsMax)
	}
	if f != nil {
		f.RetryAfter = PingEvery // by then it is known of each stream whether its client is there still
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

// Latest keeps what all streams of a hub ask for after a change, so that it is read once for all of them.
type Latest[T any] struct {
	mu    sync.Mutex
	value T
	asOf  uint64 // it was read after so many wakes and one more; 0: never
}

// After gives what was read after so many wakes.
func (l *Latest[T]) After(h *Hub, wakes uint64, read func() (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asOf > wakes {
		return l.value, nil
	}
	_, now := h.Next()
	value, err := read()
	if err == nil {
		l.value, l.asOf = value, now+1
	}
	return value, err
}

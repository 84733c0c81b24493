package sqlstore

import (
	"container/list"
	"sync"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

// endsMax bounds how many versions of workloads are kept at hand: some 300 bytes each.
const endsMax = 50_000

// ends keeps the histories that were appended to lately as far as the next reading needs them: reading them again takes
// longer than writing it. Each is right for one stored tip, byte by byte; so another process's appends, a rollback and a
// restored backup are noticed where the tip is read, which every append does.
type ends struct {
	mu     sync.Mutex
	known  map[usage.ServerID]*list.Element
	recent list.List // of *end, the latest first
	size   int       // versions in all of them
}

type end struct {
	server usage.ServerID
	tip    string // as stored
	*series.History
}

// take gives the history that ends in a stored tip, to the caller alone; nil: it is not at hand.
func (e *ends) take(server usage.ServerID, tip []byte) *series.History {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.known[server]
	if at == nil {
		return nil
	}
	kept := e.remove(at)
	if kept.tip != string(tip) {
		kept.Done()
		return nil
	}
	return kept.History
}

// put keeps a history whose tip was committed, and gives up those that were not asked for longest.
func (e *ends) put(last end) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = make(map[usage.ServerID]*list.Element)
	}
	if at := e.known[last.server]; at != nil { // another call was faster
		e.remove(at).Done()
	}
	last.Source = nil // its transaction is over
	e.known[last.server] = e.recent.PushFront(&last)
	for e.size += last.Versions(); e.size > endsMax; {
		e.remove(e.recent.Back()).Done()
	}
}

func (e *ends) remove(at *list.Element) *end {
	kept, _ := e.recent.Remove(at).(*end)
	delete(e.known, kept.server)
	e.size -= kept.Versions()
	return kept
}

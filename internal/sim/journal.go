package sim

import (
	"sync"
	"time"
)

// Request is one request that a server received, for tests that prove what a client never does.
type Request struct {
	At        time.Time // simulated time
	Method    string
	Path      string
	Query     string
	Endpoint  string // "license/instances"; empty for a path that does not exist
	Revision  string // x-api-version as sent
	GrantType string // of a token request
	Status    int    // 0 while it is not answered, and where it never was
}

// journalMax bounds how many requests of a server are remembered.
const journalMax = 4096

// journal is a ring of the latest requests.
type journal struct {
	mu   sync.Mutex
	ring []*Request
	next int
}

// add remembers a request and gives the function that notes its answer.
func (j *journal) add(r Request) *Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	entry := &r
	if len(j.ring) < journalMax {
		j.ring = append(j.ring, entry)
	} else {
		j.ring[j.next] = entry
		j.next = (j.next + 1) % journalMax
	}
	return entry
}

// note changes an entry under the lock.
func (j *journal) note(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

func (j *journal) all() []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Request, 0, len(j.ring))
	for i := range j.ring {
		out = append(out, *j.ring[(j.next+i)%len(j.ring)])
	}
	return out
}

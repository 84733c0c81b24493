package access

import (
	"maps"
	"sync"
	"time"
)

const (
	// actorsMax bounds the memory of the cache: about 30 MB when it is full.
	actorsMax = 100_000
	// actorsFresh is how long an actor is believed without asking the store again: a
	// log-out by another process that serves the same store is not announced.
	actorsFresh = 15 * time.Second
)

// known is what the cache keeps of a token.
type known struct {
	actor  Actor
	family string    // of a log-in
	end    time.Time // of the token
	read   time.Time // from the store
}

// actorCache answers Check for tokens that were asked lately.
type actorCache struct {
	mu     sync.RWMutex
	tokens map[TokenHash]known
	forgot uint64 // how often something was dropped
}

func (c *actorCache) get(token TokenHash, now time.Time) (Actor, bool) {
	c.mu.RLock()
	k, ok := c.tokens[token]
	c.mu.RUnlock()
	age := now.Sub(k.read)
	if !ok || !now.Before(k.end) || age > actorsFresh || age < 0 {
		return Actor{}, false
	}
	return k.actor, true
}

// generation is asked for before the store is read, for put.
func (c *actorCache) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.forgot
}

// put keeps what was read from the store, unless something was dropped meanwhile: then it may be outdated.
func (c *actorCache) put(token TokenHash, k known, began uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgot != began {
		return
	}
	if c.tokens == nil || len(c.tokens) >= actorsMax {
		c.tokens = map[TokenHash]known{}
	}
	c.tokens[token] = k
}

func (c *actorCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens = nil
	c.forgot++
}

func (c *actorCache) forgetFamily(family string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.tokens, func(_ TokenHash, k known) bool { return k.family == family })
	c.forgot++
}

package once

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Kept is for how long a key is kept at least.
const Kept = 24 * time.Hour

// The bounds of what is kept.
const (
	KeyMax  = 255      // characters
	BodyMax = 64 << 10 // bytes of an answer's body
)

// Fingerprint tells requests apart that come with one key.
type Fingerprint [sha256.Size]byte

// Request is a write as its caller names it.
type Request struct {
	User        access.UserID
	Key         string // chosen by the caller; two users' keys have nothing to do with each other
	Fingerprint Fingerprint
}

// NewRequest gives a request whose fingerprint is that of parts: all that decides what it does, such as method, path and
// body. Invalid: the key is none; field names where it came from.
func NewRequest(user access.UserID, field, key string, parts ...string) (Request, error) {
	r := Request{User: user, Key: key}
	if key == "" || len(key) > KeyMax || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return r, fault.InvalidFields("the request is not done", []fault.Field{{
			Path: field, Text: fmt.Sprintf("is 1 to %d visible characters of ASCII, such as a UUID", KeyMax),
		}})
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // so that no two lists of parts are one text
		h.Write([]byte(part))
	}
	h.Sum(r.Fingerprint[:0])
	return r, nil
}

// Done is a write that was done.
type Done struct {
	Fingerprint Fingerprint
	At          time.Time
	Answer      Answer
}

// Answer is what a write was answered with. No secret may be in it: it is kept as it is.
type Answer struct {
	Status      int // 0: no answer is kept
	ContentType string
	ETag        string
	Location    string
	Body        []byte // at most BodyMax
}

// Store keeps keys. Its writing steps, and those of all other ports of an engine, take the key of their context.
type Store interface {
	// Recall gives what was done by a user's key; NotFound where nothing was.
	Recall(ctx context.Context, user access.UserID, key string) (Done, error)
	// Remember keeps what a request was answered with. Where no step took the key of the context, since there was nothing to
	// change, it is taken now. NotFound: there is no such key; Conflict: an answer is kept already; Invalid: the body is
	// longer than BodyMax.
	Remember(ctx context.Context, user access.UserID, key string, a Answer) error
	// ForgetKeys takes out the keys that were taken before an instant, and says how many.
	ForgetKeys(ctx context.Context, before time.Time) (int, error)
}

type carriedKey struct{}

// carried is a request on its way to the step that takes its key.
type carried struct {
	Request
	taken atomic.Bool
}

// With has the next writing step of a store take the key of a request. A step that fails leaves it to the next one; the steps
// of one context come one after the other.
func With(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, carriedKey{}, &carried{Request: r})
}

// Without leaves the key of a context to others: for what goes on after the request was answered.
func Without(ctx context.Context) context.Context {
	return context.WithValue(ctx, carriedKey{}, (*carried)(nil))
}

// Pending gives the request whose key a writing step must take, for engines; false: there is none, or its key was taken.
func Pending(ctx context.Context) (Request, bool) {
	c, ok := ctx.Value(carriedKey{}).(*carried)
	if !ok || c == nil || c.taken.Load() {
		return Request{}, false
	}
	return c.Request, true
}

// Took says that a step has taken the key, for engines: after its transaction was committed.
func Took(ctx context.Context) {
	if c, ok := ctx.Value(carriedKey{}).(*carried); ok && c != nil {
		c.taken.Store(true)
	}
}

var errTaken = errors.New("the key is taken")

// Taken is the Conflict of a step whose key was taken before.
func Taken(key string) error {
	return fault.Wrap(errTaken, fault.Conflict, "a request with the key %q was done already", key)
}

// IsTaken reports whether an error is Taken.
func IsTaken(err error) bool { return errors.Is(err, errTaken) }

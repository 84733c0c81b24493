package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// An account that many servers know is locked by many that are sent one wrong password. So a password of a credential set is tried
// at one server at a time until one takes it; and where one refuses it, the others are held back until one takes it, it is
// another one, or the refused server's own wait is over. What was refused is in the ledger, for other processes and after a restart.
// A server that a person names alone is tried all the same.

const (
	// lookAgain is how long a refusal that is known is not asked of the ledger again: another process may have been told better.
	lookAgain = 30 * time.Second
	// believedFor is how long a password that was taken is sent to all at once, without another log-in with it: it may have been changed since.
	believedFor = time.Minute
	// standingKept is how long what is known of a password is kept that nobody asks for: longer than a refusal in a test holds.
	standingKept = refusedFirst
	// heldText is the gap of a server that is held back. It reaches the people of its company, and names nothing of others.
	heldText = "the account with which it is read was refused at another server; it is tried again when that account is taken"
)

// isHeld reports whether a gap is that of a server that was held back with its credential set.
func isHeld(g *usage.Gap) bool {
	return g != nil && g.Reason == usage.GapCredential && g.Text == heldText
}

// refusal is one of a credential set's present password.
type refusal struct {
	server usage.ServerID
	at     time.Time
	until  time.Time // for so long others are held back
}

func (f *refusal) holds(s usage.ServerID, now time.Time) bool {
	return f != nil && f.server != s && !now.Before(f.at) && now.Before(f.until)
}

// standing is what this process knows of one password of a credential set.
type standing struct {
	turn chan struct{} // whose turn it is to try it, while nobody took it
	used time.Time     // when it was asked for; the runner's lock is its

	mu       sync.Mutex
	taken    chan struct{} // closed: a server took it, and none refused it since
	takenAt  time.Time     // when one took it last
	refused  *refusal
	untested *refusal // by a server that is not there yet: it holds back no other ones
	looked   time.Time
	readAt   time.Time // when a server of the set was read last, as the ledger was looked at
}

// standing gives what is known of the password with which a server is logged in to; nil: it is the server's own.
func (r *Runner) standing(s *fleet.Server) *standing {
	if s.Connection == nil || s.Connection.Credential == 0 {
		return nil
	}
	mark, now := setMark(s.Connection), r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sets == nil {
		r.sets = make(map[string]*standing)
	}
	k := r.sets[mark]
	if k == nil {
		maps.DeleteFunc(r.sets, func(_ string, k *standing) bool { return len(k.turn) == 0 && now.Sub(k.used) >= standingKept })
		k = &standing{turn: make(chan struct{}, 1), taken: make(chan struct{})}
		r.sets[mark] = k
	}
	k.used = now
	return k
}

// isTaken reports whether the password is believed; the lock is held.
func (k *standing) isTaken(now time.Time) bool {
	select {
	case <-k.taken:
		age := now.Sub(k.takenAt)
		return age >= 0 && age < believedFor
	default:
		return false
	}
}

// waited gives what is closed once the password is believed.
func (k *standing) waited(now time.Time) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.isTaken(now) {
		k.doubt()
	}
	return k.taken
}

// doubt ends what was believed; the lock is held.
func (k *standing) doubt() {
	select {
	case <-k.taken:
		k.taken = make(chan struct{})
	default: // nobody believes it
	}
}

// accepted notes that a server took the password: all others go on.
func (k *standing) accepted(now time.Time) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.untested, k.takenAt = nil, nil, now
	select {
	case <-k.taken:
	default:
		close(k.taken)
	}
}

// refuse notes a refusal.
func (k *standing) refuse(f *refusal, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.looked = f, now
	k.doubt()
}

// queue waits until a server may try the password of its credential set: at once where it is believed, else one behind another.
// It is left with leave, which may be called again.
func (r *Runner) queue(ctx context.Context, s *fleet.Server) (leave func()) {
	k := r.standing(s)
	if k == nil {
		return func() {}
	}
	taken := k.waited(r.Now())
	select {
	case <-taken:
		return func() {}
	default:
	}
	select {
	case k.turn <- struct{}{}:
		return sync.OnceFunc(func() { <-k.turn })
	case <-taken:
	case <-ctx.Done(): // whoever reads notices it
	}
	return func() {}
}

// held gives the refusal for which a server is held back; nil: it may be tried. Where the ledger does not answer, what this
// process knows decides.
func (r *Runner) held(ctx context.Context, s *fleet.Server) *refusal {
	k := r.standing(s)
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := r.Now()
	if k.isTaken(now) {
		return nil
	}
	if age := now.Sub(k.looked); k.refused == nil || age < 0 || age >= lookAgain {
		if newest, read, err := r.look(ctx, s.Connection); err == nil {
			k.looked, k.readAt = now, read
			if newest != nil && (k.refused == nil || !newest.at.Before(k.refused.at)) {
				k.refused = newest
			}
			if k.refused != nil && read.After(k.refused.at) {
				k.refused = nil
			}
		}
	}
	if !k.refused.holds(s.ID, now) {
		return nil
	}
	return k.refused
}

// refusedItself gives the refusal for which a server that has a credential set waits like the others of the set: by its own
// back-off. One that comes from before another server took the password does not hold it.
func (r *Runner) refusedItself(s *fleet.Server, before *ledger.ServerReadings) *usage.Gap {
	k := r.standing(s)
	if k == nil {
		return nil
	}
	past := pastOf(before)
	gap := refusedUntil(s, before, r.Now(), past.backOff())
	if gap == nil || !refusedWith(gap, setMark(s.Connection)) {
		return gap
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isTaken(r.Now()) || k.readAt.After(gap.At) {
		return nil
	}
	return gap
}

// look asks the ledger for the newest refusal of a set's present password among its servers, and when one of them was read last.
func (r *Runner) look(ctx context.Context, c *fleet.Connection) (newest *refusal, read time.Time, err error) {
	all, err := r.Fleet.Servers(ctx)
	if err != nil {
		return nil, read, err
	}
	var ids []usage.ServerID
	for i := range all {
		if n := all[i].Connection; n != nil && n.Credential == c.Credential {
			ids = append(ids, all[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil, read, nil
	}
	readings, err := r.Ledger.Readings(ctx, ids...)
	var last *ledger.ServerReadings
	refused := 0
	for i := range readings {
		v := &readings[i]
		if v.Last != nil && v.Last.TakenAt.After(read) {
			read = v.Last.TakenAt
		}
		if refusedWith(v.Gap, setMark(c)) {
			refused++
			if last == nil || v.Gap.At.After(last.Gap.At) {
				last = v
			}
		}
	}
	if err != nil || last == nil {
		return nil, read, err
	}
	return newRefusal(last.Server, last.Gap.At, max(last.Gaps, refused)), read, nil
}

// newRefusal makes one, that holds for most of the time that the refused server itself waits after so many failures: another one is
// tried before it, so that a server that alone has another password does not hold back the others for ever.
func newRefusal(server usage.ServerID, at time.Time, failures int) *refusal {
	past := Past{Server: server, Failures: failures, Reason: usage.GapRefused}
	return &refusal{server: server, at: at, until: at.Add(past.backOff() * 2 / 3)}
}

// refusedBy notes that a server refused its present password, and gives the mark with which the ledger has it. One that refused it
// before, while another one of the set took it since, has another password: the others go on.
func (r *Runner) refusedBy(ctx context.Context, s *fleet.Server, at time.Time, before *ledger.ServerReadings) (mark string) {
	k := r.standing(s)
	if k == nil || refusedWith(before.Gap, credentialMark(s.Connection)) {
		return credentialMark(s.Connection)
	}
	if refusedWith(before.Gap, setMark(s.Connection)) {
		if _, taken, err := r.look(ctx, s.Connection); err == nil && taken.After(before.Gap.At) {
			return credentialMark(s.Connection)
		}
	}
	refused := newRefusal(s.ID, at, before.Gaps+1)
	k.refuse(refused, r.Now())
	r.Log.Warn("a credential set was refused: its other servers are held back until it is corrected ('tallystick credential edit'), or one of them takes it ('tallystick collect SERVER')",
		"credential", s.Connection.Credential, "server", s.ID, "name", s.Name, "until", refused.until)
	return setMark(s.Connection)
}

// triedInVain gives the refusal for which a server that is only tried is not.
func (r *Runner) triedInVain(ctx context.Context, s *fleet.Server) *refusal {
	if refused := r.held(ctx, s); refused != nil {
		return refused
	}
	k := r.standing(s)
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isTaken(r.Now()) || !k.untested.holds(s.ID, r.Now()) {
		return nil
	}
	return k.untested
}

// tried notes what became of a server that was only tried.
func (r *Runner) tried(s *fleet.Server, failure *Failure) {
	k := r.standing(s)
	if k == nil || failure == nil || failure.Reason != usage.GapRefused {
		return
	}
	refused := newRefusal(s.ID, r.Now(), 1)
	r.Log.Warn("a credential set was refused in a test: it is not tried at others for now", "credential", s.Connection.Credential, "name", s.Name, "until", refused.until)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.untested = refused
}

// refusedWith reports whether a gap is a refusal of the password with a mark.
func refusedWith(g *usage.Gap, mark string) bool {
	return g != nil && g.Reason == usage.GapRefused && strings.Contains(g.Text, mark)
}

// setMark is credentialMark for the password of a credential set, wherever it is sent.
func setMark(c *fleet.Connection) string {
	return fmt.Sprintf(" (credential set %d, %s)", c.Credential, digest([]byte(c.Username), c.Sealed))
}

// credentialMark tells credentials apart in the words of a refusal, so that an edited one is tried at once. It is made
// of the sealed password, of which no two are alike, and says nothing about the password.
func credentialMark(c *fleet.Connection) string {
	return " (credential " + digest([]byte(c.URL), []byte(c.Username), c.Sealed) + ")"
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write(part)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

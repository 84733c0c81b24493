package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	// heldHint ends the words of a gap of a server that was held back.
	heldHint = "; it is not tried elsewhere meanwhile, so that the account is not locked: correct it ('tallystick credential edit'), or try it at one server ('tallystick collect SERVER')"
)

// isHeld reports whether a gap is that of a server that was held back with its credential set.
func isHeld(g *usage.Gap) bool {
	return g != nil && g.Reason == usage.GapCredential && strings.HasSuffix(g.Text, heldHint)
}

// refusal is one of a credential set's present password.
type refusal struct {
	server usage.ServerID
	at     time.Time
	until  time.Time // for so long others are held back
	text   string
}

func (f *refusal) holds(s usage.ServerID, now time.Time) bool {
	return f != nil && f.server != s && !now.Before(f.at) && now.Before(f.until)
}

// standing is what this process knows of one password of a credential set.
type standing struct {
	turn chan struct{} // whose turn it is to try it, while nobody took it

	mu       sync.Mutex
	taken    chan struct{} // closed: a server took it, and none refused it since
	refused  *refusal
	untested *refusal // by a server that is not there yet: it holds back no other ones
	looked   time.Time
}

// standing gives what is known of the password with which a server is logged in to; nil: it is the server's own.
func (r *Runner) standing(s *fleet.Server) *standing {
	if s.Connection == nil || s.Connection.Credential == 0 {
		return nil
	}
	mark := setMark(s.Connection)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sets == nil {
		r.sets = make(map[string]*standing)
	}
	if r.sets[mark] == nil {
		r.sets[mark] = &standing{turn: make(chan struct{}, 1), taken: make(chan struct{})}
	}
	return r.sets[mark]
}

func (k *standing) isTaken() bool {
	select {
	case <-k.taken:
		return true
	default:
		return false
	}
}

// accepted notes that a server took the password: all others go on.
func (k *standing) accepted() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.untested = nil, nil
	if !k.isTaken() {
		close(k.taken)
	}
}

// refuse notes a refusal.
func (k *standing) refuse(f *refusal, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused, k.looked = f, now
	if k.isTaken() {
		k.taken = make(chan struct{})
	}
}

// queue waits until a server may try the password of its credential set: at once where it was taken, else one behind another.
// It is left with leave.
func (r *Runner) queue(ctx context.Context, s *fleet.Server) (leave func()) {
	k := r.standing(s)
	if k == nil {
		return func() {}
	}
	k.mu.Lock()
	taken := k.taken
	k.mu.Unlock()
	select {
	case <-taken:
		return func() {}
	default:
	}
	select {
	case k.turn <- struct{}{}:
		return func() { <-k.turn }
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
	if k.isTaken() {
		return nil
	}
	now := r.Now()
	if age := now.Sub(k.looked); k.refused == nil || age < 0 || age >= lookAgain {
		if newest, taken, err := r.look(ctx, s.Connection); err == nil {
			k.looked = now
			if newest != nil && (k.refused == nil || !newest.at.Before(k.refused.at)) {
				k.refused = newest
			}
			if k.refused != nil && taken.After(k.refused.at) {
				k.refused = nil
			}
		}
	}
	if !k.refused.holds(s.ID, now) {
		return nil
	}
	return k.refused
}

// look asks the ledger for the newest refusal of a set's present password among its servers, and when one of them was read last.
func (r *Runner) look(ctx context.Context, c *fleet.Connection) (newest *refusal, taken time.Time, err error) {
	all, err := r.Fleet.Servers(ctx)
	if err != nil {
		return nil, taken, err
	}
	names := make(map[usage.ServerID]string)
	var ids []usage.ServerID
	for i := range all {
		if n := all[i].Connection; n != nil && n.Credential == c.Credential {
			names[all[i].ID], ids = all[i].Name, append(ids, all[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil, taken, nil
	}
	readings, err := r.Ledger.Readings(ctx, ids...)
	var last *ledger.ServerReadings
	refused := 0
	for i := range readings {
		v := &readings[i]
		if v.Last != nil && v.Last.TakenAt.After(taken) {
			taken = v.Last.TakenAt
		}
		if refusedWith(v.Gap, setMark(c)) {
			refused++
			if last == nil || v.Gap.At.After(last.Gap.At) {
				last = v
			}
		}
	}
	if err != nil || last == nil {
		return nil, taken, err
	}
	return r.refusal(ctx, c, last.Server, names[last.Server], last.Gap.At, max(last.Gaps, refused)), taken, nil
}

// refusal makes one, that holds for most of the time that the refused server itself waits after so many failures: another one is
// tried before it, so that a server that alone has another password does not hold back the others for ever.
func (r *Runner) refusal(ctx context.Context, c *fleet.Connection, server usage.ServerID, name string, at time.Time, failures int) *refusal {
	set := c.Credential.String()
	if all, err := r.Fleet.Credentials(ctx); err == nil { // else its number says enough
		for i := range all {
			if all[i].ID == c.Credential {
				set = fmt.Sprintf("%q", all[i].Name)
			}
		}
	}
	past := Past{Server: server, Failures: failures, Reason: usage.GapRefused}
	return &refusal{
		server: server, at: at, until: at.Add(past.backOff() * 2 / 3),
		text: fmt.Sprintf("the credential set %s was refused at %s at %s%s", set, name, at.UTC().Format(time.DateTime+" UTC"), heldHint),
	}
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
	k.refuse(r.refusal(ctx, s.Connection, s.ID, s.Name, at, before.Gaps+1), r.Now())
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
	if k.isTaken() || !k.untested.holds(s.ID, r.Now()) {
		return nil
	}
	return k.untested
}

// tried notes what became of a server that was only tried.
func (r *Runner) tried(ctx context.Context, s *fleet.Server, failure *Failure) {
	k := r.standing(s)
	if k == nil || failure == nil || failure.Reason != usage.GapRefused {
		return
	}
	refused := r.refusal(ctx, s.Connection, s.ID, s.Name, r.Now(), 1)
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

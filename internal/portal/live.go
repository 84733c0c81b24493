package portal

import (
	"bufio"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// Wake tells open pages that something may have changed. It takes next to no time.
func (p *Portal) Wake() { p.hub.Wake() }

// EndStreams ends what open pages listen to, for good.
func (p *Portal) EndStreams() { p.hub.End() }

// end is where what is written ends.
type end struct {
	version int64 // changes with all that is committed
	entry   usage.Position
	change  int64
}

// live tells pages that what they show may have changed; they ask for it again. It says which companies it is about: what counts
// many days of one is not asked for because of others. Of a company's people, it says nothing else, so that they cannot tell how
// busy the others are.
func (p *Portal) live(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	f := &listening{Portal: p, visit: v, token: p.Token(v.Request)}
	return stream{
		ContentType: "text/event-stream", Live: true, Stream: f.run,
		Fields: []api.Field{field("X-Accel-Buffering", "no")}, // else nginx keeps events back
	}, nil
}

// listening is one browser that listens.
type listening struct {
	*Portal

	visit *visit
	token string
	at    end
}

// stepWithin bounds how long a page waits for the store at a time.
const stepWithin = 30 * time.Second

// run tells of changes until the reader has gone, is not signed in any more, or the program ends.
func (l *listening) run(out *bufio.Writer) error {
	leave, err := l.hub.Enter(l.visit.actor.User)
	if err != nil {
		return err
	}
	defer leave()
	ping := time.NewTicker(api.PingEvery)
	defer ping.Stop()
	_, wakes := l.hub.Next()
	if l.at, err = l.ends(wakes); err != nil {
		return err
	}
	text := "retry: 2000\n: here\n\n"
	if seen := l.visit.field("seen"); seen != "" && l.visit.only() == 0 && seen != strconv.FormatUint(wakes, 10) {
		text += changedEvent(anybody) // after the page was read, and before it listened
	}
	for {
		waked, wakes := l.hub.Next()
		moved, err := l.moved(wakes)
		if err != nil {
			return err
		}
		text += moved
		if _, err := out.WriteString(text); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		text = ""
		select {
		case <-waked:
		case <-ping.C:
			text = ": ping\n\n"
		case <-l.hub.Over():
			return nil
		case <-l.visit.ctx().Done():
			return l.visit.ctx().Err()
		}
		if on, err := l.allowed(); err != nil || !on {
			return err
		}
	}
}

func (l *listening) step(do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(l.visit.ctx(), stepWithin)
	defer cancel()
	return do(ctx)
}

// allowed reports whether the reader still is who it was.
func (l *listening) allowed() (is bool, err error) {
	err = l.step(func(ctx context.Context) (err error) {
		is, err = l.Access.Still(ctx, l.token, l.visit.actor)
		return err
	})
	return is, err
}

// ends gives where what is written ends, read once for all pages.
func (l *listening) ends(wakes uint64) (at end, err error) {
	err = l.step(func(ctx context.Context) (err error) {
		at, err = l.latest.After(l.hub, wakes, func() (end, error) {
			head, err := l.Ledger.Store.Head(ctx)
			if err != nil {
				return end{}, err
			}
			changes, err := l.Feed.ChangeEnds(ctx)
			return end{head.Version, head.Position, changes.Last}, err
		})
		return err
	})
	return at, err
}

// moved gives the event that something changed that the reader may see, since it was asked last; its data are the companies
// that it is about, parted by blanks. Empty: nothing did.
func (l *listening) moved(wakes uint64) (event string, err error) {
	at, err := l.ends(wakes)
	if err != nil || at == l.at {
		return "", err
	}
	before, only := l.at, l.visit.only()
	l.at = at
	concerned, err := l.concerns(before, at)
	of := only.String()
	switch {
	case err != nil:
		return "", err
	case only == 0:
		of = concerned.words()
	case !concerned.all && !slices.Contains(concerned.theirs, only):
		return "", nil
	}
	return changedEvent(of), nil
}

func changedEvent(of string) string { return "event: changed\ndata: " + of + "\n\n" }

// concern is whom something is about.
type concern struct {
	all       bool              // any company may be
	companies []usage.CompanyID // whom a provider's people are told of
	theirs    []usage.CompanyID // whose own people are told
}

// concerned keeps about whom the last changes were: pages that listen are told of the same ones, which are read once for all of them.
type concerned struct {
	mu       sync.Mutex
	from, to end
	last     concern
}

// Words for a page: it is about any company, or about so many that it may be.
const (
	anybody  = "*"
	namedMax = 100
)

func (c *concern) words() string {
	if c.all || len(c.companies) > namedMax {
		return anybody
	}
	words := make([]string, len(c.companies))
	for i, id := range c.companies {
		words[i] = id.String()
	}
	return strings.Join(words, " ")
}

// lookMax is how many entries and changes are looked through; where there are more, anybody is told.
const lookMax = 1000

// concerns says about whom something was written behind a place, up to another one.
func (l *listening) concerns(from, to end) (concern, error) {
	k := &l.concerned
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.from == from && k.to == to {
		return k.last, nil
	}
	c, err := l.lookBehind(from)
	if err == nil {
		k.from, k.to, k.last = from, to, c
	}
	return c, err
}

func (l *listening) lookBehind(from end) (c concern, err error) {
	err = l.step(func(ctx context.Context) error {
		entries, err := l.Ledger.History.Logged(ctx, from.entry, lookMax)
		if err != nil {
			return err
		}
		changes, err := l.Feed.ChangesAfter(ctx, from.change, lookMax)
		c.all = len(entries) == lookMax || len(changes) == lookMax
		for i := range entries {
			c.all = c.all || entries[i].AnyCompany
			c.companies = append(c.companies, entries[i].Companies...)
		}
		c.theirs = slices.Clone(c.companies)
		for i := range changes { // of its statements, a company's people are told when they are final
			one := &changes[i]
			c.companies = append(c.companies, one.Company)
			if one.Month == "" || one.Status == string(statement.Final) {
				c.theirs = append(c.theirs, one.Company)
			}
		}
		return err
	})
	slices.Sort(c.companies)
	c.companies = slices.Compact(c.companies)
	return c, err
}

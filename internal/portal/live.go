package portal

import (
	"bufio"
	"context"
	"slices"
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

// live tells a page that what it shows may have changed; the page asks for it again. Where the page is one company's, it is
// told besides whether something was written about that one: what counts many days is not asked for because of others. Of a
// company's people, it says nothing else, so that they cannot tell how busy the others are.
func (p *Portal) live(v *visit) (any, error) {
	f := &listening{Portal: p, visit: v, token: p.Token(v.Request), company: v.only()}
	if text := v.field("company"); text != "" {
		c, err := p.companyNamed(v, text, true)
		if err != nil {
			return nil, err
		}
		f.company = c.ID
	}
	if err := v.allow(access.Read, f.company); err != nil {
		return nil, err
	}
	return stream{
		ContentType: "text/event-stream", Live: true, Stream: f.run,
		Fields: []api.Field{field("X-Accel-Buffering", "no")}, // else nginx keeps events back
	}, nil
}

// listening is one page that listens.
type listening struct {
	*Portal

	visit   *visit
	token   string
	company usage.CompanyID // whose page it is; 0: of all
	at      end
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

// moved gives the event that something changed that the reader may see, since it was asked last; its data is the company
// whose page it is, where it concerns that one. Empty: nothing did.
func (l *listening) moved(wakes uint64) (event string, err error) {
	at, err := l.ends(wakes)
	if err != nil || at == l.at {
		return "", err
	}
	before, of := l.at, ""
	l.at = at
	if l.company != 0 {
		concerned, err := l.concerned(before)
		switch {
		case err != nil:
			return "", err
		case concerned:
			of = " " + l.company.String()
		case l.visit.only() != 0:
			return "", nil
		}
	}
	return "event: changed\ndata:" + of + "\n\n", nil
}

// lookMax is how many entries and changes are looked through for a company; where there are more, it is told of one that may not be.
const lookMax = 1000

// concerned reports whether something was written about the company behind a place.
func (l *listening) concerned(before end) (is bool, err error) {
	err = l.step(func(ctx context.Context) error {
		entries, err := l.Ledger.History.Logged(ctx, before.entry, lookMax)
		if err != nil {
			return err
		}
		changes, err := l.Feed.ChangesAfter(ctx, before.change, lookMax)
		is = len(entries) == lookMax || len(changes) == lookMax
		for i := range entries {
			is = is || entries[i].AnyCompany || slices.Contains(entries[i].Companies, l.company)
		}
		for i := range changes {
			c := &changes[i] // of its statements, a company's people are told when they are final
			is = is || c.Company == l.company && (l.visit.only() == 0 || c.Month == "" || c.Status == string(statement.Final))
		}
		return err
	})
	return is, err
}

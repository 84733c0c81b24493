package v1

import (
	"bufio"
	"context"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/ledger"
)

const (
	formEvents = "text/event-stream"
	// stepMax is how many entries and changes are read at a time.
	stepMax = 256
	// retryAfter is when a client that lost its stream comes back, in milliseconds.
	retryAfter = "2000"
)

// followEvents streams what changes, from the event on that the client has last, or from now on.
func (s *Surface) followEvents(c *call) (any, error) {
	scope := access.Provider
	if c.only() != 0 {
		scope = c.only()
	}
	if err := c.may(access.Read, scope, nil); err != nil {
		return nil, err
	}
	last, name := c.Header.Get("Last-Event-ID"), "Last-Event-ID"
	if last == "" { // what a browser sends by itself is newer than what stands in its address
		last, name = c.option("lastEventId"), "lastEventId"
	}
	f := &following{Surface: s, call: c, token: api.Token(c.Request), resume: last != ""}
	if f.resume {
		var err error
		if f.at, err = parsePlace(last); err != nil {
			c.fail(name, "%q %s", last, fault.Text(err))
			return nil, c.err()
		}
	}
	return api.Raw{
		ContentType: formEvents, Live: true, Stream: f.run,
		Fields: []api.Field{{Name: "X-Accel-Buffering", Values: []string{"no"}}}, // else nginx keeps events back
	}, nil
}

// following is one stream of events.
type following struct {
	*Surface

	call   *call
	token  string
	resume bool
	at     place
	said   place // the client knows that it stands here
	out    *bufio.Writer
	scopes map[usage.ServerID]usage.CompanyID // of the servers in what is read now
}

// run writes events until the client has gone, may not have them any more, or the program ends.
func (f *following) run(out *bufio.Writer) error {
	leave, err := f.hub.Enter(f.call.actor.User)
	if err != nil {
		return err
	}
	defer leave()
	f.out = out
	if err := f.begin(); err != nil {
		return err
	}
	ping := time.NewTicker(api.PingEvery)
	defer ping.Stop()
	for {
		waked, wakes := f.hub.Next()
		on, err := f.catchUp(wakes)
		if err == nil {
			err = out.Flush()
		}
		if err != nil || !on {
			return err
		}
		select {
		case <-waked:
		case <-ping.C:
			if on, err := f.ping(); err != nil || !on {
				return err
			}
		case <-f.hub.Over():
			return nil
		case <-f.call.ctx().Done():
			return f.call.ctx().Err()
		}
	}
}

// step bounds what is asked of the store at a time.
func (f *following) step(do func(ctx context.Context) error) error { return f.within(stepWithin, do) }

func (f *following) within(limit time.Duration, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(f.call.ctx(), limit)
	defer cancel()
	return do(ctx)
}

// ends reads where the sequences end.
func (f *following) ends(ctx context.Context) (place, error) {
	head, err := f.Ledger.Store.Head(ctx)
	if err != nil {
		return place{}, err
	}
	ends, err := f.Feed.ChangeEnds(ctx)
	return place{entry: head.Position, seq: ends.Last}, err
}

// begin finds the place from which the client wants to go on, and says so.
func (f *following) begin() error {
	lost := ""
	err := f.step(func(ctx context.Context) error {
		end, err := f.ends(ctx)
		if err != nil {
			return err
		}
		if f.resume {
			if lost, err = f.lost(ctx, end); err != nil {
				return err
			}
		}
		if !f.resume || lost != "" {
			f.at = end
		}
		return nil
	})
	if err != nil {
		return err
	}
	if lost != "" {
		return f.write(&told{eventData: eventData{Type: "reset", At: instant(f.Now()), Detail: lost}})
	}
	f.said = f.at
	_, err = f.out.WriteString("retry: " + retryAfter + "\nid: " + f.at.String() + "\n\n")
	return err
}

// lost says why the stream cannot go on where the client stands; empty: it can.
func (f *following) lost(ctx context.Context, end place) (string, error) {
	if f.at.entry > end.entry || f.at.seq > end.seq || f.at.part > 0 && f.at.entry == end.entry {
		return "The last event that you have is of a future that is not here, as after a backup was restored: read again what you keep.", nil
	}
	ends, err := f.Feed.ChangeEnds(ctx)
	if err != nil {
		return "", err
	}
	missed, err := f.History.Logged(ctx, f.at.entry, 1)
	if err != nil {
		return "", err
	}
	if f.at.seq+1 < ends.First || len(missed) > 0 && missed[0].RecordedAt.Before(f.Now().Add(-feed.Kept)) {
		return "The last event that you have is older than what is kept: read again what you keep.", nil
	}
	return "", nil
}

// ping tells the client that the stream is there, and where it stands, where that is not what it knows.
func (f *following) ping() (on bool, err error) {
	if on, err = f.allowed(); err != nil || !on {
		return on, err
	}
	text := ": ping\n\n"
	if f.said != f.at {
		text = ": ping\nid: " + f.at.String() + "\n\n"
		f.said = f.at
	}
	_, err = f.out.WriteString(text)
	return true, err
}

// allowed reports whether the caller still is who it was when the stream began.
func (f *following) allowed() (is bool, err error) {
	err = f.step(func(ctx context.Context) (err error) {
		is, err = f.Access.Still(ctx, f.token, f.call.actor)
		return err
	})
	return is, err
}

// catchUp writes all that there is, part by part, as fast as the client reads it. on: the stream goes on.
func (f *following) catchUp(wakes uint64) (on bool, err error) {
	for {
		var end place
		err := f.step(func(ctx context.Context) (err error) {
			end, err = f.latest.After(f.hub, wakes, func() (place, error) { return f.ends(ctx) })
			return err
		})
		if err != nil || f.at.entry >= end.entry && f.at.seq >= end.seq {
			return true, err
		}
		if on, err := f.allowed(); err != nil || !on {
			return on, err
		}
		if on, err := f.some(); err != nil || !on {
			return on, err
		}
	}
}

// some writes the next part.
func (f *following) some() (on bool, err error) {
	var entries []ledger.Logged
	var changes []feed.Change
	f.scopes = make(map[usage.ServerID]usage.CompanyID)
	err = f.step(func(ctx context.Context) (err error) {
		if entries, err = f.History.Logged(ctx, f.at.entry, stepMax); err != nil {
			return err
		}
		changes, err = f.Feed.ChangesAfter(ctx, f.at.seq, stepMax)
		return err
	})
	if err == nil && len(entries)+len(changes) == 0 { // what is not there is not waited for in a circle
		return false, fault.New(fault.Internal, "events are said to be there, and are not")
	}
	for i := range entries {
		if err != nil || f.isOver() {
			return false, err
		}
		err = f.within(entryWithin, func(ctx context.Context) error { return f.entry(ctx, &entries[i]) })
	}
	for i := range changes {
		if err != nil {
			return false, err
		}
		f.at.seq = changes[i].Seq
		err = f.tell(eventOf(&changes[i]))
	}
	return err == nil, err
}

func (f *following) isOver() bool {
	select {
	case <-f.hub.Over():
		return true
	default:
		return false
	}
}

// entry writes the events of an entry that the client does not have yet.
func (f *following) entry(ctx context.Context, e *ledger.Logged) error {
	begun := f.at.part
	if only := f.call.only(); only == 0 || e.AnyCompany || slices.Contains(e.Companies, only) {
		all, err := f.eventsOf(ctx, e)
		if err != nil {
			return err
		}
		for i := begun; i < len(all)-1; i++ {
			f.at.part = i + 1
			if err := f.tell(all[i]); err != nil {
				return err
			}
		}
		if begun < len(all) {
			f.at.entry, f.at.part = e.Position, 0
			return f.tell(all[len(all)-1])
		}
	}
	f.at.entry, f.at.part = e.Position, 0
	return nil
}

// tell writes an event where the caller may know of it. The stream stands behind it by then.
func (f *following) tell(t told) error {
	if !t.shownTo(f.call.actor) {
		return nil
	}
	if f.call.only() != 0 {
		t.Text = "" // of a gap: see call.gap
	}
	return f.write(&t)
}

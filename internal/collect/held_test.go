package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// heldText is what the people of a server's company read: neither the set nor another server is in it.
const heldText = "the account with which it is read was refused at another server; it is tried again when that account is taken"

// addSet adds a credential set with a password, and servers that have it.
func (w *world) addSet(password string, servers int) (set fleet.CredentialID, ids []usage.ServerID) {
	w.t.Helper()
	const name = "vbr"
	c, err := w.directory.AddCredential(w.t.Context(), fleet.NewCredential{Name: name, Username: "svc", Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range servers {
		host := fmt.Sprintf("%s%02d", name, i)
		s, err := w.directory.AddServer(w.t.Context(), fleet.NewServer{Name: host, Company: w.company, URL: "https://" + host, Credential: c.ID, ManagesSets: true})
		if err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	return c.ID, ids
}

func (w *world) rotate(set fleet.CredentialID, password string) {
	w.t.Helper()
	if _, err := w.directory.EditCredential(w.t.Context(), set, fleet.CredentialEdit{Password: &password}); err != nil {
		w.t.Fatal(err)
	}
}

// accepting lets servers take one password, which are not among those that refuse any; it counts the refusals.
func (w *world) accepting(password string, not ...usage.ServerID) (refused *atomic.Int64) {
	refused = &atomic.Int64{}
	w.collector.set(func(ctx context.Context, t collect.Target) (collect.Reading, error) {
		odd := false
		for _, id := range not {
			odd = odd || id == t.Server.ID
		}
		if odd || t.Server.Connection.Credential != 0 && t.Password != "set "+password {
			refused.Add(1)
			return collect.Reading{}, collect.Failed(usage.GapRefused, nil, "wrong password")
		}
		return w.collector.good(ctx, t)
	})
	return refused
}

func (w *world) read(ids []usage.ServerID) (good int) {
	w.t.Helper()
	for _, id := range ids {
		if r := w.readings(id); r.Last != nil && r.Gap == nil {
			good++
		}
	}
	return good
}

// TestWrongRotation: a password that is wrong goes to one server at a time, rarely, and all others say why they are not read. The
// right one is tried at once, and then goes to all.
func TestWrongRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		set, ids := s.addSet("right", 8)
		own := s.addServer("own", time.Hour)
		s.accepting("right")
		s.run()
		pass(time.Second)
		if n := s.read(ids); n != len(ids) {
			t.Fatalf("%d of %d are read at first", n, len(ids))
		}
		refused := s.accepting("right")
		s.rotate(set, "mistyped")
		s.version.Add(1)
		pass(5 * time.Minute)
		if n := refused.Load(); n != 1 {
			t.Errorf("%d servers were sent the wrong password", n)
		}
		held := 0
		for _, id := range ids {
			g := s.readings(id).Gap
			if g == nil {
				t.Fatalf("server %d has no gap", id)
			}
			if g.Reason == usage.GapCredential && g.Text == heldText {
				held++
			}
			if n := s.readings(id).Gaps; n != 1 {
				t.Errorf("server %d has %d gaps", id, n)
			}
		}
		if held != len(ids)-1 {
			t.Errorf("%d are held back", held)
		}
		pass(3 * time.Hour)
		if n := refused.Load(); n < 3 || n > 6 { // it is tried now and then: on the servers it may be right by now
			t.Errorf("%d tries of a wrong password in three hours", n)
		}
		t.Logf("%d tries of a wrong password in three hours", refused.Load())
		if n := len(s.collector.times(own.ID)); n < 3 {
			t.Errorf("a server with an account of its own is read %d times", n)
		}
		s.rotate(set, "right")
		s.version.Add(1)
		pass(time.Second)
		if n := s.read(ids); n != len(ids) {
			t.Errorf("%d of %d are read with the right password", n, len(ids))
		}
		s.stop()
	})
}

// TestPasswordChangedOnTheServers: one that was taken is refused after it was changed there; who tries one server by hand, once it is
// set right there, lets all go on.
func TestPasswordChangedOnTheServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		_, ids := s.addSet("right", 6)
		s.accepting("right")
		s.run()
		pass(time.Minute)
		refused := s.accepting("changed there")
		pass(5 * time.Hour)
		if n := refused.Load(); n < 2 || n > 7 {
			t.Errorf("%d tries in five hours", n)
		}
		t.Logf("%d tries in five hours", refused.Load())
		s.accepting("right")
		var held []usage.ServerID
		for _, id := range ids {
			if g := s.readings(id).Gap; g != nil && g.Reason == usage.GapCredential {
				held = append(held, id)
			}
		}
		if len(held) < 2 {
			t.Fatalf("%d are held back", len(held))
		}
		if o := s.another().readOne(held[0]); !o.OK() { // by another process, as the command line is
			t.Fatalf("%s", o.Text())
		}
		s.version.Add(1)
		pass(2 * time.Minute)
		if n := s.read(held); n != len(held) {
			t.Errorf("%d of %d are read", n, len(held))
		}
		s.stop()
	})
}

// TestOneServerHasAnotherPassword: it does not hold back the others, but for a while when it first says so.
func TestOneServerHasAnotherPassword(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		_, ids := s.addSet("right", 4)
		odd := ids[0]
		refused := s.accepting("right", odd)
		s.run()
		pass(20 * time.Minute)
		if n := s.read(ids); n != len(ids)-1 {
			t.Fatalf("%d of %d are read after the first refusal", n, len(ids)-1)
		}
		pass(6 * time.Hour)
		if n := refused.Load(); n < 3 {
			t.Errorf("the odd one was tried %d times", n)
		}
		for _, id := range ids[1:] {
			if n := len(s.collector.times(id)); n < 2 || s.readings(id).Gap != nil {
				t.Errorf("server %d is read %d times in six hours: %+v", id, n, s.readings(id).Gap)
			}
		}
		s.stop()
		// A process that begins anew knows it, too.
		if err := s.another().runner.ReadNow(t.Context(), nil, func(o *collect.Outcome) {
			if o.Server != odd && !o.OK() {
				t.Errorf("%s", o)
			}
		}); err != nil {
			t.Error(err)
		}
	})
}

// another is the world as a process that begins now has it.
func (w *world) another() *world {
	o := *w
	o.runner = &collect.Runner{
		Collectors: w.runner.Collectors, Ledger: w.runner.Ledger, Fleet: w.runner.Fleet, Open: w.runner.Open, Now: w.now, Log: slog.New(slog.DiscardHandler),
	}
	return &o
}

// TestCollectionsAtOnce: processes that begin together each try a wrong password once.
func TestCollectionsAtOnce(t *testing.T) {
	t.Parallel()
	c := start()
	w := newWorld(t, c.Now)
	_, ids := w.addSet("mistyped", 30)
	refused := w.accepting("right")
	var wg sync.WaitGroup
	var gaps atomic.Int64
	const processes = 2
	for range processes {
		runner := w.another().runner
		wg.Go(func() {
			if err := runner.ReadNow(t.Context(), nil, func(o *collect.Outcome) {
				if o.Gap != nil {
					gaps.Add(1)
				}
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := refused.Load(); n < 1 || n > processes {
		t.Errorf("%d servers were sent the wrong password", n)
	}
	if n := gaps.Load(); n != processes*int64(len(ids)) {
		t.Errorf("%d gaps", n)
	}
	if err := w.another().runner.ReadNow(t.Context(), nil, nil); err != nil || refused.Load() > processes {
		t.Errorf("a third one: %d, %v", refused.Load(), err)
	}
	// By name, one is tried, once a minute.
	before := refused.Load()
	var last usage.ServerID
	for _, id := range ids {
		if w.readings(id).Gap.Reason == usage.GapCredential {
			last = id
		}
	}
	for range 2 {
		if o := w.another().readOne(last); o.Gap == nil || o.Gap.Reason != usage.GapRefused {
			t.Errorf("%s", o.Text())
		}
	}
	if n := refused.Load() - before; n != 1 {
		t.Errorf("a server that is named was tried %d times", n)
	}
	w.accepting("mistyped")
	c.Add(2 * time.Minute)
	if o := w.readOne(last); !o.OK() {
		t.Errorf("%s", o.Text())
	}
	if err := w.another().runner.ReadNow(t.Context(), nil, nil); err != nil || w.read(ids) != len(ids) {
		t.Errorf("after one took it, %d are read, %v", w.read(ids), err)
	}
}

// TestSetOfTwoCompanies: the people of one company do not read of the other's servers, nor of the set; who runs the program does.
func TestSetOfTwoCompanies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	set, ids := w.addSet("mistyped", 1)
	other, err := w.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "Contoso"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := w.directory.AddServer(t.Context(), fleet.NewServer{Name: "theirs", Company: other.ID, URL: "https://theirs", Credential: set, ManagesSets: true})
	if err != nil {
		t.Fatal(err)
	}
	w.accepting("right")
	var said strings.Builder
	w.runner.Log = slog.New(slog.NewTextHandler(&said, nil))
	if o := w.readOne(ids[0]); o.Gap == nil || o.Gap.Reason != usage.GapRefused {
		t.Fatalf("%s", o.Text())
	}
	if err := w.runner.ReadNow(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if g := w.readings(theirs.ID).Gap; g == nil || g.Reason != usage.GapCredential || strings.Contains(g.Text, "vbr") || strings.Contains(g.Text, "set") {
		t.Errorf("%+v", g)
	}
	if !strings.Contains(said.String(), `msg="a credential set was refused`) || !strings.Contains(said.String(), "name=vbr00") {
		t.Error(said.String())
	}
}

// TestCollectedByAClock: a clock that collects all servers all the time sends a wrong password as rarely as the schedule, also to the
// server that refused it.
func TestCollectedByAClock(t *testing.T) {
	t.Parallel()
	c := start()
	w := newWorld(t, c.Now)
	_, ids := w.addSet("mistyped", 5)
	refused := w.accepting("right")
	collectAll := func(every time.Duration) {
		t.Helper()
		if err := w.another().runner.ReadNow(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		c.Add(every)
	}
	for range 8 {
		collectAll(time.Minute)
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("%d times in eight minutes", n)
	}
	for _, id := range ids {
		if n := w.readings(id).Gaps; n != 1 {
			t.Errorf("server %d has %d gaps", id, n)
		}
	}
	for range 60 {
		collectAll(3 * time.Minute)
	}
	if n := refused.Load(); n > 6 {
		t.Errorf("%d times in three hours", n)
	}
	t.Logf("%d times in three hours", refused.Load())
	w.accepting("mistyped")
	if o := w.another().readOne(ids[0]); !o.OK() {
		t.Fatalf("%s", o.Text())
	}
	c.Add(time.Minute)
	if collectAll(time.Minute); w.read(ids) != len(ids) {
		t.Errorf("after one took it, %d are read", w.read(ids))
	}
}

// TestChangedBehindOurBack: what was taken is not believed for ever.
func TestChangedBehindOurBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, time.Now)
		_, ids := w.addSet("right", 30)
		w.accepting("right")
		if err := w.runner.ReadNow(t.Context(), nil, nil); err != nil || w.read(ids) != len(ids) {
			t.Fatalf("%d are read, %v", w.read(ids), err)
		}
		pass(2 * time.Minute)
		var refused atomic.Int64
		w.collector.set(func(context.Context, collect.Target) (collect.Reading, error) {
			refused.Add(1)
			<-time.After(time.Second) // as long as a server takes to refuse it, in which others are asked
			return collect.Reading{}, collect.Failed(usage.GapRefused, nil, "wrong password")
		})
		if err := w.runner.ReadNow(t.Context(), nil, nil); err != nil || refused.Load() != 1 {
			t.Errorf("%d servers were sent the old password, %v", refused.Load(), err)
		}
	})
}

// TestATokenProvesNoPassword: whoever is read with a token of before lets the next one go, and not all.
func TestATokenProvesNoPassword(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start()
		w := newWorld(t, c.Now)
		_, ids := w.addSet("right", 6)
		var began atomic.Int64
		end := make(chan struct{})
		w.collector.set(func(ctx context.Context, target collect.Target) (collect.Reading, error) {
			switch began.Add(1) {
			case 1, 2:
				defer func() { <-end }()
				return w.collector.byToken(ctx, target)
			default:
				<-end
				return w.collector.good(ctx, target)
			}
		})
		ended := make(chan error)
		go func() { ended <- w.runner.ReadNow(t.Context(), nil, nil) }()
		synctest.Wait()
		if n := began.Load(); n != 3 {
			t.Errorf("%d are asked, want two with tokens and one that sends the password", n)
		}
		close(end)
		if err := <-ended; err != nil || w.read(ids) != len(ids) {
			t.Errorf("%d are read, %v", w.read(ids), err)
		}
	})
}

// TestNobodyWaitsBehindASet: while a server of a set is tried, those with other accounts are read; and once it is logged in to, all
// others of the set.
func TestNobodyWaitsBehindASet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScheduled(t)
		s.runner.Workers = 2
		_, ids := s.addSet("right", 5)
		own := s.addServer("own", time.Hour)
		var first atomic.Bool
		logIn, end := make(chan struct{}), make(chan struct{})
		s.collector.set(func(ctx context.Context, target collect.Target) (collect.Reading, error) {
			if target.Server.Connection.Credential != 0 && first.CompareAndSwap(false, true) {
				<-logIn
				target.LoggedIn(true)
				<-end
			}
			return s.collector.good(ctx, target)
		})
		s.run()
		pass(time.Minute)
		if n := s.read(ids); n != 0 || s.readings(own.ID).Last == nil {
			t.Errorf("%d of the set are read", n)
		}
		close(logIn)
		pass(time.Second)
		if n := s.read(ids); n != len(ids)-1 {
			t.Errorf("%d of the set are read once one is logged in to", n)
		}
		close(end)
		pass(time.Second)
		s.stop()
	})
}

// TestTriesOfASet: a file of servers that is tried with a wrong password sends it to one of them, and holds back no server that is there.
func TestTriesOfASet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	_, ids := w.addSet("right", 2)
	var tests atomic.Int64
	w.collector.test = func(context.Context, collect.Target) (collect.Finding, error) {
		tests.Add(1)
		return collect.Finding{}, collect.Failed(usage.GapRefused, nil, "wrong password")
	}
	one, err := w.store.Server(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var refused, held atomic.Int64
	for i := range 30 {
		wg.Go(func() {
			s := one
			s.ID, s.Name = usage.ServerID(-1-i), "new"
			err := w.runner.Try(t.Context(), &s)
			switch {
			case err == nil:
			case err.Error() == heldText:
				held.Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if tests.Load() != 1 || refused.Load() != 1 || held.Load() != 29 {
		t.Errorf("%d tests, %d refused, %d held back", tests.Load(), refused.Load(), held.Load())
	}
	if err := w.runner.ReadNow(t.Context(), nil, nil); err != nil || w.read(ids) != 2 {
		t.Errorf("%d are read, %v", w.read(ids), err)
	}
	if err := w.runner.Try(t.Context(), &one); err == nil || tests.Load() != 2 { // it was taken since
		t.Errorf("%d tests, %v", tests.Load(), err)
	}
}

// TestTriesBehindASet: rows of one set that wait for the first of them hold up no row with another account.
func TestTriesBehindASet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, start().Now)
	_, ids := w.addSet("right", 1)
	one, err := w.store.Server(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	own := w.addServer("own", time.Hour)
	begun, end := make(chan struct{}), make(chan struct{})
	w.collector.test = func(_ context.Context, target collect.Target) (collect.Finding, error) {
		if target.Server.Connection.Credential != 0 {
			begun <- struct{}{}
			<-end
			target.LoggedIn(true)
		}
		return collect.Finding{}, nil
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			s := one
			s.ID = usage.ServerID(-1 - i)
			if err := w.runner.Try(t.Context(), &s); err != nil {
				t.Error(err)
			}
		})
	}
	<-begun
	if err := w.runner.Try(t.Context(), &own); err != nil {
		t.Error(err)
	}
	close(end)
	for range 39 {
		<-begun
	}
	wg.Wait()
}

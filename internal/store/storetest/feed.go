package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

func changesOf(t testing.TB, s store.Store) []feed.Change {
	t.Helper()
	return must1(s.ChangesAfter(t.Context(), 0, 1000))(t)
}

// feedTests are about what changed beside the ledger.
var feedTests = map[string]func(*testing.T, store.Store){
	"each change of an alarm and of a statement is told": func(t *testing.T, s store.Store) {
		wantEqual(t, feed.Ends{First: 1, Last: 0}, must1(s.ChangeEnds(t.Context()))(t))
		server := oneServer(t, s) // of company 2
		shared := newServer(t, s, "shared", 0).ID
		other := newCompany(t, s, "other").ID
		holds := func(on int, v usage.ServerID, status alarm.Status, follow bool, message string) {
			t.Helper()
			must(t, s.Settle(t.Context(), v, connection, []alarm.Condition{{Template: 15, Status: status, Message: message, Follow: follow}}, day(on, 0)))
		}
		holds(2, server, alarm.StatusWarning, false, "a")
		holds(3, server, alarm.StatusWarning, false, "b") // holds still: nothing changes
		holds(4, server, alarm.StatusWarning, true, "c")  // another message
		holds(5, server, alarm.StatusError, false, "c")
		must1(s.AnswerEvent(t.Context(), 1, alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "a", Remark: "r"}, day(6, 0)))(t)
		must(t, s.Settle(t.Context(), server, connection, nil, day(7, 0)))
		holds(8, server, alarm.StatusWarning, false, "d")
		holds(9, shared, alarm.StatusWarning, false, "e")
		must(t, s.SettleCompanies(t.Context(), []alarm.TemplateID{alarm.FigureChanged}, map[usage.CompanyID][]alarm.Condition{other: {{Template: alarm.FigureChanged, Subject: "2026-09", Status: alarm.StatusWarning}}}, day(10, 0)))
		settleFinals(t, s, 1, late(2, "m"))
		first := statementOf(other, october, 1)
		saved(t, s, first)
		alarmed := func(on int, company usage.CompanyID, v usage.ServerID, id int64, status alarm.Status) feed.Change {
			return feed.Change{At: day(on, 0), Kind: feed.Alarm, Company: company, Server: v, Number: id, Status: string(status)}
		}
		got := changesOf(t, s)
		want := []feed.Change{
			alarmed(2, 2, server, 1, alarm.StatusWarning), alarmed(4, 2, server, 1, alarm.StatusWarning), alarmed(5, 2, server, 1, alarm.StatusError),
			alarmed(6, 2, server, 1, alarm.StatusAcknowledged), alarmed(7, 2, server, 1, alarm.StatusResolved), alarmed(8, 2, server, 1, alarm.StatusWarning),
			alarmed(9, usage.Unassigned, shared, 2, alarm.StatusWarning), alarmed(10, other, 0, 3, alarm.StatusWarning),
			{At: got[8].At, Kind: feed.Alarm, Company: 2, Number: 4, Status: string(alarm.StatusWarning)},
			{At: Now(), Kind: feed.Statement, Company: other, Number: 1, Month: october.String(), Status: string(first.State)},
		}
		for i := range want {
			want[i].Seq = int64(i + 1)
		}
		wantEqual(t, want, got)
		wantEqual(t, want[4:7], must1(s.ChangesAfter(t.Context(), 4, 3))(t))
		wantEqual(t, feed.Ends{First: 1, Last: 10}, must1(s.ChangeEnds(t.Context()))(t))
		wantEqual(t, 0, len(must1(s.ChangesAfter(t.Context(), 10, 9))(t)))
	},
	"whatever method changes one tells": func(t *testing.T, s store.Store) {
		n := newNeighbours(t, s)
		type state struct {
			events     []alarm.Event
			statements []statement.Statement
		}
		now := func() state {
			return state{must1(s.Events(t.Context(), 0))(t), append(must1(s.StatementsOf(t.Context(), ours))(t), must1(s.StatementsOf(t.Context(), theirs))(t)...)}
		}
		told, before, tellers := must1(s.ChangeEnds(t.Context()))(t).Last, now(), 0
		n.callAll(t, t.Context(), s, func(method string, _ error) {
			after, last := now(), must1(s.ChangeEnds(t.Context()))(t).Last
			same := slices.EqualFunc(before.events, after.events, func(a, b alarm.Event) bool {
				return a.ID == b.ID && a.Status == b.Status && a.Message == b.Message
			}) && len(before.statements) == len(after.statements)
			if same != (last == told) {
				t.Errorf("%s: what is told goes from %d to %d, and something changed: %v", method, told, last, !same)
			}
			if !same {
				tellers++
			}
			told, before = last, after
		})
		if tellers < 3 { // an answer, final statements, statements
			t.Errorf("only %d methods changed something", tellers)
		}
	},
	"what is not committed is not told": func(t *testing.T, s store.Store) {
		newCompany(t, s, "a")
		one := statementOf(2, october, 1)
		saved(t, s, one)
		again := statementOf(2, october.Next(), 1)
		if err := s.SaveStatements(t.Context(), []statement.Statement{again, one}); err == nil { // the second is there
			t.Fatal("a statement was kept twice")
		}
		wantEqual(t, 1, len(changesOf(t, s)))
	},
	"old changes are forgotten, but the last": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		for _, on := range []int{2, 3, 9, 4, 5} { // the clock went back
			must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(on, 0)))
			must(t, s.Settle(t.Context(), server, connection, nil, day(on, 0)))
		}
		all, head := changesOf(t, s), must1(s.Head(t.Context()))(t)
		forget := func(before time.Time, want int) {
			t.Helper()
			wantEqual(t, want, must1(s.ForgetChanges(t.Context(), before))(t))
			all = all[want:]
			wantEqual(t, all, changesOf(t, s))
			wantEqual(t, feed.Ends{First: all[0].Seq, Last: 10}, must1(s.ChangeEnds(t.Context()))(t))
			wantEqual(t, head, must1(s.Head(t.Context()))(t))
		}
		forget(day(2, 0), 0)
		forget(day(3, 0), 2)
		forget(day(6, 0), 2) // those behind one that is to be kept stay, so that there is no hole
		forget(day(20, 0), 5)
		forget(day(20, 0), 0)
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(20, 0)))
		wantEqual(t, int64(11), changesOf(t, s)[1].Seq)
	},
}

// feedTwice: changes that come at once, over two handles, are numbered one after the other.
func feedTwice(t *testing.T, a, b store.Store) {
	const rounds = 20
	servers := make([]usage.ServerID, 2)
	for i := range servers {
		servers[i] = newServer(t, a, fmt.Sprint("v", i), 0).ID
	}
	var wg sync.WaitGroup
	for i, s := range []store.Store{a, b} {
		wg.Go(func() {
			for range rounds {
				for _, holds := range [][]alarm.Condition{unreachable("m"), nil} {
					if err := s.Settle(t.Context(), servers[i], connection, holds, Now()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	all := changesOf(t, b)
	wantEqual(t, 4*rounds, len(all))
	of := map[usage.ServerID]int{}
	for i := range all {
		if all[i].Seq != int64(i+1) {
			t.Fatalf("change %d is the %d.", all[i].Seq, i+1)
		}
		of[all[i].Server]++
	}
	wantEqual(t, map[usage.ServerID]int{servers[0]: 2 * rounds, servers[1]: 2 * rounds}, of)
}

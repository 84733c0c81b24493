package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

var connection = []alarm.TemplateID{alarm.ServerConnection}

func unreachable(message string) []alarm.Condition {
	return []alarm.Condition{{Template: alarm.ServerConnection, Status: alarm.StatusError, Message: message}}
}

var alarmTests = map[string]func(*testing.T, store.Store){
	"the life of an event": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		settle := func(at time.Time, holds []alarm.Condition) alarm.Event {
			t.Helper()
			must(t, s.Settle(t.Context(), server, connection, holds, at))
			return must1(s.Event(t.Context(), 1))(t)
		}
		must(t, s.Settle(t.Context(), server, connection, nil, day(1, 0)))
		wantEqual(t, 0, len(must1(s.Events(t.Context(), 0))(t)))

		want := alarm.Event{
			ID: 1, Template: alarm.ServerConnection, Server: server, ServerName: "x", Company: 2, RepeatCount: 1,
			Status: alarm.StatusError, Message: "m1", At: day(2, 0), FirstAt: day(2, 0),
		}
		nonZero(t, want, "Event.Subject", "Event.Actor", "Event.Remark", "Event.Held")
		wantEqual(t, want, settle(day(2, 0), unreachable("m1")))
		head := must1(s.Head(t.Context()))(t)
		wantEqual(t, want, settle(day(3, 0), unreachable("m2"))) // holds still: nothing changes
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		want.Status, want.At = alarm.StatusResolved, day(4, 0)
		wantEqual(t, want, settle(day(4, 0), nil))
		wantEqual(t, want, settle(day(5, 0), nil))
		want.Status, want.At, want.Message, want.RepeatCount = alarm.StatusError, day(6, 0), "m3", 2
		wantEqual(t, want, settle(day(6, 0), unreachable("m3")))
	},
	"another status is a change of the same activation": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(2, 0)))
		must(t, s.Settle(t.Context(), server, connection, []alarm.Condition{{Template: 15, Status: alarm.StatusWarning, Message: "w"}}, day(3, 0)))
		got := must1(s.Event(t.Context(), 1))(t)
		wantEqual(t, []any{alarm.StatusWarning, "w", 1, day(3, 0), day(2, 0)}, []any{got.Status, got.Message, got.RepeatCount, got.At, got.FirstAt})
	},
	"a message is followed where the condition says so": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		tell := func(on int, message string, follow bool) {
			t.Helper()
			must(t, s.Settle(t.Context(), server, connection, []alarm.Condition{{Template: 15, Status: alarm.StatusWarning, Message: message, Follow: follow}}, day(on, 0)))
			got := must1(s.Event(t.Context(), 1))(t)
			wantEqual(t, []any{alarm.StatusWarning, 1, day(2, 0)}, []any{got.Status, got.RepeatCount, got.At})
		}
		tell(2, "a", false)
		tell(3, "b", false)
		wantEqual(t, "a", must1(s.Event(t.Context(), 1))(t).Message)
		tell(4, "c", true)
		wantEqual(t, "c", must1(s.Event(t.Context(), 1))(t).Message)
	},
	"what comes later is later, whatever the clock says": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(5, 0)))
		must(t, s.Settle(t.Context(), server, connection, nil, day(4, 0)))
		wantEqual(t, day(5, 0), must1(s.Event(t.Context(), 1))(t).At)
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(3, 0)))
		wantEqual(t, day(5, 0), must1(s.Event(t.Context(), 1))(t).At)
	},
	"what people say, and what became of it": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		holds := func(on int, status alarm.Status, message string) {
			t.Helper()
			must(t, s.Settle(t.Context(), server, connection, []alarm.Condition{{Template: 15, Status: status, Message: message}}, day(on, 0)))
		}
		answer := func(on int, status alarm.Status, remark string) alarm.Event {
			t.Helper()
			return must1(s.AnswerEvent(t.Context(), 1, alarm.Answer{Status: status, Actor: "jane", Remark: remark}, day(on, 0)))(t)
		}
		refused := func(status alarm.Status, code fault.Code, words ...string) {
			t.Helper()
			head := must1(s.Head(t.Context()))(t)
			_, err := s.AnswerEvent(t.Context(), 1, alarm.Answer{Status: status, Actor: "joe", Remark: "other"}, day(20, 0))
			wantCode(t, err, code, words...)
			wantEqual(t, head, must1(s.Head(t.Context()))(t))
		}
		holds(2, alarm.StatusWarning, "m1")
		got := answer(3, alarm.StatusAcknowledged, "known")
		want := alarm.Event{
			ID: 1, Template: 15, Server: server, ServerName: "x", Company: 2, RepeatCount: 1, Status: alarm.StatusAcknowledged, Message: "m1",
			At: day(3, 0), FirstAt: day(2, 0), Actor: "jane", Remark: "known", Held: alarm.StatusWarning,
		}
		nonZero(t, want, "Event.Subject")
		wantEqual(t, want, got)
		refused(alarm.StatusAcknowledged, fault.Conflict, "jane", "known")
		refused(alarm.StatusError, fault.Invalid, "Error")
		head := must1(s.Head(t.Context()))(t)
		holds(4, alarm.StatusWarning, "m2")     // holds still
		holds(4, alarm.StatusInformation, "m2") // and got better: it is known
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantEqual(t, want, must1(s.Event(t.Context(), 1))(t))

		holds(5, alarm.StatusError, "m3") // it got worse
		want.Status, want.At, want.Message, want.Actor, want.Remark, want.Held = alarm.StatusError, day(5, 0), "m3", "", "", ""
		wantEqual(t, want, must1(s.Event(t.Context(), 1))(t))
		answer(6, alarm.StatusAcknowledged, "again")
		must(t, s.Settle(t.Context(), server, connection, nil, day(7, 0)))
		holds(8, alarm.StatusError, "m4") // it came back, and nobody knows of this one
		want.RepeatCount, want.At, want.Message = 2, day(8, 0), "m4"
		wantEqual(t, want, must1(s.Event(t.Context(), 1))(t))

		got = answer(7, alarm.StatusResolved, "over") // by a clock that is behind
		want.Status, want.Actor, want.Remark = alarm.StatusResolved, "jane", "over"
		wantEqual(t, want, got)
		refused(alarm.StatusResolved, fault.Conflict, "resolved")
		refused(alarm.StatusAcknowledged, fault.Conflict, "resolved")
		must(t, s.Settle(t.Context(), server, connection, nil, day(9, 0)))
		wantEqual(t, want, must1(s.Event(t.Context(), 1))(t))
		holds(10, alarm.StatusWarning, "m5")

		step := func(on int, status alarm.Status, message, actor, remark string) alarm.Step {
			return alarm.Step{At: day(on, 0), Status: status, Message: message, Actor: actor, Remark: remark}
		}
		wantEqual(t, []alarm.Activation{
			{Number: 1, Steps: []alarm.Step{
				step(2, alarm.StatusWarning, "m1", "", ""), step(3, alarm.StatusAcknowledged, "m1", "jane", "known"), step(5, alarm.StatusError, "m3", "", ""),
				step(6, alarm.StatusAcknowledged, "m3", "jane", "again"), step(7, alarm.StatusResolved, "m3", "", ""),
			}},
			{Number: 2, Steps: []alarm.Step{step(8, alarm.StatusError, "m4", "", ""), step(8, alarm.StatusResolved, "m4", "jane", "over")}},
			{Number: 3, Steps: []alarm.Step{step(10, alarm.StatusWarning, "m5", "", "")}},
		}, must1(s.EventHistory(t.Context(), 1))(t))
	},
	"what ended long ago is forgotten": func(t *testing.T, s store.Store) {
		a := oneServer(t, s)
		b := newServer(t, s, "shared", 0).ID
		settle := func(server usage.ServerID, on int, holds []alarm.Condition) {
			t.Helper()
			must(t, s.Settle(t.Context(), server, connection, holds, day(on, 0)))
		}
		settle(a, 1, unreachable("of a"))
		must1(s.AnswerEvent(t.Context(), 1, alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "jane", Remark: "r"}, day(2, 0)))(t)
		settle(a, 3, nil)
		for on := 1; on < 7; on += 2 {
			settle(b, on, unreachable("of b"))
			settle(b, on+1, nil)
		}
		forget := func(on, want int) {
			t.Helper()
			wantEqual(t, want, must1(s.ForgetEvents(t.Context(), day(on, 0)))(t))
		}
		whole := must1(s.EventHistory(t.Context(), 2))(t)
		head := must1(s.Head(t.Context()))(t)
		forget(2, 0)
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantEqual(t, 2, len(must1(s.Events(t.Context(), 0))(t)))
		forget(3, 0) // event 1 ended then, and the first activation of event 2 before
		wantEqual(t, whole[1:], must1(s.EventHistory(t.Context(), 2))(t))
		forget(4, 1)
		_, err := s.EventHistory(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "1")
		forget(20, 0) // the newest event stays, with its latest activation: numbers are not given again
		wantEqual(t, whole[2:], must1(s.EventHistory(t.Context(), 2))(t))
		settle(b, 21, unreachable("of b"))
		settle(a, 21, unreachable("of a"))
		var ids []int64
		for _, e := range must1(s.Events(t.Context(), 0))(t) {
			ids = append(ids, e.ID, int64(e.RepeatCount))
		}
		wantEqual(t, []int64{2, 4, 3, 1}, ids)
		forget(25, 0) // what stands is not forgotten
		wantEqual(t, 2, len(must1(s.Events(t.Context(), 0))(t)))
	},
	"subjects, servers and templates stay apart": func(t *testing.T, s store.Store) {
		a := oneServer(t, s)
		b := newServer(t, s, "shared", 0).ID
		both := []alarm.TemplateID{alarm.ServerConnection, alarm.UnassignedTenant}
		tenant := func(name string) alarm.Condition {
			return alarm.Condition{Template: alarm.UnassignedTenant, Subject: name, Status: alarm.StatusWarning, Message: name}
		}
		must(t, s.Settle(t.Context(), b, both, []alarm.Condition{tenant("T"), tenant("t"), tenant("T")}, day(2, 0)))
		must(t, s.Settle(t.Context(), a, connection, unreachable("m"), day(2, 0)))
		must(t, s.Settle(t.Context(), b, connection, nil, day(3, 0)))                      // not among the templates: stays
		must(t, s.Settle(t.Context(), b, both, []alarm.Condition{tenant("t")}, day(4, 0))) // T ends
		wantCode(t, s.Settle(t.Context(), b, connection, []alarm.Condition{tenant("T")}, day(5, 0)), fault.Invalid, "1006")
		type short struct {
			ID      int64
			Subject string
			Status  alarm.Status
			Company usage.CompanyID
		}
		list := func(template alarm.TemplateID) (all []short) {
			for _, e := range must1(s.Events(t.Context(), template))(t) {
				all = append(all, short{e.ID, e.Subject, e.Status, e.Company})
			}
			return all
		}
		tenants := []short{{1, "T", alarm.StatusResolved, usage.Unassigned}, {2, "t", alarm.StatusWarning, usage.Unassigned}}
		wantEqual(t, tenants, list(alarm.UnassignedTenant))
		wantEqual(t, append(tenants, short{3, "", alarm.StatusError, 2}), list(0))
		wantEqual(t, []short(nil), list(alarm.ClockOffset))
		all := must1(s.Events(t.Context(), 0))(t)
		wantEqual(t, all[2:], must1(s.EventsOf(t.Context(), a))(t))
		wantEqual(t, all[:2], must1(s.EventsOf(t.Context(), b))(t))
	},
	"an answer is taken only when it may be": func(t *testing.T, s store.Store) {
		server := newServer(t, s, "x", newCompany(t, s, "c").ID).ID
		must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(1, 0)))
		was := must1(s.Event(t.Context(), 1))(t)
		late := fault.New(fault.Conflict, "late")
		a := alarm.Answer{Status: alarm.StatusResolved, Actor: "jane", Remark: "r", When: func(is *alarm.Event) error {
			kept := was
			kept.ServerName, kept.Company = "", 0 // they are the server's
			wantEqual(t, kept, *is)
			return late
		}}
		_, err := s.AnswerEvent(t.Context(), 1, a, day(2, 0))
		wantCode(t, err, fault.Conflict, "late")
		wantEqual(t, was, must1(s.Event(t.Context(), 1))(t))
		a.When = func(*alarm.Event) error { return nil }
		wantEqual(t, alarm.StatusResolved, must1(s.AnswerEvent(t.Context(), 1, a, day(2, 0)))(t).Status)
	},
	"unknown": func(t *testing.T, s store.Store) {
		_, err := s.Event(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "1")
		_, err = s.AnswerEvent(t.Context(), 1, alarm.Answer{Status: alarm.StatusResolved, Actor: "a", Remark: "r"}, Now())
		wantCode(t, err, fault.NotFound, "1")
		_, err = s.EventHistory(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "1")
		_, err = s.EventsOf(t.Context(), 9)
		wantCode(t, err, fault.NotFound, "9")
		wantCode(t, s.Settle(t.Context(), 9, connection, unreachable("m"), Now()), fault.NotFound, "9")
		wantCode(t, s.SettleFinals(t.Context(), late(9, "m").finals(alarm.Mark{}, 0), Now()), fault.NotFound, "9")
		wantEqual(t, alarm.Mark{}, must1(s.Mark(t.Context()))(t)) // nor is the mark moved
	},
	"the life of a company's events": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		must(t, s.Settle(t.Context(), newServer(t, s, "x", a).ID, connection, unreachable("of a server"), day(1, 0)))
		of := must1(s.Event(t.Context(), 1))(t)
		list := func() []alarm.Event { return must1(s.Events(t.Context(), 0))(t) }

		settleFinals(t, s, 2, lateIn{a, []alarm.Condition{outdated("2026-08", "m1"), outdated("2026-09", "m2")}}, late(b, "m3"))
		event := func(id int64, c usage.CompanyID, month, message string) alarm.Event {
			return alarm.Event{
				ID: id, Template: alarm.FinalOutdated, Company: c, Subject: month, RepeatCount: 1, Status: alarm.StatusWarning, Message: message,
				At: day(2, 0), FirstAt: day(2, 0),
			}
		}
		first, second, other := event(2, a, "2026-08", "m1"), event(3, a, "2026-09", "m2"), event(4, b, "2026-09", "m3")
		nonZero(t, first, "Event.Server", "Event.ServerName", "Event.Actor", "Event.Remark", "Event.Held")
		wantEqual(t, []alarm.Event{of, first, second, other}, list())
		wantEqual(t, []alarm.Event{first, second, other}, must1(s.Events(t.Context(), alarm.FinalOutdated))(t))

		head := must1(s.Head(t.Context()))(t)
		settleFinals(t, s, 3, late(b, "m3"))
		settleFinals(t, s, 4)
		wantEqual(t, head, must1(s.Head(t.Context()))(t)) // the mark was moved, and no answer rests on it

		settleFinals(t, s, 5, late(a, "m4"), late(b, "m3")) // 2026-08 ends; what is said of 2026-09 is otherwise by now
		first.Status, first.At, second.Message = alarm.StatusResolved, day(5, 0), "m4"
		wantEqual(t, []alarm.Event{of, first, second, other}, list())
		settleFinals(t, s, 6, lateIn{a, nil})
		second.Status, second.At = alarm.StatusResolved, day(6, 0)
		settleFinals(t, s, 7, late(a, "m5"))
		second.Status, second.At, second.Message, second.RepeatCount = alarm.StatusWarning, day(7, 0), "m5", 2
		wantEqual(t, []alarm.Event{of, first, second, other}, list())
		wrong := alarm.Finals{Seen: must1(s.Mark(t.Context()))(t), To: 9, Holds: map[usage.CompanyID][]alarm.Condition{a: unreachable("m")}}
		wantCode(t, s.SettleFinals(t.Context(), wrong, day(8, 0)), fault.Invalid, "15")
		wantEqual(t, []alarm.Event{of, first, second, other}, list())
	},
	"companies are settled apart from final statements": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		settleFinals(t, s, 2, late(a, "m"))
		mark := must1(s.Mark(t.Context()))(t)
		templates := []alarm.TemplateID{alarm.StatementWaiting, alarm.FigureChanged}
		settle := func(on int, holds map[usage.CompanyID][]alarm.Condition) {
			t.Helper()
			must(t, s.SettleCompanies(t.Context(), templates, holds, day(on, 0)))
		}
		moved := func(message string) []alarm.Condition {
			return []alarm.Condition{{Template: alarm.FigureChanged, Subject: "2026-09", Status: alarm.StatusWarning, Message: message}}
		}
		settle(3, map[usage.CompanyID][]alarm.Condition{a: moved("a"), b: moved("b")})
		head := must1(s.Head(t.Context()))(t)
		settle(4, map[usage.CompanyID][]alarm.Condition{a: moved("a")})
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		settle(5, map[usage.CompanyID][]alarm.Condition{a: moved("other"), b: nil})
		wantEqual(t, mark, must1(s.Mark(t.Context()))(t))
		type short struct {
			Company usage.CompanyID
			Status  alarm.Status
			Message string
		}
		var all []short
		for _, e := range must1(s.Events(t.Context(), 0))(t) {
			all = append(all, short{e.Company, e.Status, e.Message})
		}
		wantEqual(t, []short{{a, alarm.StatusWarning, "m"}, {a, alarm.StatusWarning, "other"}, {b, alarm.StatusResolved, "b"}}, all)
		wantCode(t, s.SettleCompanies(t.Context(), templates, map[usage.CompanyID][]alarm.Condition{a: unreachable("m")}, day(6, 0)), fault.Invalid, "15")
		wantCode(t, s.SettleCompanies(t.Context(), templates, map[usage.CompanyID][]alarm.Condition{9: moved("m")}, day(6, 0)), fault.NotFound, "9")
	},
	"a mark that was moved meanwhile settles nothing": func(t *testing.T, s store.Store) {
		a := newCompany(t, s, "a").ID
		seen := must1(s.Mark(t.Context()))(t)
		wantEqual(t, alarm.Mark{}, seen)
		must(t, s.SettleFinals(t.Context(), late(a, "m").finals(seen, 7), day(2, 0)))
		wantEqual(t, alarm.Mark{Position: 7, Revision: 1}, must1(s.Mark(t.Context()))(t))
		wantCode(t, s.SettleFinals(t.Context(), lateIn{a, nil}.finals(seen, 9), day(3, 0)), fault.Conflict, "meanwhile")
		wantEqual(t, alarm.Mark{Position: 7, Revision: 1}, must1(s.Mark(t.Context()))(t))
		wantEqual(t, alarm.StatusWarning, must1(s.Event(t.Context(), 1))(t).Status)
	},
	"a statement that becomes final moves the mark back to its cutoff": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b").ID
		move := func(to usage.Position) {
			t.Helper()
			must(t, s.SettleFinals(t.Context(), alarm.Finals{Seen: must1(s.Mark(t.Context()))(t), To: to}, Now()))
		}
		final := func(c usage.CompanyID, cutoff usage.Position) statement.Statement {
			one := statementOf(c, october, 1)
			one.State, one.Cutoff = statement.Final, cutoff
			return one
		}
		move(100)
		saved(t, s, statementOf(a, october.Next(), 1)) // approved: nobody asks yet
		wantEqual(t, alarm.Mark{Position: 100, Revision: 1}, must1(s.Mark(t.Context()))(t))
		must(t, s.SaveStatements(t.Context(), []statement.Statement{final(a, 60), statementOf(a, october.Next().Next(), 1), final(b, 50)}))
		wantEqual(t, alarm.Mark{Position: 49, Revision: 2, Again: true}, must1(s.Mark(t.Context()))(t))
		later := final(a, 200) // nobody was beyond the mark, but for who remembers it
		later.Number = 2
		saved(t, s, later)
		wantEqual(t, alarm.Mark{Position: 49, Revision: 3, Again: true}, must1(s.Mark(t.Context()))(t))
		move(300)
		wantEqual(t, alarm.Mark{Position: 300, Revision: 4}, must1(s.Mark(t.Context()))(t))
		wantCode(t, s.SaveStatements(t.Context(), []statement.Statement{final(a, 10)}), fault.Conflict)
		wantEqual(t, alarm.Mark{Position: 300, Revision: 4}, must1(s.Mark(t.Context()))(t))
	},
}

// lateIn is what holds of a company's final statements.
type lateIn struct {
	company usage.CompanyID
	holds   []alarm.Condition
}

func outdated(month, message string) alarm.Condition {
	return alarm.Condition{Template: alarm.FinalOutdated, Subject: month, Status: alarm.StatusWarning, Message: message}
}

// late is one final statement, of September, that facts arrived too late for.
func late(company usage.CompanyID, message string) lateIn {
	return lateIn{company, []alarm.Condition{outdated("2026-09", message)}}
}

func (l lateIn) finals(seen alarm.Mark, to usage.Position) alarm.Finals {
	return alarm.Finals{Seen: seen, To: to, Holds: map[usage.CompanyID][]alarm.Condition{l.company: l.holds}}
}

// settleFinals settles companies on a day, and leaves the mark's position as it is.
func settleFinals(t testing.TB, s store.Store, on int, companies ...lateIn) {
	t.Helper()
	f := alarm.Finals{Seen: must1(s.Mark(t.Context()))(t), Holds: make(map[usage.CompanyID][]alarm.Condition)}
	f.To = f.Seen.Position
	for _, l := range companies {
		f.Holds[l.company] = l.holds
	}
	must(t, s.SettleFinals(t.Context(), f, day(on, 0)))
}

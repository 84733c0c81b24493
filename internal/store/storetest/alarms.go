package storetest

import (
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
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
		nonZero(t, want, "Event.Subject")
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
	},
	"unknown": func(t *testing.T, s store.Store) {
		_, err := s.Event(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "1")
		wantCode(t, s.Settle(t.Context(), 9, connection, unreachable("m"), Now()), fault.NotFound, "9")
	},
}

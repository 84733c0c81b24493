package alarm_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// finder answers for statements: what it was asked is compared with what it should be.
type finder struct {
	*bench
	asked []alarm.FinalsQuery
	holds map[usage.CompanyID][]alarm.Condition
	to    usage.Position // 0: the end of the ledger
	also  func()         // is done by somebody else meanwhile
}

func (f *finder) find(ctx context.Context, q alarm.FinalsQuery) (alarm.FinalsFound, error) {
	f.asked = append(f.asked, q)
	head, err := f.store.Head(ctx)
	if f.also != nil {
		f.also()
	}
	found := alarm.FinalsFound{To: head.Position, Holds: f.holds}
	if f.to > 0 {
		found.To = f.to
	}
	return found, err
}

// looks checks final statements, and fails unless they were asked for so.
func (f *finder) looks(want ...alarm.FinalsQuery) {
	f.t.Helper()
	f.asked = nil
	if err := f.alarms.CheckFinals(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	for i := range want {
		if want[i].Standing == nil {
			want[i].Standing = map[usage.CompanyID][]string{}
		}
	}
	if d := cmp.Diff(want, f.asked); d != "" {
		f.t.Errorf("want (-), asked (+)\n%s", d)
	}
}

func (f *finder) mark() alarm.Mark {
	f.t.Helper()
	m, err := f.store.Mark(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *finder) marked(want alarm.Mark) {
	f.t.Helper()
	if got := f.mark(); got != want {
		f.t.Errorf("the mark is %+v, want %+v", got, want)
	}
}

// head appends a reading and gives its position.
func (f *finder) head(s fleet.Server) usage.Position {
	f.t.Helper()
	f.at = f.at.Add(1e9)
	f.append(s, nil)
	return f.end()
}

func (f *finder) end() usage.Position {
	f.t.Helper()
	head, err := f.store.Head(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return head.Position
}

func newFinder(t *testing.T) (*finder, fleet.Server) {
	t.Helper()
	f := &finder{bench: newBench(t)}
	f.alarms.FindFinals = f.find
	s := f.add(fleet.NewServer{Name: "a", InstallationID: "i"})
	return f, s
}

// restart begins anew, as another process would.
func (f *finder) restart() {
	f.alarms = &alarm.Service{Store: f.store, Ledger: f.ledger, Servers: f.store, Companies: f.store, FindFinals: f.find, Now: f.alarms.Now}
}

func after(p usage.Position) alarm.FinalsQuery { return alarm.FinalsQuery{After: p} }

func late(message string) alarm.Condition {
	return alarm.Condition{Template: alarm.FinalOutdated, Subject: "2026-09", Status: alarm.StatusWarning, Message: message}
}

// While there is nothing to look at, nothing is written but now and then; a restart looks again only at what came since.
func TestTheMarkMovesSeldom(t *testing.T) {
	t.Parallel()
	f, s := newFinder(t)
	f.looks(after(0))
	f.looks() // nothing changed
	first := f.head(s)
	f.looks(after(first - 1))
	second := f.head(s)
	f.looks(after(first))
	f.marked(alarm.Mark{})
	f.restart()
	f.looks(after(0))
	f.head(s)
	f.to = 4096
	f.looks(after(second))
	f.marked(alarm.Mark{Position: 4096, Revision: 1})
	f.restart()
	f.looks() // which is beyond the end
}

// What stands is asked about with what arrived, and ends when it does not hold any more.
func TestAlarmsOfFinalStatements(t *testing.T) {
	t.Parallel()
	f, s := newFinder(t)
	c := f.company.ID
	begin := f.end()
	f.holds = map[usage.CompanyID][]alarm.Condition{c: {late("m")}, usage.Unassigned: {}}
	f.looks(after(0))
	f.marked(alarm.Mark{Position: begin, Revision: 1})
	version := func() int64 {
		head, err := f.store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return head.Version
	}
	f.holds = nil
	f.looks() // the alarm is a change, and nothing arrived
	standing := map[usage.CompanyID][]string{c: {"2026-09"}}
	one := f.head(s)
	f.looks(alarm.FinalsQuery{After: begin, Standing: standing})
	f.marked(alarm.Mark{Position: begin, Revision: 1})

	before := version()
	f.holds = map[usage.CompanyID][]alarm.Condition{c: {late("m")}}
	two := f.head(s)
	f.looks(alarm.FinalsQuery{After: one, Standing: standing})
	f.marked(alarm.Mark{Position: two, Revision: 2})
	if got := version() - before; got != 1 { // the reading
		t.Errorf("what holds still was written: %d changes", got)
	}

	f.holds = map[usage.CompanyID][]alarm.Condition{c: nil}
	f.restart()
	three := f.head(s)
	f.looks(alarm.FinalsQuery{After: two, Standing: standing})
	f.marked(alarm.Mark{Position: three, Revision: 3})
	events, err := f.store.Events(t.Context(), alarm.FinalOutdated)
	if err != nil || len(events) != 1 || events[0].Status != alarm.StatusResolved || events[0].Company != c || events[0].Server != 0 {
		t.Errorf("%+v, %v", events, err)
	}
	f.holds = nil
	f.looks() // the mark alone is no change
	four := f.head(s)
	f.looks(after(three))
	f.holds = map[usage.CompanyID][]alarm.Condition{c: {late("again")}}
	f.head(s)
	f.looks(after(four))
	if events, err = f.store.Events(t.Context(), alarm.FinalOutdated); err != nil || len(events) != 1 || events[0].RepeatCount != 2 {
		t.Errorf("%+v, %v", events, err)
	}
}

// Of two that look at once, the one that is late looks again, at what the other left.
func TestTwoLookForLateFacts(t *testing.T) {
	t.Parallel()
	f, s := newFinder(t)
	c := f.company.ID
	f.looks(after(0))
	old := f.end()
	f.holds = map[usage.CompanyID][]alarm.Condition{c: nil} // as of now: it fits
	f.also = func() {                                       // and meanwhile it does not any more, and somebody else found that
		f.also = nil
		f.head(s)
		other := alarm.Finals{Seen: f.mark(), To: f.end(), Holds: map[usage.CompanyID][]alarm.Condition{c: {late("m")}}}
		if err := f.store.SettleFinals(t.Context(), other, f.at); err != nil {
			t.Fatal(err)
		}
	}
	one := f.head(s)
	f.looks(after(old)) // then there is nothing left
	events, err := f.store.Events(t.Context(), alarm.FinalOutdated)
	if err != nil || len(events) != 1 || events[0].Status != alarm.StatusWarning {
		t.Errorf("%+v, %v", events, err)
	}
	f.marked(alarm.Mark{Position: one + 1, Revision: 1})

	// Somebody who is quicker each time is an error in the end.
	f.holds = map[usage.CompanyID][]alarm.Condition{c: nil}
	f.also = func() {
		f.head(s)
		if err := f.store.SettleFinals(t.Context(), alarm.Finals{Seen: f.mark(), To: f.mark().Position}, f.at); err != nil {
			t.Fatal(err)
		}
	}
	f.head(s)
	if err := f.alarms.CheckFinals(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Errorf("want a conflict, got %v", err)
	}
}

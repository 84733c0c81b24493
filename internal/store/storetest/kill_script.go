package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// sides are those who append at once in the kill test, by their server: one has an importer and more beside its reader.
var sides = [...]usage.ServerID{1, 1, 1, 1, 2, 2, 3, 4, 5, 6}

var killServers = []usage.ServerID{1, 2, 3, 4, 5, 6}

// KillServers fills an empty store with the servers of the kill test, of company 2; there is a company 3, too.
func KillServers(t testing.TB, s store.Store) {
	t.Helper()
	c := newCompany(t, s, "a")
	newCompany(t, s, "b")
	for _, server := range killServers {
		newServer(t, s, fmt.Sprint("server ", server), c.ID)
	}
}

// Append names one step of the kill test: the same in every process that makes it. Each side makes its steps one after
// the other, as a console's collector and its operator do in a year.
type Append struct{ Side, Number int }

// what a step appends.
type what int

const (
	aReading what = iota
	aReadingWithoutList
	aGap
	aWrongReading
	aCorrection // of the wrong reading before it
	someFacts
)

// The sides do not go in step; none begins with a correction.
func (a Append) what() what {
	return [...]what{
		aReading, aReading, aReading, aReading, aGap, aReading, aReading, aReadingWithoutList, aWrongReading, aCorrection, someFacts, aReading,
	}[(a.Number+4*a.Side)%12]
}

// repeatable: appended again, it is a Duplicate. A correction and a fact are not, nor is a reading that was revoked.
func (a Append) repeatable() bool {
	return slices.Contains([]what{aReading, aReadingWithoutList, aGap}, a.what())
}

func (a Append) before() Append { return Append{a.Side, a.Number - 1} }

func (a Append) server() usage.ServerID { return sides[a.Side] }

// All steps are made after killStart, and after the servers were added.
var (
	killStart = day(2, 0)
	killEnd   = killStart.AddDate(10, 0, 0)
)

// at is the step's instant, which no other of its server has. Sides that share a server come late after each other.
func (a Append) at() time.Time {
	odd := time.Duration(a.Number*7919+a.Side*104_729) % 1_000_000 * time.Microsecond
	return killStart.Add(time.Duration(a.Number)*time.Hour + time.Duration(a.Side)*time.Minute + odd)
}

// stepAt is at the other way round.
func stepAt(server usage.ServerID, at time.Time) (Append, error) {
	passed := at.Sub(killStart)
	a := Append{int(passed % time.Hour / time.Minute), int(passed / time.Hour)}
	if passed < 0 || a.Side >= len(sides) || a.server() != server || !a.at().Equal(at) {
		return a, fmt.Errorf("nobody appended anything of server %d at %v", server, at)
	}
	return a, nil
}

// now is the clock when the step is made: when it is recorded follows from the order alone.
func (a Append) now() time.Time { return a.at().Add(time.Minute) }

// snapshot lists some dozen machines: most say what the one before said, in some only dates of protection moved, and in
// some machines came and went. A wrong one lists none at all.
func (a Append) snapshot() *usage.Snapshot {
	var ids []string
	for i := range 20 + a.Number/12%5 {
		ids = append(ids, fmt.Sprintf("4225a1b2-0000-4000-%04d-%012d", a.server(), a.Number/12+i))
	}
	if a.what() == aWrongReading {
		ids = nil
	}
	s := snapshotOf(a.at(), fmt.Sprintf("installation %d of %d", a.Number/90, a.server()), ids...)
	for i := range s.Workloads[:len(s.Workloads)/2] {
		s.Workloads[i].FirstProtectedAt = &killStart
		s.Workloads[i].LastProtectedAt = ref(killStart.Add(time.Duration(a.Number/4)*24*time.Hour + time.Duration(i)*time.Second))
	}
	if a.what() == aReadingWithoutList {
		s.Workloads = nil
	}
	return s
}

func (a Append) gap() usage.Gap {
	reason := []usage.GapReason{usage.GapTimeout, usage.GapPartial}[a.Number/12%2]
	return usage.Gap{At: a.at(), Reason: reason, Text: fmt.Sprint("no answer at step ", a.Number)}
}

func (a Append) correction(wrong usage.Position) ledger.Correction {
	return ledger.Correction{Entry: wrong, Reason: fmt.Sprint("step ", a.Number), Actor: fmt.Sprint("side ", a.Side)}
}

// facts are recorded together: the domain, then the company.
func (a Append) facts() []usage.Fact {
	company := usage.CompanyID(2 + a.Number/12%2)
	return []usage.Fact{
		serverFact(a.server(), usage.AttrDomain, fmt.Sprint("domain ", a.Number), a.at()),
		serverFact(a.server(), usage.AttrCompany, company.String(), a.at()),
	}
}

// append makes the step and gives where it lies, of facts where the first does; before is where the step before it lies.
func (a Append) append(ctx context.Context, s store.Store, before usage.Position) (ledger.Receipt, error) {
	switch a.what() {
	case aGap:
		return s.AppendGap(ctx, a.server(), a.gap(), a.now())
	case aCorrection:
		return s.AppendCorrection(ctx, a.correction(before), a.now())
	case someFacts:
		if err := s.RecordFacts(ctx, a.facts(), a.now()); err != nil {
			return ledger.Receipt{}, err
		}
		position, err := a.domainAt(ctx, s)
		return ledger.Receipt{Position: position}, err
	default:
		return s.AppendSnapshot(ctx, a.server(), a.snapshot(), a.now())
	}
}

func (a Append) domainAt(ctx context.Context, s store.Store) (usage.Position, error) {
	facts, err := s.SubjectFacts(ctx, usage.ServerSubject(a.server()), usage.AttrDomain)
	if err != nil {
		return 0, err
	}
	for _, f := range facts {
		if f.ValidFrom.Equal(a.at()) {
			return f.Position, nil
		}
	}
	return 0, fmt.Errorf("the facts of %v were recorded and are not there", a)
}

package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/record"
	"github.com/tallystick/tallystick/internal/store"
)

// edgeTests are about what engines compare and order in ways of their own.
var edgeTests = map[string]func(*testing.T, store.Store){
	"ids compare by their bytes": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		one, two := newServer(t, s, "one", c).ID, newServer(t, s, "two", c).ID
		for i, installation := range []string{"straße", "STRASSE", "Straße", "straße ", "strasse"} {
			appendAll(t, s, one, snapshotOf(day(2, i), installation, "w"))
			appendAll(t, s, two, snapshotOf(day(2, i), "stra\u00dfe"))
			cloned := installation == "straße"
			f := factsAt(t, s, c, day(2, i), everything)
			wantEqual(t, []bool{cloned, cloned}, []bool{f.Servers[0].Cloned, f.Servers[1].Cloned})
		}
		u := newUser(t, s, "u").ID
		for n, family := range []string{"f", "F", "f "} {
			must(t, s.AddSession(t.Context(), pairOf(family, u, byte(n)), Now()))
		}
		must(t, s.EndFamily(t.Context(), "f"))
		for n, there := range []bool{false, true, true} {
			wantSession(t, s, pairOf([]string{"f", "F", "f "}[n], u, byte(n)), there)
		}
	},
	"workloads of many alphabets come by their bytes": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		ids := []string{"-", "10", "9", "A", "Z", "_", "a", "z", "Ä", "ß", "ä", "б", "中", "\U0001f4be"}
		given := slices.Clone(ids)
		slices.Reverse(given)
		appendAll(t, s, server, snapshotOf(day(2, 0), "i", given...))
		wantEqual(t, ids, listed(factsAt(t, s, 2, Now(), everything))[server])
	},
	"what no name can hold is unknown": func(t *testing.T, s store.Store) {
		newUser(t, s, "u")
		for _, name := range []string{"", "u\x00", "\x00", "u\xff", "\xed\xa0\x80", "u'; --", "%", "_"} {
			_, err := s.UserByName(t.Context(), name)
			wantCode(t, err, fault.NotFound)
		}
	},
	"ties: the later entry wins": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		must(t, s.RecordFacts(t.Context(), []usage.Fact{
			serverFact(server, usage.AttrDomain, "first", day(2, 0)), serverFact(server, usage.AttrDomain, "second", day(2, 0)),
		}, Now()))
		must(t, s.RecordFacts(t.Context(), []usage.Fact{serverFact(server, usage.AttrDomain, "third", day(2, 0))}, Now()))
		wantEqual(t, "third", factsAt(t, s, 2, day(2, 0), everything).Servers[0].Domain)
		for _, reason := range []usage.GapReason{usage.GapTLS, usage.GapTimeout, usage.GapPartial, usage.GapRefused} {
			must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(3, 0), Reason: reason}, Now()))(t)
		}
		r := must1(s.Readings(t.Context()))(t)[0]
		wantEqual(t, []any{usage.GapRefused, day(3, 0)}, []any{r.Gap.Reason, *r.PartialSince})
	},
	"ties: servers that were read at one instant stay apart": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		want := make(map[usage.ServerID][]string)
		for i := range 5 {
			id := newServer(t, s, fmt.Sprint("s", i), c).ID
			want[id] = []string{fmt.Sprint("w", i)}
			appendAll(t, s, id, snapshotOf(day(2, 0), "", want[id]...))
		}
		wantEqual(t, want, listed(factsAt(t, s, c, day(2, 0), everything)))
		for id, ids := range listed(factsAt(t, s, c, day(2, 0).Add(-time.Microsecond), everything)) {
			wantEqual(t, 0, len(ids))
			delete(want, id)
		}
		wantEqual(t, 0, len(want)) // unknown before, and there
	},
	"the ends of time": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		first, last := time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9998, 12, 31, 23, 59, 59, 999999000, time.UTC)
		appendAll(t, s, server, snapshotOf(last, "i", "z"), snapshotOf(first, "i", "a"))
		for at, want := range map[time.Time]string{first: "a", last.Add(-time.Microsecond): "a", last: "z"} {
			wantEqual(t, []string{want}, listed(factsAt(t, s, 2, at, everything))[server])
		}
		wantEqual(t, last, must1(s.Facts(t.Context(), 2, usage.ProductVBR, first, everything))(t).Next)
	},
	"what is read is one state": func(t *testing.T, s store.Store) {
		const servers, rounds = 5, 20
		c := newCompany(t, s, "a").ID
		for i := range servers {
			newServer(t, s, fmt.Sprint("s", i), c)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for round := range rounds { // a server never fails in a round before those in front of it did
				for id := range usage.ServerID(servers) {
					if _, err := s.AppendGap(t.Context(), id+1, usage.Gap{At: day(2, round), Reason: usage.GapTLS}, Now()); err != nil {
						t.Error(err)
					}
				}
			}
		}()
		defer func() { <-done }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			before := day(3, 0)
			for _, r := range must1(s.Readings(t.Context()))(t) {
				var at time.Time
				if r.Gap != nil {
					at = r.Gap.At
				}
				if at.After(before) {
					t.Fatalf("server %d failed at %v, and the one before it was seen as of %v", r.Server, at, before)
				}
				before = at
			}
		}
	},
	"companies hear nothing of each other": func(t *testing.T, s store.Store) {
		a, b := newCompany(t, s, "a", fleet.Tenant{Name: "T"}).ID, newCompany(t, s, "b", fleet.Tenant{Name: "U"}).ID
		ofA, ofB, shared := newServer(t, s, "a", a).ID, newServer(t, s, "b", b).ID, newServer(t, s, "shared", 0).ID
		appendAll(t, s, ofA, snapshotOf(day(2, 0), "i", "a1"))
		appendAll(t, s, ofB, snapshotOf(day(2, 0), "j", "b1"))
		appendAll(t, s, shared, snapshotOf(day(2, 0), "k", "T/a2", "U/b2", "t/nobody"))
		for company, want := range map[usage.CompanyID]map[usage.ServerID][]string{
			a: {ofA: {"a1"}, shared: {"a2"}}, b: {ofB: {"b1"}, shared: {"b2"}}, usage.Unassigned: {shared: {"nobody"}}, 77: {},
		} {
			wantEqual(t, want, listed(factsAt(t, s, company, day(2, 0), everything)))
		}
		for _, server := range []usage.ServerID{ofA, ofB, shared} {
			must(t, s.Settle(t.Context(), server, connection, unreachable("m"), day(3, 0)))
		}
		var owners []usage.CompanyID
		for _, e := range must1(s.Events(t.Context(), 0))(t) {
			owners = append(owners, e.Company)
		}
		wantEqual(t, []usage.CompanyID{a, b, usage.Unassigned}, owners)
		wantEqual(t, []fleet.Tenant{{Name: "T"}}, must1(s.Company(t.Context(), a))(t).Tenants)
	},
}

// rivalTests have two handles do the same at once, as two processes would.
var rivalTests = map[string]func(*testing.T, store.Store, store.Store){
	"clocks that disagree": func(t *testing.T, a, b store.Store) {
		server := oneServer(t, a)
		var last ledger.Receipt
		for i, ahead := range []time.Duration{time.Hour, 0, -time.Hour, time.Hour, 2 * time.Hour, 0} {
			r := must1([]store.Store{a, b}[i%2].AppendGap(t.Context(), server, usage.Gap{At: day(2, i), Reason: usage.GapTLS}, Now().Add(ahead)))(t)
			if i > 0 && (r.Position != last.Position+1 || !r.RecordedAt.After(last.RecordedAt)) {
				t.Fatalf("%+v after %+v", r, last)
			}
			last = r
		}
	},
	"one name is given once": func(t *testing.T, a, b store.Store) {
		for i := range 8 {
			wantOne(t, a, b, fault.Conflict, func(s store.Store, n int) error {
				_, err := s.AddCompany(t.Context(), fleet.Company{UID: fmt.Sprint(i, n), Name: fmt.Sprint("name", i), CreatedAt: Now()}, nil, Now())
				return err
			})
			wantOne(t, a, b, fault.Conflict, func(s store.Store, _ int) error {
				_, err := s.AddUser(t.Context(), access.User{Name: fmt.Sprint("name", i), Role: access.PortalAdministrator})
				return err
			})
		}
		wantEqual(t, 8, len(must1(a.Companies(t.Context()))(t)))
		wantEqual(t, 8, len(must1(b.Users(t.Context()))(t)))
	},
	"one server's name is given once": func(t *testing.T, a, b store.Store) {
		for i := range 8 {
			wantOne(t, a, b, fault.Conflict, func(s store.Store, _ int) error {
				_, err := s.AddServer(t.Context(), fleet.Server{Name: fmt.Sprint("name", i), Product: usage.ProductVBR}, factsOf(fleet.Server{}, Now()), nil, Now())
				return err
			})
		}
		wantEqual(t, 8, len(must1(a.Servers(t.Context()))(t)))
	},
	"one tenant is claimed once": func(t *testing.T, a, b store.Store) {
		two := []fleet.Company{newCompany(t, a, "a"), newCompany(t, a, "b")}
		for i := range 8 {
			wantOne(t, a, b, fault.Conflict, func(s store.Store, n int) error {
				return s.UpdateCompany(t.Context(), two[n], []usage.Fact{tenantFact(0, fmt.Sprint("T", i), two[n].ID.String(), Now())}, Now())
			})
		}
		wantEqual(t, 8, len(must1(b.Company(t.Context(), 2))(t).Tenants)+len(must1(b.Company(t.Context(), 3))(t).Tenants))
	},
	"one record has a name": func(t *testing.T, a, b store.Store) {
		for i := range 8 {
			text := fmt.Sprint("n", i)
			free := func(others []record.Record) error {
				if slices.ContainsFunc(others, func(r record.Record) bool { return r.Body == text }) {
					return fault.New(fault.Conflict, "taken")
				}
				return nil
			}
			wantOne(t, a, b, fault.Conflict, func(s store.Store, _ int) error {
				_, err := s.AddRecord(t.Context(), record.Record{Kind: "k", Body: text}, Now(), free)
				return err
			})
		}
		wantEqual(t, 8, len(must1(b.Records(t.Context(), "k", record.Below{}))(t)))
	},
	"no company rests on a record that is gone": func(t *testing.T, a, b store.Store) {
		c := newCompany(t, a, "c")
		for range 16 {
			r := newRecord(t, a, fleet.KindPlan, 0, 0)
			errs := make([]error, 2)
			both(a, b, func(s store.Store, n int) {
				if n == 0 {
					c.Profile.Plan = r.ID
					errs[n] = s.UpdateCompany(t.Context(), c, nil, Now())
				} else {
					gone := r
					gone.RemovedAt = ref(Now())
					errs[n] = s.UpdateRecord(t.Context(), gone, Now())
				}
			})
			if errs[0] == nil {
				wantCode(t, errs[1], fault.Conflict, c.ID.String())
			} else {
				wantCode(t, errs[0], fault.NotFound, fmt.Sprint(r.ID))
				must(t, errs[1])
			}
			c = must1(b.Company(t.Context(), c.ID))(t)
		}
	},
	"one entry is revoked once, one gap is one": func(t *testing.T, a, b store.Store) {
		server := oneServer(t, a)
		for i := range 8 {
			entry := appendAll(t, a, server, snapshotOf(day(2, i), "i", "w"))
			wantOne(t, a, b, fault.Conflict, func(s store.Store, _ int) error {
				_, err := s.AppendCorrection(t.Context(), ledger.Correction{Entry: entry, Reason: "r", Actor: "a"}, Now())
				return err
			})
			receipts := make([]ledger.Receipt, 2)
			both(a, b, func(s store.Store, n int) {
				receipts[n], _ = s.AppendGap(t.Context(), server, usage.Gap{At: day(2, i), Reason: usage.GapTLS}, Now())
			})
			if receipts[0].Position != receipts[1].Position || receipts[0].Duplicate == receipts[1].Duplicate {
				t.Fatalf("%+v", receipts)
			}
		}
	},
	"changes of one row are both there": func(t *testing.T, a, b store.Store) {
		v := fullServer(newCompany(t, a, "a").ID)
		v.RemovedAt = nil
		v = must1(a.AddServer(t.Context(), v, factsOf(v, Now()), nil, Now()))(t)
		u := newUser(t, a, "u")
		for i := range 8 {
			both(a, b, func(s store.Store, n int) {
				var err error
				if n == 0 {
					err = s.NoteRevision(t.Context(), v.ID, fmt.Sprint("r", i))
				} else {
					err = s.RecordFacts(t.Context(), []usage.Fact{serverFact(v.ID, usage.AttrDomain, fmt.Sprint("d", i), Now())}, Now())
				}
				if err != nil {
					t.Error(err)
				}
				if err := s.UpdateUser(t.Context(), u.ID, access.UserChange{}, false); err != nil {
					t.Error(err)
				}
			})
			got := must1(b.Server(t.Context(), v.ID))(t)
			wantEqual(t, []string{fmt.Sprint("r", i), fmt.Sprint("d", i)}, []string{got.Connection.Revision, got.Domain})
		}
	},
	"one snapshot is appended once": func(t *testing.T, a, b store.Store) {
		server := oneServer(t, a)
		for i := range 8 {
			receipts := make([]ledger.Receipt, 2)
			both(a, b, func(s store.Store, n int) {
				r, err := s.AppendSnapshot(t.Context(), server, snapshotOf(day(2, i), "i", fmt.Sprint("w", i)), Now())
				if err != nil {
					t.Error(err)
				}
				receipts[n] = r
			})
			if receipts[0].Position != receipts[1].Position || receipts[0].Duplicate == receipts[1].Duplicate {
				t.Fatalf("%+v", receipts)
			}
		}
	},
	"one refresh token is used once": func(t *testing.T, a, b store.Store) {
		u := newUser(t, a, "u").ID
		for i := range byte(8) {
			family := fmt.Sprint("f", i)
			must(t, a.AddSession(t.Context(), pairOf(family, u, 3*i), Now()))
			wantOne(t, a, b, fault.Unauthenticated, func(s store.Store, n int) error {
				_, err := s.RotateSession(t.Context(), pairOf(family, u, 3*i).Refresh, pairOf(family, u, 3*i+1+byte(n)), Now())
				return err
			})
			for n := range byte(3) {
				wantSession(t, b, pairOf(family, u, 3*i+n), false) // the second use ended the family
			}
		}
	},
	"what is revoked while it is refreshed does not live on": func(t *testing.T, a, b store.Store) {
		u := newUser(t, a, "u").ID
		for i := range byte(16) {
			family := fmt.Sprint("f", i)
			old, next := pairOf(family, u, 3*i), pairOf("", 0, 3*i+1)
			must(t, a.AddSession(t.Context(), old, Now()))
			both(a, b, func(s store.Store, n int) {
				var err error
				if n == 0 {
					_, err = s.RotateSession(t.Context(), old.Refresh, next, Now())
					if fault.Is(err, fault.Unauthenticated) { // it was too late
						err = nil
					}
				} else {
					_, err = s.EndSessions(t.Context(), u, []string{family, ""}[i%2], Now())
				}
				if err != nil {
					t.Error(err)
				}
			})
			for _, s := range []store.Store{a, b} {
				wantSession(t, s, old, false)
				wantSession(t, s, next, false)
				wantEqual(t, 0, len(must1(s.SessionsOf(t.Context(), u, 9, Now()))(t)))
			}
			_, err := a.RotateSession(t.Context(), next.Refresh, pairOf("", 0, 3*i+2), Now())
			wantCode(t, err, fault.Unauthenticated)
		}
	},
	"one event is raised once": func(t *testing.T, a, b store.Store) {
		server := oneServer(t, a)
		for i := range 8 {
			both(a, b, func(s store.Store, _ int) {
				if err := s.Settle(t.Context(), server, connection, unreachable("m"), day(2, i)); err != nil {
					t.Error(err)
				}
			})
			events := must1(b.Events(t.Context(), 0))(t)
			wantEqual(t, []int{1, i + 1}, []int{len(events), events[0].RepeatCount})
			must(t, b.Settle(t.Context(), server, connection, nil, day(2, i)))
		}
	},
}

// both runs do on both handles at once.
func both(a, b store.Store, do func(s store.Store, n int)) {
	var wg sync.WaitGroup
	for n, s := range []store.Store{a, b} {
		wg.Go(func() { do(s, n) })
	}
	wg.Wait()
}

// wantOne wants do to succeed on one handle, whichever, and to fail with the code on the other.
func wantOne(t *testing.T, a, b store.Store, code fault.Code, do func(s store.Store, n int) error) {
	t.Helper()
	errs := make([]error, 2)
	both(a, b, func(s store.Store, n int) { errs[n] = do(s, n) })
	if errs[0] != nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	must(t, errs[0])
	wantCode(t, errs[1], code)
}

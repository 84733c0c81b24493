package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/record"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store"
)

// neighbours are two companies with a server, a user, a log-in and an alarm each.
type neighbours struct {
	reading usage.Position // of the first one's server
	mark    alarm.Mark
}

// The numbers of the first, for whom every method is called, and of the second, who must not notice.
const (
	ours, theirs             = usage.CompanyID(2), usage.CompanyID(3)
	ourServer, theirServer   = usage.ServerID(1), usage.ServerID(2)
	ourUser, theirUser       = access.UserID(1), access.UserID(2)
	ourSession, theirSession = byte(1), byte(2)
	spareSession             = byte(3) // of ours, too
	ourRecord                = int64(1)
	ourKey                   = "key" // and theirs
)

func newNeighbours(t *testing.T, s store.Store) (n neighbours) {
	t.Helper()
	for i, name := range []string{"ours", "theirs"} {
		c := newCompany(t, s, name, fleet.Tenant{Name: name})
		v := fullServer(c.ID)
		v.Name, v.InstallationID, v.Product, v.RemovedAt = name, name, usage.ProductVBR, nil
		v = must1(s.AddServer(t.Context(), v, factsOf(v, day(1, 0)), nil, day(1, 0)))(t)
		u := must1(s.AddUser(t.Context(), access.User{Name: name, Role: access.CompanyReadonly, Company: c.ID, PasswordHash: "h", Single: singleOf(name), Enabled: true, CreatedAt: day(1, 0)}))(t)
		must(t, s.AddSession(t.Context(), pairOf(name, u.ID, byte(i)+ourSession), Now()))
		at := appendAll(t, s, v.ID, snapshotOf(day(2, 0), name, "w"), snapshotOf(day(3, 0), name, "w", "x"))
		must1(s.AppendGap(t.Context(), v.ID, usage.Gap{At: day(4, 0), Reason: usage.GapTLS}, Now()))(t)
		must(t, s.Settle(t.Context(), v.ID, connection, unreachable("m"), day(4, 0)))
		saved(t, s, statementOf(c.ID, october, 1))
		must(t, s.RecordExport(t.Context(), exportOf(c.ID, october, 1)))
		newRecord(t, s, "quota", c.ID, 0)
		must1(s.AddToken(keyed(t, u.ID, ourKey), tokenOf(u.ID, name, byte(i)+ourSession)))(t)
		if u.ID == theirUser { // ours is added by the method
			must(t, s.AddFactor(t.Context(), factorOf(u.ID)))
		}
		newCredential(t, s, name)
		must(t, s.ReplaceInventory(t.Context(), fullInventory(v.ID, day(4, 0))))
		if v.ID == ourServer {
			n.reading = at
		}
	}
	settleFinals(t, s, 3, late(ours, "m"), late(theirs, "m"))
	n.mark = must1(s.Mark(t.Context()))(t)
	must(t, s.AddSession(t.Context(), pairOf("spare", ourUser, spareSession), Now()))
	must(t, s.AddSession(t.Context(), pairOf("ended", ourUser, spareSession+1), Now()))
	must(t, s.RecordCatalog(t.Context(), catalogName, catalogName, 0, Now()))
	return n
}

// callAll calls every method of the port for the first neighbour, so that none is forgotten, with arguments that are
// accepted.
func (n neighbours) callAll(t *testing.T, ctx context.Context, s store.Store, check func(method string, err error)) {
	t.Helper()
	port := reflect.TypeFor[store.Store]()
	for i := range port.NumMethod() {
		m := port.Method(i)
		if m.Name == "Close" {
			continue
		}
		arguments := []reflect.Value{reflect.ValueOf(ctx)}
		for j := 1; j < m.Type.NumIn() && !(m.Type.IsVariadic() && j == m.Type.NumIn()-1); j++ {
			arguments = append(arguments, n.argument(m.Name, m.Type.In(j)))
		}
		results := reflect.ValueOf(s).MethodByName(m.Name).Call(arguments)
		err, _ := results[len(results)-1].Interface().(error)
		check(m.Name, err)
	}
}

func (n neighbours) argument(method string, t reflect.Type) reflect.Value {
	token := pairOf("", 0, ourSession).Refresh
	switch method {
	case "SessionByAccess":
		token = pairOf("", 0, spareSession).Access
	case "TokenByHash":
		token = tokenOf(0, "", ourSession).Hash
	}
	if (method == "Statement" || method == "SessionsOf") && t == reflect.TypeFor[int]() {
		return reflect.ValueOf(1)
	}
	text := map[string]string{
		"UserByName": "OURS", "EndFamily": "AddSession", "EndSessions": "ended", "NoteRevision": "r",
		"Recall": ourKey, "Remember": ourKey, "CatalogRows": catalogName, "RecordCatalog": catalogName,
	}[method]
	for _, value := range []any{
		ours, ourServer, ourUser, singleOf("ours").Identity, usage.ProductVBR, everything, usage.PolicySubject, usage.AttrZone, Now(), text, token, int64(1),
		alarm.ServerConnection, connection, unreachable("other"), snapshotOf(day(9, 0), "ours", "w"),
		usage.Gap{At: day(9, 1), Reason: usage.GapTLS},
		ledger.Correction{Entry: n.reading, Reason: "r", Actor: "a"},
		fleet.Company{ID: ours, UID: method, Name: method},
		fleet.Credential{ID: 1, Name: method},
		fleet.CredentialID(1),
		[]fleet.CompanyPut{{Company: fleet.Company{UID: method, Name: method}}},
		[]fleet.ServerPut{{Server: fleet.Server{ID: ourServer, Name: method}}},
		fleet.Server{ID: ourServer, Name: method, Product: usage.ProductVBR},
		access.User{ID: ourUser, Name: method, Role: access.PortalReadonly},
		pairOf(method, ourUser, byte(100+len(method))), //nolint:gosec // names are short
		factsOf(fleet.Server{Company: ours}, day(9, 0)),
		[]usage.Fact{serverFact(ourServer, usage.AttrDomain, method, day(9, 0))},
		access.TokenID(1), tokenOf(ourUser, method, 100),
		factorOf(ourUser), func(f access.Factor) (access.Factor, error) { return f, nil },
		map[access.TokenID]time.Time{1: Now()},
		answerOf(),
		audit.Query{Company: ours},
		record.Kind("quota"),
		record.Below{Company: ours},
		record.Record{Kind: "quota", ID: ourRecord, Company: ours, Body: method},
		usage.Month{Year: 2026, Month: time.October},
		statement.Key{Company: ours, Month: october, Number: 1},
		exportOf(ours, october, 1),
		fleet.RepositoryID(1), fleet.JobID(1), fullInventory(ourServer, Now()),
		[]statement.Statement{statementOf(ours, october.Next(), 1)},
		func(ledger.View) error { return nil },
		ledger.Ahead{Companies: []usage.CompanyID{ours}, Before: everything, From: day(1, 0), Until: Now()},
		func(usage.CompanyID, ledger.View) error { return nil },
		alarm.Answer{Status: alarm.StatusAcknowledged, Actor: "a", Remark: "r"},
		alarm.Finals{Seen: n.mark, To: 4, Holds: map[usage.CompanyID][]alarm.Condition{ours: {outdated("2026-09", "other")}}},
	} {
		if v := reflect.ValueOf(value); v.Type() == t {
			return v
		}
	}
	return reflect.Zero(t)
}

// of is all that the ports tell of a neighbour.
func (n neighbours) of(t *testing.T, s store.Store, c usage.CompanyID, v usage.ServerID, u access.UserID, session byte) []any {
	t.Helper()
	user := must1(s.User(t.Context(), u))(t)
	events := slices.DeleteFunc(must1(s.Events(t.Context(), 0))(t), func(e alarm.Event) bool {
		return e.Server != v && (e.Server != 0 || e.Company != c)
	})
	changes := slices.DeleteFunc(must1(s.ChangesAfter(t.Context(), 0, 1000))(t), func(f feed.Change) bool { return f.Company != c })
	for i := range changes {
		changes[i].Seq = 0 // its place among those of others
	}
	factors := slices.DeleteFunc(must1(s.Factors(t.Context()))(t), func(f access.Factor) bool { return f.User != u })
	state := must1(s.Inventories(t.Context(), v))(t)
	return []any{
		factors, changes, state, must1(s.Repository(t.Context(), state[0].Repositories[0]))(t), must1(s.Job(t.Context(), state[0].Jobs[0]))(t),
		must1(s.Company(t.Context(), c))(t), must1(s.Server(t.Context(), v))(t), user, must1(s.UserByName(t.Context(), user.Name))(t),
		must1(s.SessionByAccess(t.Context(), pairOf("", 0, session).Access))(t), must1(s.Readings(t.Context(), v))(t), events,
		must1(s.Event(t.Context(), events[0].ID))(t), must1(s.SubjectFacts(t.Context(), usage.ServerSubject(v), usage.AttrDomain))(t),
		factsAt(t, s, c, Now(), everything), factsAt(t, s, c, day(2, 12), everything), must1(s.Entries(t.Context(), v, day(1, 0), Now()))(t),
		must1(s.Audit(t.Context(), audit.Query{Company: c}))(t), must1(s.Records(t.Context(), "quota", record.Below{Company: c}))(t),
		must1(s.Tokens(t.Context(), u))(t), must1(s.TokenByHash(t.Context(), tokenOf(u, "", session).Hash))(t), must1(s.Recall(t.Context(), u, ourKey))(t), must1(s.StatementsOf(t.Context(), c))(t), must1(s.Exported(t.Context(), statement.Key{Company: c, Month: october, Number: 1}))(t),
		slices.ContainsFunc(must1(s.Companies(t.Context()))(t), func(o fleet.Company) bool { return o.ID == c }),
		slices.ContainsFunc(must1(s.Servers(t.Context()))(t), func(o fleet.Server) bool { return o.ID == v }),
	}
}

// everyTests are about each method of the ports, whichever there are.
var everyTests = map[string]func(*testing.T, store.Store){
	"what is done for one company changes nothing of another": func(t *testing.T, s store.Store) {
		n := newNeighbours(t, s)
		before := n.of(t, s, theirs, theirServer, theirUser, theirSession)
		n.callAll(t, t.Context(), s, func(method string, err error) {
			if err != nil { // else the other properties of every method would be proven of arguments that are refused
				t.Errorf("%s: %v", method, err)
			}
			wantEqual(t, before, n.of(t, s, theirs, theirServer, theirUser, theirSession))
		})
	},
	"after Close everything is unavailable": func(t *testing.T, s store.Store) {
		n := newNeighbours(t, s)
		must(t, s.Close())
		n.callAll(t, t.Context(), s, func(method string, err error) {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s after Close: %v", method, err)
			}
		})
		must(t, s.Close())
	},
	"a cancelled context leaves nothing": func(t *testing.T, s store.Store) {
		n := newNeighbours(t, s)
		before, head := n.of(t, s, ours, ourServer, ourUser, ourSession), must1(s.Head(t.Context()))(t)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer stop()
		for ctx, why := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
			n.callAll(t, ctx, s, func(method string, err error) {
				if !fault.Is(err, fault.Unavailable) || !errors.Is(err, why) {
					t.Errorf("%s with a context that is over (%v): %v", method, why, err)
				}
			})
		}
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
		wantEqual(t, before, n.of(t, s, ours, ourServer, ourUser, ourSession))
		wantEqual(t, []int{2, 2, 2}, []int{
			len(must1(s.Companies(t.Context()))(t)), len(must1(s.Servers(t.Context()))(t)), len(must1(s.Users(t.Context()))(t)),
		})
	},
}

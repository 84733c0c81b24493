package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// newCredential adds a credential set.
func newCredential(t testing.TB, s store.Store, name string) fleet.Credential {
	t.Helper()
	return must1(s.AddCredential(t.Context(), fleet.Credential{Name: name, Username: "u", Sealed: []byte("s"), CreatedAt: day(1, 0), ChangedAt: day(1, 0)},
		nil, day(1, 0)))(t)
}

// newServerWith adds a server that is logged in to with a credential set.
func newServerWith(t testing.TB, s store.Store, name string, set fleet.CredentialID) fleet.Server {
	t.Helper()
	v := fullServer(0)
	v.Name, v.InstallationID, v.RemovedAt, v.Connection = name, name, nil, &fleet.Connection{URL: "https://" + name, Credential: set, Username: "never", Sealed: []byte("kept")}
	return must1(s.AddServer(t.Context(), v, factsOf(v, day(1, 0)), nil, day(1, 0)))(t)
}

var credentialTests = map[string]func(*testing.T, store.Store){
	"no field is lost": func(t *testing.T, s store.Store) {
		want := fleet.Credential{
			Name: "Zentral Ä", Username: `dom\user`, Hosts: []string{"*.example.com", "10.0.0.0/8"}, CreatedAt: finer, ChangedAt: finer.Add(time.Hour), RemovedAt: ref(kept.Add(2 * time.Hour)),
		}
		var sealedFor fleet.CredentialID
		got := must1(s.AddCredential(t.Context(), want, func(id fleet.CredentialID) ([]byte, error) {
			sealedFor = id
			return []byte{1, 2, 255}, nil
		}, Now()))(t)
		want.ID, want.Sealed, want.CreatedAt, want.ChangedAt, want.Revision = 1, []byte{1, 2, 255}, kept, kept.Add(time.Hour), got.Revision
		nonZero(t, want)
		wantEqual(t, want, got)
		wantEqual(t, want.ID, sealedFor)
		wantEqual(t, 0, len(must1(s.Credentials(t.Context()))(t))) // it is removed
		next := newCredential(t, s, "zentral ä")
		wantEqual(t, []fleet.Credential{next}, must1(s.Credentials(t.Context()))(t))
	},
	"servers are logged in to with what their set says now": func(t *testing.T, s store.Store) {
		set, other := newCredential(t, s, "set"), newCredential(t, s, "other")
		a, b, own := newServerWith(t, s, "a", set.ID), newServerWith(t, s, "b", set.ID), fullServer(0)
		own.RemovedAt = nil
		own = must1(s.AddServer(t.Context(), own, factsOf(own, day(1, 0)), nil, day(1, 0)))(t)
		account := func(v fleet.Server) []string {
			v = must1(s.Server(t.Context(), v.ID))(t)
			return []string{v.Connection.Username, string(v.Connection.Sealed)}
		}
		wantEqual(t, []string{"u", "s"}, account(a))
		version := must1(s.Head(t.Context()))(t).Version
		set.Username, set.Sealed = "new", []byte("sealed anew")
		must(t, s.UpdateCredential(t.Context(), set, Now()))
		for _, v := range []fleet.Server{a, b} {
			wantEqual(t, []string{"new", "sealed anew"}, account(v))
		}
		wantEqual(t, own, must1(s.Server(t.Context(), own.ID))(t))
		if must1(s.Head(t.Context()))(t).Version == version {
			t.Error("a running console does not notice it")
		}
		b = must1(s.Server(t.Context(), b.ID))(t) // as somebody renames it: what the set says is not made its own
		b.Name = "renamed"
		must(t, s.UpdateServer(t.Context(), b, nil, Now()))
		must(t, s.NoteRevision(t.Context(), b.ID, "r"))
		set = must1(s.Credentials(t.Context()))(t)[0]
		set.Username = "third"
		must(t, s.UpdateCredential(t.Context(), set, Now()))
		wantEqual(t, []string{"third", "sealed anew"}, account(b))
		b.Revision = 0 // whatever there is
		b.Connection.Credential = other.ID
		must(t, s.UpdateServer(t.Context(), b, nil, Now()))
		wantEqual(t, []string{"u", "s"}, account(b))
		b.Connection.Credential, b.Connection.Username, b.Connection.Sealed = 0, "mine", []byte("own")
		must(t, s.UpdateServer(t.Context(), b, nil, Now()))
		wantEqual(t, []string{"mine", "own"}, account(b))
	},
	"names, numbers and what is missing": func(t *testing.T, s store.Store) {
		set, other := newCredential(t, s, "One"), newCredential(t, s, "two")
		_, err := s.AddCredential(t.Context(), fleet.Credential{Name: "ONE"}, nil, Now())
		wantCode(t, err, fault.Conflict, "credential set 1")
		renamed := other
		renamed.Name = "oNE"
		wantCode(t, s.UpdateCredential(t.Context(), renamed, Now()), fault.Conflict, "credential set 1")
		renamed.Name = "TWO"
		must(t, s.UpdateCredential(t.Context(), renamed, Now()))
		if err := s.UpdateCredential(t.Context(), other, Now()); !fault.IsMeanwhile(err) {
			t.Errorf("changed meanwhile: %v", err)
		}
		set.RemovedAt, set.Sealed = ref(Now()), nil
		must(t, s.UpdateCredential(t.Context(), set, Now()))
		wantCode(t, s.UpdateCredential(t.Context(), set, Now()), fault.NotFound, "set 1")
		wantEqual(t, fleet.CredentialID(3), newCredential(t, s, "one").ID)
		v := fullServer(0)
		v.Connection = &fleet.Connection{URL: "https://h", Credential: 1}
		v.RemovedAt = nil
		_, err = s.AddServer(t.Context(), v, factsOf(v, Now()), nil, Now())
		wantCode(t, err, fault.NotFound, "set 1")
		wantEqual(t, 0, len(must1(s.Servers(t.Context()))(t)))
		broken := errors.New("no key")
		_, err = s.AddCredential(t.Context(), fleet.Credential{Name: "x"}, func(fleet.CredentialID) ([]byte, error) {
			return nil, fault.Wrap(broken, fault.Internal, "the key is gone")
		}, Now())
		wantCode(t, err, fault.Internal, "the key is gone")
		wantEqual(t, 2, len(must1(s.Credentials(t.Context()))(t)))
	},
	"a set goes to its hosts alone": func(t *testing.T, s store.Store) {
		set := newCredential(t, s, "set")
		a, gone := newServerWith(t, s, "a.example.com", set.ID), newServerWith(t, s, "gone", set.ID)
		removeServer(t, s, gone.ID, Now())
		set.Hosts = []string{"b.example.com"}
		wantCode(t, s.UpdateCredential(t.Context(), set, Now()), fault.Conflict, "1 (a.example.com)")
		wantEqual(t, 0, len(must1(s.Credentials(t.Context()))(t)[0].Hosts))
		set.Hosts = []string{"*.example.com", "192.0.2.0/24"}
		must(t, s.UpdateCredential(t.Context(), set, Now()))
		wantEqual(t, set.Hosts, must1(s.Credentials(t.Context()))(t)[0].Hosts)
		newServerWith(t, s, "192.0.2.7", set.ID)
		elsewhere := a
		elsewhere.Revision, elsewhere.Connection = 0, &fleet.Connection{URL: "https://evil.example.net", Credential: set.ID}
		wantCode(t, s.UpdateServer(t.Context(), elsewhere, nil, Now()), fault.Conflict, "evil.example.net")
		_, err := s.PutServers(t.Context(), []fleet.ServerPut{{Server: elsewhere}}, Now())
		wantCode(t, err, fault.Conflict, "evil.example.net")
		elsewhere.Name, elsewhere.RemovedAt, elsewhere.InstallationID = "new", nil, "another"
		_, err = s.AddServer(t.Context(), elsewhere, factsOf(elsewhere, Now()), nil, Now())
		wantCode(t, err, fault.Conflict, "evil.example.net")
		wantEqual(t, a.Connection.URL, must1(s.Server(t.Context(), a.ID))(t).Connection.URL)
	},
	"what was done with a set": func(t *testing.T, s store.Store) {
		set := newCredential(t, s, "set")
		must(t, s.NoteCredential(noted(t, audit.Tested, "at https://new"), set.ID, day(2, 0)))
		wantEqual(t, []fleet.Credential{set}, must1(s.Credentials(t.Context()))(t))
		got := must1(s.Audit(t.Context(), audit.Query{Limit: 1}))(t)[0]
		wantEqual(t, audit.What{Subject: "credential set 1", Action: audit.Tested, Detail: "at https://new"}, got.What)
		wantCode(t, s.NoteCredential(noted(t, audit.Tested, "at https://new"), 9, day(2, 0)), fault.NotFound, "set 9")
	},
	"a set in use stays": func(t *testing.T, s store.Store) {
		set := newCredential(t, s, "set")
		v := newServerWith(t, s, "a", set.ID)
		gone := set
		gone.RemovedAt, gone.Sealed = ref(Now()), nil
		wantCode(t, s.UpdateCredential(t.Context(), gone, Now()), fault.Conflict, "1 (a)")
		wantEqual(t, []fleet.Credential{set}, must1(s.Credentials(t.Context()))(t))
		removeServer(t, s, v.ID, Now())
		must(t, s.UpdateCredential(t.Context(), gone, Now()))
		got := must1(s.Server(t.Context(), v.ID))(t) // its history is still asked for
		wantEqual(t, set.ID, got.Connection.Credential)
		wantEqual(t, 0, len(got.Connection.Sealed))
		must(t, s.UpdateServer(t.Context(), got, nil, Now()))
	},
}

package fleet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

func TestHostsOfASet(t *testing.T) {
	t.Parallel()
	set := fleet.Credential{Hosts: []string{"*.example.com", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "vbr01"}}
	for address, want := range map[string]bool{
		"https://vbr.example.com": true, "https://VBR.Example.COM.:9419": true, "https://a.b.example.com": true, "https://vbr01": true,
		"https://VBR01:9419": true, "https://10.1.255.7": true, "https://192.0.2.7:1": true, "https://[2001:db8::1]:9419": true,
		"https://[::ffff:10.1.0.1]": true,

		"https://example.com": false, "https://evilexample.com": false, "https://example.com.evil.net": false, "https://vbr02": false,
		"https://vbr01.evil.net": false, "https://10.2.0.1": false, "https://192.0.2.8": false, "https://[2001:db9::1]": false,
		"https://0xa010001": false, "https://10.1.0.1.evil.net": false, "https://evil.net/.example.com": false, "https://evil.net#.example.com": false,
		"https://vbr.example.com@evil.net": false, "https://evil.net\uff0f.example.com": false, "https://vbr\uff0eexample.com": false,
		"https://evil。net.example.com": false, "https://[fe80::1%25.example.com]": false, "https://": false, "": false, "://": false,
	} {
		if got := set.IsFor(address); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	if none := (&fleet.Credential{}); none.IsFor("https://vbr01") {
		t.Error("a set without hosts names one")
	}
}

func TestHostsAreChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	edit := func(hosts ...string) (fleet.Credential, error) {
		return b.EditCredential(t.Context(), 1, fleet.CredentialEdit{Hosts: &hosts})
	}
	if _, err := b.AddCredential(t.Context(), fleet.NewCredential{Name: "set", Username: "u", Password: "p", Hosts: []string{" VBR01. ", "vbr01", "10.1.2.3/16", "[2001:DB8::1]"}}); err != nil {
		t.Fatal(err)
	}
	if got := set(t, b).Hosts; strings.Join(got, " ") != "10.1.0.0/16 2001:db8::1 vbr01" {
		t.Errorf("%q", got)
	}
	for _, wrong := range []string{"", " ", "*", "*.", "a b", "https://x", "x:9419", "a/b", "ä.example.com", "::ffff:10.0.0.0/104", "fe80::1%eth0", "-x", "*.*.com", "x.*", ".example.com"} {
		if _, err := edit("ok", wrong); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "--host: ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if got, err := edit(); err != nil || len(got.Hosts) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func set(t *testing.T, b *bench) fleet.Credential {
	t.Helper()
	all, err := b.store.Credentials(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	return all[0]
}

// Whoever only manages servers uses a set where it may be used, and nowhere else, by whatever way in; a server that has the set
// goes on.
func TestWhereASetMayBeUsed(t *testing.T) {
	t.Parallel()
	const named, unnamed = fleet.CredentialID(1), fleet.CredentialID(2)
	trust := fleet.TLS{Fingerprint: strings.Repeat("ab", 32)}
	insecure := fleet.TLS{Insecure: true}
	for _, test := range []struct {
		name     string
		was      fleet.Connection // of a server that is there; empty: it is a new one
		is       fleet.Connection
		operator string // what is said to whoever only manages servers; empty: it may
		manager  string // the same of whoever manages sets
	}{
		{name: "a host of the set", is: fleet.Connection{URL: "https://a.example.com", Credential: named}},
		{"another host", fleet.Connection{}, fleet.Connection{URL: "https://evil.net", Credential: named}, `--url: the credential set "named" is not for`, "--url: "},
		{"a set without hosts", fleet.Connection{}, fleet.Connection{URL: "https://evil.net", Credential: unnamed}, `--credential: the credential set "unnamed" names no hosts`, ""},
		{"unverified", fleet.Connection{}, fleet.Connection{URL: "https://a.example.com", Credential: named, TLS: insecure}, "--insecure: ", ""},
		{"moved to another port", fleet.Connection{URL: "https://old", Credential: unnamed}, fleet.Connection{URL: "https://old:443", Credential: unnamed}, "", ""},
		{"moved to another host", fleet.Connection{URL: "https://old", Credential: unnamed}, fleet.Connection{URL: "https://evil.net", Credential: unnamed}, "--credential: ", ""},
		{"moved within the set", fleet.Connection{URL: "https://a.example.com", Credential: named}, fleet.Connection{URL: "https://b.example.com", Credential: named}, "", ""},
		{"moved out of the set", fleet.Connection{URL: "https://a.example.com", Credential: named}, fleet.Connection{URL: "https://evil.net", Credential: named}, "--url: ", "--url: "},
		{"from an own account to a set", fleet.Connection{URL: "https://evil.net"}, fleet.Connection{URL: "https://evil.net", Credential: unnamed}, "--credential: ", ""},
		{"from set to set", fleet.Connection{URL: "https://a.example.com", Credential: named}, fleet.Connection{URL: "https://a.example.com", Credential: unnamed}, "--credential: ", ""},
		{"another certificate", fleet.Connection{URL: "https://old", Credential: unnamed}, fleet.Connection{URL: "https://old", Credential: unnamed, TLS: trust}, "", ""},
		{"no longer verified", fleet.Connection{URL: "https://old", Credential: unnamed}, fleet.Connection{URL: "https://old", Credential: unnamed, TLS: insecure}, "--insecure: ", ""},
		{"verified again", fleet.Connection{URL: "https://old", Credential: unnamed, TLS: insecure}, fleet.Connection{URL: "https://old", Credential: unnamed, TLS: trust}, "", ""},
		{"an own account, elsewhere", fleet.Connection{URL: "https://own"}, fleet.Connection{URL: "https://evil.net"}, "--password-stdin: is given again", ""},
		{"an own account, unverified", fleet.Connection{URL: "https://own"}, fleet.Connection{URL: "https://own", TLS: insecure}, "--password-stdin: is given again", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for manages, want := range map[bool]string{false: test.operator, true: test.manager} {
				for way, try := range waysIn(t, test.was, test.is, manages) {
					err := try()
					if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want)) {
						t.Errorf("%s (manages sets: %t): %v, want %q", way, manages, err, want)
					}
				}
			}
		})
	}
}

// waysIn gives every way in which a server comes to be reached as it is said, each in a directory of its own.
func waysIn(t *testing.T, was, is fleet.Connection, manages bool) map[string]func() error {
	t.Helper()
	open := func() (*bench, fleet.Server) {
		b := newBench(t)
		for _, n := range []fleet.NewCredential{{Name: "named", Hosts: []string{"*.example.com"}}, {Name: "unnamed"}} {
			n.Username, n.Password = "u", "p"
			if _, err := b.AddCredential(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if was.URL == "" {
			return b, fleet.Server{}
		}
		n := fleet.NewServer{Name: "there", Shared: true, URL: was.URL, TLS: was.TLS, Credential: was.Credential, ManagesSets: true}
		if was.Credential == 0 {
			n.Username, n.Password = "own", "own"
		}
		there := b.server(n)
		return b, there
	}
	n := fleet.NewServer{Name: "new", Shared: true, URL: is.URL, TLS: is.TLS, Credential: is.Credential, ManagesSets: manages}
	if was.URL == "" {
		return map[string]func() error{
			"added":  func() error { b, _ := open(); _, err := b.AddServer(t.Context(), n); return err },
			"tested": func() error { b, _ := open(); _, err := b.Probe(t.Context(), n); return err },
			"by file": func() error {
				b, _ := open()
				_, err := b.PutServers(t.Context(), []fleet.ServerDraft{{New: n}})
				return err
			},
		}
	}
	e := fleet.ServerEdit{URL: &is.URL, TLS: &is.TLS, ManagesSets: manages}
	if is.Credential != was.Credential {
		e.Credential = &is.Credential
	}
	ways := map[string]func() error{
		"edited": func() error { b, v := open(); _, err := b.EditServer(t.Context(), v.ID, e); return err },
		"edited by file": func() error {
			b, v := open()
			_, err := b.PutServers(t.Context(), []fleet.ServerDraft{{Was: &v, Edit: e}})
			return err
		},
	}
	if is.Credential != 0 { // with an account of its own a test is refused to everybody: TestProbeOfAnEdit
		ways["tested"] = func() error { b, v := open(); _, err := b.ProbeEdit(t.Context(), v.ID, e); return err }
	}
	return ways
}

// A server that is there is tested as it would be reached: with the password that is kept where it was sent before, and nowhere else.
func TestProbeOfAnEdit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.AddCredential(t.Context(), fleet.NewCredential{Name: "set", Username: "of the set", Password: "p", Hosts: []string{"new"}}); err != nil {
		t.Fatal(err)
	}
	own := b.server(fleet.NewServer{Name: "own", Shared: true, URL: "https://old", Username: "u", Password: "kept"})
	fed := b.server(fleet.NewServer{Name: "fed", Shared: true, InstallationID: "i"})
	elsewhere, trust, typed, name, set := "https://new", fleet.TLS{Fingerprint: strings.Repeat("ab", 32)}, "typed", "another", fleet.CredentialID(1)
	for _, c := range []struct {
		edit fleet.ServerEdit
		want string // address, account and password; or what is refused
	}{
		{fleet.ServerEdit{}, "https://old u 1/kept"},
		{fleet.ServerEdit{Username: &name}, "https://old another 1/kept"},
		{fleet.ServerEdit{Password: &typed}, "https://old u 1/typed"},
		{fleet.ServerEdit{URL: &elsewhere, Password: &typed}, "https://new u 1/typed"},
		{fleet.ServerEdit{URL: &elsewhere, Credential: &set}, "https://new of the set sealed:p"},
		{fleet.ServerEdit{URL: &elsewhere}, "--password-stdin: is given again"},
		{fleet.ServerEdit{TLS: &trust}, "--password-stdin: is given again"},
		{fleet.ServerEdit{TLS: &fleet.TLS{Insecure: true}}, "--password-stdin: is given again"},
		{fleet.ServerEdit{Credential: &set}, "--url: the credential set"},
		{fleet.ServerEdit{Name: new(string), Username: &name}, "https://old another 1/kept"}, // a name is not what is tested
		{fleet.ServerEdit{When: func(*fleet.Server) error { return fault.New(fault.Conflict, "another one by now") }}, "another one by now"},
	} {
		c.edit.ManagesSets = true
		got := ""
		s, err := b.ProbeEdit(t.Context(), own.ID, c.edit)
		if err != nil {
			got = err.Error()
		} else if s.ID == own.ID {
			got = s.Connection.URL + " " + s.Connection.Username + " " + string(s.Connection.Sealed)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.edit, got, c.want)
		}
	}
	if _, err := b.ProbeEdit(t.Context(), fed.ID, fleet.ServerEdit{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("there is nothing to log in to: %v", err)
	}
	if s, err := b.Servers.Server(t.Context(), own.ID); err != nil || s.Connection.URL != "https://old" || s.Connection.Username != "u" || string(s.Connection.Sealed) != "1/kept" {
		t.Errorf("a test changes the server: %+v, %v", s.Connection, err)
	}
}

// Where a set is tried at an address that no server with it has, the trail tells; it does so before the password goes there.
func TestTestsOfASetAreNoted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.AddCredential(t.Context(), fleet.NewCredential{Name: "set", Username: "u", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	own := b.server(fleet.NewServer{Name: "own", Shared: true, URL: "https://own", Username: "u", Password: "p"})
	b.server(fleet.NewServer{Name: "has it", Shared: true, URL: "https://old", Credential: 1, ManagesSets: true})
	tests := func() (details []string) {
		all, err := b.store.Audit(t.Context(), audit.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Action == audit.Tested {
				details = append(details, e.Subject+" "+e.Detail)
			}
		}
		return details
	}
	probe := func(n fleet.NewServer) (fleet.Server, error) {
		n.ManagesSets = true
		return b.Probe(audit.By(t.Context(), audit.Actor{Name: "clerk", Via: "v1"}), n)
	}
	for _, n := range []fleet.NewServer{{URL: "https://old:443", Credential: 1}, {URL: "https://new", Username: "u", Password: "p"}} {
		if _, err := probe(n); err != nil || len(tests()) != 0 {
			t.Errorf("%+v: %v, %q", n, err, tests())
		}
	}
	if s, err := probe(fleet.NewServer{URL: "https://new", Credential: 1, TLS: fleet.TLS{Insecure: true}}); err != nil || s.Connection.Username != "u" {
		t.Errorf("%+v, %v", s, err)
	}
	password := "rotated"
	s, err := b.ProbeCredential(t.Context(), own, 1, fleet.CredentialEdit{Password: &password})
	if err != nil || s.Connection.Credential != 1 || string(s.Connection.Sealed) != "sealed:"+password {
		t.Errorf("%+v, %v", s.Connection, err)
	}
	hosts := []string{"elsewhere"}
	if _, err := b.ProbeCredential(t.Context(), own, 1, fleet.CredentialEdit{Hosts: &hosts}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"own"`) {
		t.Errorf("at a host that it is not for any more: %v", err)
	}
	if got := strings.Join(tests(), "\n"); got != "credential set 1 at https://own\ncredential set 1 at https://new, whose certificate is not verified" {
		t.Errorf("%s", got)
	}
	whole := b.Directory
	broken := &fleet.Directory{
		Companies: whole.Companies, Servers: whole.Servers, Credentials: noTrail{whole.Credentials}, Policy: whole.Policy,
		Seal: whole.Seal, SealSet: whole.SealSet, NewUID: whole.NewUID, Now: whole.Now,
	}
	if _, err := broken.Probe(t.Context(), fleet.NewServer{URL: "https://third", Credential: 1, ManagesSets: true}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without a trail: %v", err)
	}
}

type noTrail struct{ fleet.CredentialStore }

func (noTrail) NoteCredential(context.Context, fleet.CredentialID, time.Time) error {
	return fault.New(fault.Unavailable, "the store does not answer")
}

// Servers that are tried at the same time, from wherever, are told apart, and from all that are there.
func TestProbesAreToldApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	seen := make(map[usage.ServerID]bool)
	for range 3 {
		v, err := b.Probe(t.Context(), fleet.NewServer{URL: "https://vbr", Username: "tally", Password: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		id := b.ProbeID()
		if v.ID >= 0 || id >= 0 || id == v.ID || seen[v.ID] || seen[id] {
			t.Errorf("%d and %d, after %v", v.ID, id, seen)
		}
		seen[v.ID], seen[id] = true, true
	}
}

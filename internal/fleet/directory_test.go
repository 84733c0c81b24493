package fleet_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

type bench struct {
	*fleet.Directory
	t     *testing.T
	clock *testkit.Clock
	store *sqlite.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	clock := testkit.At(time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	uids := 0
	return &bench{t: t, clock: clock, store: s, Directory: &fleet.Directory{
		Companies: s, Servers: s, Credentials: s, Policy: s, Now: clock.Now,
		Seal: func(id usage.ServerID, password string) ([]byte, error) {
			return []byte(id.String() + "/" + password), nil
		},
		SealSet: func(_ fleet.CredentialID, password string) ([]byte, error) { return []byte("sealed:" + password), nil },
		NewUID:  func() string { uids++; return "00000000-0000-4000-8000-00000000000" + string(rune('0'+uids)) },
	}}
}

func (b *bench) company(name string, tenants ...fleet.Tenant) fleet.Company {
	b.t.Helper()
	c, err := b.AddCompany(b.t.Context(), fleet.NewCompany{Name: name, Tenants: tenants})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) server(n fleet.NewServer) fleet.Server {
	b.t.Helper()
	s, err := b.AddServer(b.t.Context(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// paths gives the fields that a fault names, sorted.
func paths(err error) []string {
	var list []string
	for _, part := range strings.Split(fault.Text(err), "; ") {
		if i := strings.Index(part, "--"); i >= 0 {
			list = append(list, strings.SplitN(part[i:], ":", 2)[0])
		}
	}
	slices.Sort(list)
	return list
}

const fingerprint = "AB:cd:" + "ef0123456789" + "ef0123456789" + "ef0123456789" + "ef0123456789" + "ef0123456789"

func TestServersAreValidated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.company("Northwind")
	good := fleet.NewServer{Company: c.ID, URL: "vbr01.example:9419/", Username: `VBR01\tally`, Password: "secret", TLS: fleet.TLS{Fingerprint: fingerprint}}
	s := b.server(good)
	if s.Name != "vbr01.example" || s.Connection.URL != "https://vbr01.example:9419" || s.Product != usage.ProductVBR ||
		s.Interval != 4*time.Hour || s.Authority != metering.Reported || len(s.Connection.TLS.Fingerprint) != 64 ||
		string(s.Connection.Sealed) != "1/secret" {
		t.Errorf("defaults: %+v %+v", s, s.Connection)
	}
	for name, c := range map[string]struct {
		change func(*fleet.NewServer)
		want   []string
	}{
		"plain http":       {func(n *fleet.NewServer) { n.URL = "http://vbr01" }, []string{"--url"}},
		"a path":           {func(n *fleet.NewServer) { n.URL = "https://vbr01/api" }, []string{"--url"}},
		"a password in it": {func(n *fleet.NewServer) { n.URL = "https://a:b@vbr01" }, []string{"--url"}},
		"no host":          {func(n *fleet.NewServer) { n.URL = "https://" }, []string{"--url"}},
		"port 0":           {func(n *fleet.NewServer) { n.URL = "https://vbr01:0" }, []string{"--url"}},
		"SHA-1":            {func(n *fleet.NewServer) { n.TLS.Fingerprint = strings.Repeat("ab", 20) }, []string{"--fingerprint"}},
		"two trusts":       {func(n *fleet.NewServer) { n.TLS.Insecure = true }, []string{"--ca, --fingerprint, --insecure"}},
		"no PEM":           {func(n *fleet.NewServer) { n.TLS = fleet.TLS{CA: "hello"} }, []string{"--ca"}},
		"no account":       {func(n *fleet.NewServer) { n.Username, n.Password = "", "" }, []string{"--password-stdin", "--username"}},
		"both owners":      {func(n *fleet.NewServer) { n.Shared = true }, []string{"--company"}},
		"too often":        {func(n *fleet.NewServer) { n.Interval = time.Second }, []string{"--every"}},
		"odd product":      {func(n *fleet.NewServer) { n.Product = "abacus" }, []string{"--product"}},
		"odd authority":    {func(n *fleet.NewServer) { n.Authority = "mine" }, []string{"--authority"}},
		"import, no id":    {func(n *fleet.NewServer) { *n = fleet.NewServer{Company: n.Company, Name: "x"} }, []string{"--installation-id"}},
		"control in name":  {func(n *fleet.NewServer) { n.Name = "a\x00b" }, []string{"--name"}},
		"everything wrong": {func(n *fleet.NewServer) {
			*n = fleet.NewServer{URL: "ftp://x", Authority: "?", Interval: 1, Product: "?", Name: " "}
		}, []string{"--authority", "--company", "--every", "--name", "--password-stdin", "--product", "--url", "--username"}},
	} {
		n := good
		n.Name = "other"
		c.change(&n)
		if name == "no host" {
			n.Name = ""
		}
		_, err := b.AddServer(t.Context(), n)
		if got := paths(err); !fault.Is(err, fault.Invalid) || !slices.Equal(got, c.want) {
			t.Errorf("%s: fields %q, want %q: %v", name, got, c.want, err)
		}
	}
	if _, err := b.AddServer(t.Context(), fleet.NewServer{Company: 99, Name: "x", InstallationID: "i"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
	servers, err := b.Servers.Servers(t.Context())
	if err != nil || len(servers) != 1 {
		t.Errorf("refused servers are there: %d, %v", len(servers), err)
	}
}

// C38: attributes that can move a figure are dated; the rest is not.
func TestEditsAreDated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.company("One"), b.company("Two")
	s := b.server(fleet.NewServer{Company: one.ID, Name: "x", InstallationID: "i"})
	day := 24 * time.Hour
	from := b.clock.Now().Add(-10 * day)
	authority, every, domain, name := metering.Computed, 2*time.Hour, "em", "y"
	s, err := b.EditServer(t.Context(), s.ID, fleet.ServerEdit{Company: &two.ID, Authority: &authority, Interval: &every, Domain: &domain, Name: &name, From: from})
	if err != nil || s.Company != two.ID || s.Authority != authority || s.Interval != every || s.Domain != domain || s.Name != name {
		t.Fatalf("%+v, %v", s, err)
	}
	for attribute, want := range map[usage.Attribute][2]string{
		usage.AttrCompany: {"2", "3"}, usage.AttrAuthority: {"reported", "computed"}, usage.AttrInterval: {"2678400", "7200"}, usage.AttrDomain: {"", "em"},
	} {
		facts, err := b.Policy.SubjectFacts(t.Context(), usage.ServerSubject(s.ID), attribute)
		if err != nil {
			t.Fatal(err)
		}
		before, _ := usage.ValueAt(facts, from.Add(-time.Microsecond))
		after, _ := usage.ValueAt(facts, from)
		if before != want[0] || after != want[1] {
			t.Errorf("%s: %q before, %q after; want %q", attribute, before, after, want)
		}
	}
	if _, err := b.EditServer(t.Context(), s.ID, fleet.ServerEdit{Username: &name}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an account for a server without a connection: %v", err)
	}
}

// C30, C31: one company each; a removed company gives its tenants back and cannot go while it has servers.
func TestTenantsAndRemoval(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.company("One", fleet.Tenant{Name: " north "}, fleet.Tenant{Name: "north"})
	if len(one.Tenants) != 1 || one.Tenants[0].Name != "north" {
		t.Errorf("trimmed and once: %+v", one.Tenants)
	}
	two := b.company("Two")
	if _, err := b.EditCompany(t.Context(), two.ID, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "north"}}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second claim: %v", err)
	}
	s := b.server(fleet.NewServer{Company: one.ID, Name: "x", InstallationID: "i"})
	err := b.RemoveCompany(t.Context(), one.ID)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "x") {
		t.Errorf("with a server: %v", err)
	}
	if err := b.RemoveServer(t.Context(), s.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveCompany(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.EditCompany(t.Context(), two.ID, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "north"}}}); err != nil {
		t.Errorf("a tenant that was given back: %v", err)
	}
	for _, ref := range []string{"2", "name:One", one.UID} {
		if _, err := b.FindCompany(t.Context(), ref); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if err := b.RemoveServer(t.Context(), s.ID, time.Time{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestFindServers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.company("One")
	b.server(fleet.NewServer{Company: c.ID, Name: "Alpha", InstallationID: "same"})
	b.server(fleet.NewServer{Company: c.ID, Name: "Beta", InstallationID: "same", Cloned: true})
	b.server(fleet.NewServer{Company: c.ID, Name: "Gamma", InstallationID: "own"})
	for ref, want := range map[string]usage.ServerID{"2": 2, "name:alpha": 1, "NAME: Gamma": 3, "OWN": 3, " 3 ": 3} {
		if s, err := b.FindServer(t.Context(), ref); err != nil || s.ID != want {
			t.Errorf("%q is %d, %v; want %d", ref, s.ID, err, want)
		}
	}
	for ref, want := range map[string]fault.Code{"same": fault.Conflict, "4": fault.NotFound, "name:delta": fault.NotFound, "x": fault.NotFound, "": fault.NotFound} {
		if _, err := b.FindServer(t.Context(), ref); !fault.Is(err, want) {
			t.Errorf("%q: %v, want %s", ref, err, want)
		}
	}
	// C34: import needs --server where two servers have the id.
	if _, err := b.ByInstallation(t.Context(), "same"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "--server") {
		t.Errorf("cloned: %v", err)
	}
	if _, err := b.ByInstallation(t.Context(), "none"); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "server add") {
		t.Errorf("unknown: %v", err)
	}
}

// The provider's names are those that were given last, the first one first.
func TestLicensees(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, names := range [][]string{nil, {"Provider Ltd", "Provider GmbH"}, {"Other"}} {
		if names != nil {
			if err := b.SetLicensees(t.Context(), names); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := b.Licensees(t.Context()); err != nil || !slices.Equal(got, names) {
			t.Errorf("%v, %v, want %v", got, err, names)
		}
		b.clock.Add(time.Hour)
	}
}

// C8, C38: the first zone holds from the beginning of time, a later one from its change.
func TestZoneIsDated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if zone, err := b.Zone(t.Context()); err != nil || zone != time.UTC {
		t.Errorf("without a fact: %v, %v", zone, err)
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "../etc/passwd"} {
		if err := b.SetZone(t.Context(), bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, zone := range []string{"Europe/Berlin", "Europe/Berlin", "America/New_York"} {
		if err := b.SetZone(t.Context(), zone); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(time.Hour)
	}
	facts, err := b.Policy.SubjectFacts(t.Context(), usage.PolicySubject, usage.AttrZone)
	if err != nil || len(facts) != 2 {
		t.Fatalf("%d facts, %v; the same zone again is none", len(facts), err)
	}
	if first, _ := usage.ValueAt(facts, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)); first != "Europe/Berlin" {
		t.Errorf("at the beginning of time: %s", first)
	}
	if zone, err := b.Zone(t.Context()); err != nil || zone.String() != "America/New_York" {
		t.Errorf("now: %v, %v", zone, err)
	}
}

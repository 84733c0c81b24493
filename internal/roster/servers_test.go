package roster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/roster"
)

const print64 = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"

// withSet is an office with two companies and two credential sets.
func withSet(t testing.TB) *office {
	t.Helper()
	o := open(t)
	o.companies(t, "name\nNorthwind\nContoso\n", roster.CompanyOptions{})
	for _, name := range []string{"readers", "others"} {
		must(o.directory.AddCredential(t.Context(), fleet.NewCredential{Name: name, Username: "user of " + name, Password: name}))(t)
	}
	return o
}

func TestServersAreTaken(t *testing.T) {
	t.Parallel()
	o := withSet(t)
	uid := must(o.store.Company(t.Context(), 3))(t).UID
	file := "company,name,url,credential,fingerprint,every,authority,domain,product,installationId,externalId.support,tag.site\n" +
		"northwind,,VBR01.example:9419,readers," + strings.ToUpper(print64) + ",1h,computed,em,,,S-1,berlin\n" +
		uid + ",cc,https://cc01,OTHERS,,,,,cloudConnect,,,\n" +
		"3,fed,,,,,,,,inst-9,,\n" +
		"Shared,all,https://all,readers,,,,,,,,\n"
	done := o.servers(t, file)
	if done.Added != 4 || done.Rows[3].ID != 4 {
		t.Fatalf("%+v", done)
	}
	got := must(o.store.Servers(t.Context()))(t)
	set := func(id fleet.CredentialID, name string) *fleet.Connection {
		return &fleet.Connection{Credential: id, Username: "user of " + name, Sealed: []byte(name)}
	}
	a, b, d := set(1, "readers"), set(2, "others"), set(1, "readers")
	a.URL, a.TLS.Fingerprint, b.URL, d.URL = "https://VBR01.example:9419", print64, "https://cc01", "https://all"
	at := got[0].CreatedAt
	want := []fleet.Server{
		{
			ID: 1, Name: "VBR01.example", Product: usage.ProductVBR, Company: 2, CreatedAt: at, Domain: "em", Authority: metering.Computed, Interval: time.Hour,
			Labels: fleet.Labels{ExternalIDs: map[string]string{"support": "S-1"}, Tags: map[string]string{"site": "berlin"}}, Connection: a,
		},
		{ID: 2, Name: "cc", Product: usage.ProductCloudConnect, Company: 3, CreatedAt: at, Authority: metering.Reported, Interval: fleet.IntervalRead, Connection: b},
		{ID: 3, Name: "fed", Product: usage.ProductVBR, Company: 3, CreatedAt: at, InstallationID: "inst-9", Authority: metering.Reported, Interval: fleet.IntervalImported},
		{ID: 4, Name: "all", Product: usage.ProductVBR, Shared: true, CreatedAt: at, Authority: metering.Reported, Interval: fleet.IntervalRead, Connection: d},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.Server{}, "Revision")); diff != "" {
		t.Error(diff)
	}
	head := must(o.store.Head(t.Context()))(t)
	if again := o.servers(t, file); again.Unchanged != 4 || must(o.store.Head(t.Context()))(t) != head {
		t.Errorf("again: %+v", again)
	}
	// By address, whatever its name; else by name and company. Only the file's columns; what may be empty is emptied.
	changed := o.servers(t, "url\tcompany\tname\tcredential\tdomain\ttag.site\tfingerprint\n"+
		"https://vbr01.EXAMPLE:9419\tContoso\tnew name\tothers\t\tparis\t\n"+
		"https://cc02\tContoso\tCC\t\t\t\t\n")
	want[0].Company, want[0].Name, want[0].Domain, want[0].Tags = 3, "new name", "", map[string]string{"site": "paris"}
	want[0].Connection = set(2, "others")
	want[0].Connection.URL = a.URL
	want[1].Name, want[1].Connection.URL = "CC", "https://cc02"
	if diff := cmp.Diff(want, must(o.store.Servers(t.Context()))(t), cmpopts.IgnoreFields(fleet.Server{}, "Revision")); diff != "" || changed.Changed != 2 {
		t.Errorf("%+v\n%s", changed, diff)
	}
	facts := must(o.store.SubjectFacts(t.Context(), usage.ServerSubject(1), usage.AttrInterval))(t)
	if len(facts) != 1 { // what stays is no fact again
		t.Errorf("%+v", facts)
	}
	trail := o.trail(t)
	same(t, "the trail", trail[len(trail)-2:], `server 1 changed name "VBR01.example" -> "new name"; company "2" -> "3"; domain "em" goes; credential set "1" -> "2"; fingerprint`,
		`server 2 changed name "cc" -> "CC"; url "https://cc01" -> "https://cc02"`)
}

func TestServersThatAreWrong(t *testing.T) {
	t.Parallel()
	o := withSet(t)
	o.servers(t, "company,name,url,credential\nNorthwind,a,https://a,readers\nNorthwind,b,https://b,readers\n")
	must(o.directory.AddServer(t.Context(), fleet.NewServer{Name: "b2", Company: 2, URL: "https://b", Credential: 1, ManagesSets: true}))(t)
	must(o.directory.AddServer(t.Context(), fleet.NewServer{Name: "fed", Company: 2, InstallationID: "i"}))(t)
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"a password", "company,url,Password,username\nNorthwind,https://x,secret,u\n", []string{
			`line 1, column "Password": is never in a file: keep the account as a credential set`, `line 1, column "username": is never in a file`,
		}},
		{"no company", "url\nhttps://x\n", []string{`line 1: the header lacks the column "company"; it is for example company,url,credential,fingerprint`}},
		{"what is not there", "company,url,credential\nNobody,https://x,readers\n,https://y,readers\nNorthwind,https://z,none\n", []string{
			`line 2, column "company": there is no company "Nobody"`, `line 3, column "company": is required: a company, or shared`,
			`line 4, column "credential": there is no credential set "none"`,
		}},
		{"values", "company,url,credential,every,insecure,authority,product\n" +
			"Northwind,http://x,readers,,,,\nNorthwind,https://y,readers,soon,,,\nNorthwind,https://z,readers,1s,,mine,abacus\nNorthwind,https://q,readers,,perhaps,,\n", []string{
			`line 2, column "url": must be https`, `line 3, column "every": "soon" is written as 4h or 30m`,
			`line 4, column "product": is one of`, `line 4, column "authority": is reported or computed`, `line 4, column "every": is between`,
			`line 5, column "insecure": is yes or no`,
		}},
		{"what a new one needs", "company,name,url,credential,installationId\nNorthwind,x,https://x,,\nNorthwind,y,,,\nNorthwind,,,,\nNorthwind,z,,readers,j\n", []string{
			`line 2, column "credential": is required`, `line 3, column "installationId": is required without`, `line 4: needs an address in url, or a name`,
			`line 5, column "url": is required with --credential`,
		}},
		{"trust", "company,url,credential,fingerprint,insecure,ca\nNorthwind,https://x,readers,ab,,\nNorthwind,https://y,readers," + print64 + ",yes,\nNorthwind,https://z,readers,,,pem\n", []string{
			`line 2, column "fingerprint": is the SHA-256`, `line 3, column "fingerprint": give at most one`, `line 4, column "ca": holds no PEM certificate`,
		}},
		{"twice in the file", "company,name,url,credential\nNorthwind,x,https://x,readers\nNorthwind,y,https://X,readers\nNorthwind,X,https://y,readers\n", []string{
			`line 3, column "url": https://X stands in line 2, too`, `line 4, column "name": "X" stands in line 2, too`,
		}},
		{"one server twice", "company,name,url,credential\nNorthwind,a,https://new,readers\nNorthwind,other,https://a,readers\n", []string{"line 3: is about server 1 (a), as line 2 is"}},
		{"a host that is another one's name", "company,url,credential\nContoso,https://a:9419,readers\n", []string{
			`line 2, column "name": "a" is taken by server 1; it is the host of the address: give the server a name`,
		}},
		{"a line that is too short", "company,url,credential\nNobody,https://x,readers\nNorthwind,https://y\nNorthwind,https://z,none\n", []string{
			`line 2, column "company": there is no company "Nobody"`, `line 3: the number of cells is 2, and the header names 3 columns`,
			`line 4, column "credential": there is no credential set "none"`,
		}},
		{"names that are taken", "company,name,url,credential\nContoso,a,https://x,readers\n", []string{`line 2, column "name": "a" is taken by server 1`}},
		{"an address of several", "company,url,credential\nNorthwind,https://b,readers\n", []string{`line 2, column "url": 2 servers have this address, among them 2 (b) and 3 (b2): say which by its name`}},
		{"what cannot change", "company,name,url,product,installationId,credential\nshared,,https://a,,,\nNorthwind,,https://a,console,x,\n", []string{
			`line 2, column "company": server 1 (a) is there, and a shared server`, `line 3, column "url": https://a stands in line 2, too`,
		}},
		{"nor a product", "company,url,product\nNorthwind,https://a,console\n", []string{`line 2, column "product": server 1 (a) is there with "vbr"`}},
		{"an installation of another", "company,name,installationId\nNorthwind,x,I\nNorthwind,fed,i\nContoso,y,j\nContoso,z,J\n", []string{
			`line 2, column "installationId": "I" is that of server 4 (fed): one machine is not counted twice`, `line 5, column "installationId": "J" stands in line 4, too`,
		}},
		{"fed by import", "company,name,url,credential\nNorthwind,fed,https://fed,readers\n", []string{`line 2, column "url": this server is fed by import`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, test.file, o.refused(t, func(ctx context.Context) error {
				_, err := o.Servers(ctx, strings.NewReader(test.file), roster.ServerOptions{ManagesSets: true})
				return err
			}), test.want...)
		})
	}
	if got := o.servers(t, "company,name,url,tag.x\nNorthwind,B2,https://b,1\n"); got.Rows[0].ID != 3 { // by its name, among those with the address
		t.Errorf("%+v", got)
	}
}

// What is new, or reached otherwise, is tried with the account of its set; one that fails stops the file.
func TestServersAreTried(t *testing.T) {
	t.Parallel()
	o := withSet(t)
	o.servers(t, "company,name,url,credential\nNorthwind,a,https://a,readers\nNorthwind,b,https://b,readers\n")
	must(o.directory.AddServer(t.Context(), fleet.NewServer{Name: "own", Company: 2, URL: "https://own", Username: "u", Password: "mine"}))(t)
	var mu sync.Mutex
	var tried []string
	o.Try = func(_ context.Context, s fleet.Server) error {
		mu.Lock()
		defer mu.Unlock()
		tried = append(tried, s.Connection.URL+" "+s.Connection.Username+" "+string(s.Connection.Sealed))
		if s.ID == 0 || s.Connection.URL == "https://bad" {
			return errors.New("the password is refused")
		}
		return nil
	}
	file := "company,name,url,credential,tag.x\nNorthwind,a,https://a,readers,1\nNorthwind,b,https://b,others,1\nContoso,c,https://c,readers,\nNorthwind,own,https://own2,,\n"
	try := roster.ServerOptions{Try: true, ManagesSets: true}
	same(t, "one fails", o.refused(t, func(ctx context.Context) error {
		_, err := o.Servers(ctx, strings.NewReader(file+"Contoso,bad,https://bad,readers,\n"), try)
		return err
	}), `line 6, column "url": the password is refused`)
	tried = nil
	if got := must(o.Servers(t.Context(), strings.NewReader(file), try))(t); got.Added != 1 || got.Changed != 3 {
		t.Errorf("%+v", got)
	}
	slices.Sort(tried)
	same(t, "tried", tried, "https://b user of others others", "https://c user of readers readers", "https://own2 u mine")
}

// Rows that wait for others of their set hold up none with another account.
func TestNoRowWaitsBehindASet(t *testing.T) {
	t.Parallel()
	o := withSet(t)
	var file strings.Builder
	file.WriteString("company,name,url,credential\n")
	for i := range 40 {
		fmt.Fprintf(&file, "Northwind,s%d,https://s%d,readers\n", i, i)
	}
	file.WriteString("Contoso,last,https://last,others\n")
	last := make(chan struct{})
	o.Try = func(_ context.Context, s fleet.Server) error {
		if s.Name == "last" {
			close(last)
		}
		<-last
		return nil
	}
	if got := must(o.Servers(t.Context(), strings.NewReader(file.String()), roster.ServerOptions{Try: true, ManagesSets: true}))(t); got.Added != 41 {
		t.Errorf("%+v", got)
	}
}

// meddler is a directory in which somebody else changes something between the reading of a file and its step.
type meddler struct {
	roster.Directory

	once func()
}

func (m *meddler) PutServers(ctx context.Context, drafts []fleet.ServerDraft) ([]usage.ServerID, error) {
	if do := m.once; do != nil {
		m.once = nil
		do()
	}
	return m.Directory.PutServers(ctx, drafts)
}

// What somebody changes while a file is taken stays: a file says nothing of an account that was changed meanwhile.
func TestServersChangedMeanwhile(t *testing.T) {
	t.Parallel()
	o := open(t)
	c := must(o.directory.AddCompany(t.Context(), fleet.NewCompany{Name: "a"}))(t)
	v := must(o.directory.AddServer(t.Context(), fleet.NewServer{Name: "own", Company: c.ID, URL: "https://own", Username: "u", Password: "p"}))(t)
	rotated, password := "rotated", "new"
	o.Directory = &meddler{o.directory, func() {
		must(o.directory.EditServer(t.Context(), v.ID, fleet.ServerEdit{Username: &rotated, Password: &password}))(t)
	}}
	if r := o.servers(t, "url,company,tag.x\nhttps://own,a,1\n"); r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	got := must(o.store.Server(t.Context(), v.ID))(t)
	if got.Connection.Username != rotated || string(got.Connection.Sealed) != password || got.Tags["x"] != "1" {
		t.Errorf("%+v %+v", got, got.Connection)
	}
}

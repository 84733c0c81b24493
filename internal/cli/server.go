package cli

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

type serverCmd struct {
	Add      serverAdd      `cmd:"" help:"Add a server. Example: echo \"$PASSWORD\" | tallystick server add --company 2 --url https://vbr01:9419 --username 'VBR01\\tally' --password-stdin --fingerprint SHA256"`
	List     serverList     `cmd:"" help:"List servers and their last readings. Example: tallystick server list"`
	Test     serverTest     `cmd:"" help:"Log in to a server and say what is there, or what is wrong. Reads only. Example: tallystick server test name:VBR01"`
	Edit     serverEdit     `cmd:"" help:"Change a server. Example: tallystick server edit name:VBR01 --every 1h"`
	Import   serverImport   `cmd:"" help:"Take servers from a CSV file, all or none; the same file again changes nothing. Example: tallystick server import servers.csv --dry-run"`
	Readings serverReadings `cmd:"" help:"A server's readings and gaps, with the numbers of their entries. Example: tallystick server readings name:VBR01 --from 2026-10-01"`
	Remove   serverRemove   `cmd:"" help:"Remove a server; its history stays. Example: tallystick server remove name:VBR01 --from 2026-10-01"`
}

// serverJSON is a server in --json answers. The password is never in it.
type serverJSON struct {
	ID             usage.ServerID   `json:"id"`
	Name           string           `json:"name"`
	Product        usage.Product    `json:"product"`
	Company        *usage.CompanyID `json:"company"` // null: shared
	Shared         bool             `json:"shared"`
	InstallationID string           `json:"installationId"`
	Twins          []usage.ServerID `json:"sameInstallation,omitempty"` // the other servers that have it
	URL            *string          `json:"url"`                        // null: fed by import
	Username       string           `json:"username,omitempty"`
	Credential     string           `json:"credential,omitempty"` // the name of its credential set
	Domain         string           `json:"domain"`
	Authority      string           `json:"authority"`
	Every          string           `json:"every"`
	LastReading    *time.Time       `json:"lastReading"`
	Gap            string           `json:"gap,omitempty"`
	RepositoriesAt *time.Time       `json:"repositoriesAt,omitempty"` // when they were read last
	JobsAt         *time.Time       `json:"jobsAt,omitempty"`
	NotRead        string           `json:"notRead,omitempty"` // why repositories or jobs were not, the last time

	ExternalIDs map[string]string `json:"externalIds"`
	Tags        map[string]string `json:"tags"`
}

func toServerJSON(s *fleet.Server, sets []fleet.Credential) serverJSON {
	j := serverJSON{
		ID: s.ID, Name: s.Name, Product: s.Product, Shared: s.Shared, InstallationID: s.InstallationID,
		Domain: s.Domain, Authority: string(s.Authority), Every: every(s.Interval),
		ExternalIDs: orEmpty(s.ExternalIDs), Tags: orEmpty(s.Tags),
	}
	if !s.Shared {
		j.Company = &s.Company
	}
	if s.Connection != nil {
		j.URL, j.Username = &s.Connection.URL, s.Connection.Username
		for i := range sets {
			if sets[i].ID == s.Connection.Credential {
				j.Credential = sets[i].Name
			}
		}
	}
	return j
}

// every writes an interval as it is given: 4h0m0s is 4h.
func every(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (e *env) printServer(a *app.App, s *fleet.Server, done string) error {
	if e.json {
		sets, err := a.Store.Credentials(e.ctx)
		if err != nil {
			return err
		}
		return e.printJSON(toServerJSON(s, sets))
	}
	e.say("Server %d (%s) is %s.", s.ID, s.Name, done)
	return nil
}

// tlsFlags say what is trusted.
type tlsFlags struct {
	CA          string `name:"ca" help:"Trust the authorities in this PEM file." placeholder:"FILE"`
	Fingerprint string `help:"Trust the certificate with this SHA-256." placeholder:"SHA256"`
	Insecure    bool   `help:"Do not verify the certificate."`
}

func (t *tlsFlags) read() (fleet.TLS, error) {
	trust := fleet.TLS{Fingerprint: t.Fingerprint, Insecure: t.Insecure}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return trust, mistake("--ca", "%v", err)
		}
		trust.CA = string(pem)
	}
	return trust, nil
}

func (t *tlsFlags) given() bool { return *t != tlsFlags{} }

type serverAdd struct {
	Company        string        `help:"The company that it belongs to: number, GUID or name:…" placeholder:"COMPANY"`
	Shared         bool          `help:"The provider's own server, whose workloads name their tenant."`
	URL            string        `name:"url" help:"https://host:9419; without it the server is fed by import."`
	Credential     string        `help:"A credential set, instead of the two that follow." placeholder:"NAME"`
	Username       string        `help:"Account on the server; it must be a Backup Administrator there (only reads are made)."`
	PasswordStdin  bool          `help:"Read the password from standard input, up to the first line break."`
	Name           string        `help:"A name for it; default: the host of the URL."`
	InstallationID string        `name:"installation-id" help:"The installation id that imported readings state." placeholder:"UUID"`
	Cloned         bool          `help:"Another server has the same installation id, because one was cloned from the other: both are counted."`
	Product        usage.Product `help:"vbr, cloudConnect or console." default:"vbr" enum:"vbr,cloudConnect,console"`
	Domain         string        `help:"Servers of one company with the same domain are counted together (one Enterprise Manager)." placeholder:"NAME"`
	Authority      string        `help:"Whose figures answer: the server's counters (reported) or our count (computed)." default:"reported" enum:"reported,computed"`
	Every          time.Duration `help:"Interval between readings; default 4h, fed by pushes or imports 744h: figures are stale after three times it." placeholder:"4h"`
	tlsFlags
	labelFlags
}

func (c *serverAdd) Run(e *env) error {
	a, err := e.app(true)
	if err != nil {
		return err
	}
	n := fleet.NewServer{
		Name: c.Name, Product: c.Product, Shared: c.Shared, InstallationID: c.InstallationID, Cloned: c.Cloned, Domain: c.Domain,
		Authority: metering.Authority(c.Authority), Interval: c.Every, URL: c.URL, Username: c.Username,
		ManagesSets: true, // whoever holds the store may do anything
	}
	if n.TLS, err = c.read(); err != nil {
		return err
	}
	if n.Labels, err = c.labels(); err != nil {
		return err
	}
	if c.Credential != "" {
		set, err := a.Fleet.FindCredential(e.ctx, c.Credential)
		if err != nil {
			return err
		}
		n.Credential = set.ID
	}
	if c.Company != "" {
		company, err := a.Fleet.FindCompany(e.ctx, c.Company)
		if err != nil {
			return err
		}
		n.Company = company.ID
	}
	if c.PasswordStdin {
		if n.Password, err = e.password("Password of " + c.Username); err != nil {
			return err
		}
	}
	server, err := a.Fleet.AddServer(e.ctx, n)
	if err != nil {
		return err
	}
	if err := e.printServer(a, &server, "added"); err != nil || e.json {
		return err
	}
	if server.Connection != nil {
		e.say("Try it: tallystick server test %d", server.ID)
	}
	return nil
}

type serverList struct{ labelFilter }

func (c *serverList) Run(e *env) error {
	want, err := c.labels()
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	servers, err := a.Store.Servers(e.ctx)
	if err != nil {
		return err
	}
	all := servers
	servers = slices.DeleteFunc(slices.Clone(all), func(s fleet.Server) bool { return !s.HasLabels(want) })
	sets, err := a.Store.Credentials(e.ctx)
	if err != nil {
		return err
	}
	readings, err := a.Ledger.Readings(e.ctx)
	if err != nil {
		return err
	}
	inventories, err := a.Store.Inventories(e.ctx)
	if err != nil {
		return err
	}
	installations := fleet.InstallationsOf(all)
	list := make([]serverJSON, len(servers))
	for i := range servers {
		list[i] = toServerJSON(&servers[i], sets)
		for _, twin := range installations.Twins(&servers[i]) {
			list[i].Twins = append(list[i].Twins, twin.ID)
		}
		for j := range inventories {
			if v := &inventories[j]; v.Server == servers[i].ID {
				list[i].RepositoriesAt, list[i].JobsAt, list[i].NotRead = v.RepositoriesAt, v.JobsAt, v.Failed
			}
		}
		for j := range readings {
			if r := &readings[j]; r.Server == servers[i].ID {
				if r.Last != nil {
					list[i].LastReading = &r.Last.TakenAt
				}
				if r.Gap != nil {
					list[i].Gap = r.Gap.Text
				}
			}
		}
	}
	if e.json {
		return e.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i := range list {
		s := &list[i]
		owner := "shared"
		if s.Company != nil {
			owner = s.Company.String()
		}
		source, state := "import", "no reading in force"
		if s.URL != nil {
			source = *s.URL
		}
		switch {
		case s.LastReading != nil && s.Gap != "":
			state = "read " + timeText(s.LastReading) + "; since then: " + s.Gap
		case s.LastReading != nil:
			state = "read " + timeText(s.LastReading)
		case s.Gap != "":
			state += "; last attempt: " + s.Gap
		}
		if s.NotRead != "" {
			state += "; repositories and jobs: " + s.NotRead
		}
		if len(s.Twins) > 0 {
			state += fmt.Sprintf("; the installation id is also that of server %s: each is counted", strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Twins), "[]"), " ", ", "))
		}
		rows[i] = []string{s.ID.String(), s.Name, string(s.Product), owner, s.Every, source, state}
	}
	return e.table("ID|NAME|PRODUCT|COMPANY|EVERY|SOURCE|STATE", rows)
}

// serverRef is the argument that names a server.
type serverRef struct {
	Server string `arg:"" help:"Number, installation id or name:…"`
}

func (c *serverRef) find(e *env) (*app.App, fleet.Server, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, fleet.Server{}, err
	}
	server, err := a.Fleet.FindServer(e.ctx, c.Server)
	return a, server, err
}

// findEver is find for what is asked of the past: the server may have been removed.
func (c *serverRef) findEver(e *env) (*app.App, fleet.Server, error) {
	a, err := e.app(false)
	if err != nil {
		return nil, fleet.Server{}, err
	}
	server, err := a.Fleet.FindServerEver(e.ctx, c.Server)
	return a, server, err
}

type serverTest struct{ serverRef }

func (c *serverTest) Run(e *env) error {
	a, server, err := c.find(e)
	if err != nil {
		return err
	}
	found, err := a.Test(e.ctx, server)
	if err != nil {
		return err
	}
	servers, err := a.Store.Servers(e.ctx)
	if err != nil {
		return err
	}
	server.InstallationID = found.InstallationID
	if hint := fleet.TwinHint(fleet.InstallationsOf(servers).Twins(&server)); hint != "" {
		found.Hints = append(found.Hints, hint)
	}
	if e.json {
		return e.printJSON(map[string]any{
			"product": found.Product, "version": found.Version, "revision": found.Revision, "serverName": found.ServerName,
			"installationId": found.InstallationID, "license": licenseText(&found.License), "fingerprint": found.Fingerprint, "hints": append([]string{}, found.Hints...),
		})
	}
	if err := e.printFinding(&found); err != nil {
		return err
	}
	for _, hint := range found.Hints {
		e.say("Note: %s", hint)
	}
	return nil
}

func (e *env) printFinding(f *collect.Finding) error {
	return e.table("SERVER|"+f.ServerName, [][]string{
		{"product", f.Product + " " + f.Version},
		{"API revision", f.Revision},
		{"installation id", f.InstallationID},
		{"license", licenseText(&f.License)},
		{"certificate", f.Fingerprint + " (SHA-256)"},
	})
}

func licenseText(l *usage.License) string {
	parts := []string{string(l.Type)}
	for _, p := range []string{l.Edition, l.Package, l.Status} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if l.Licensed != nil {
		parts = append(parts, l.Licensed.String()+" "+strings.ToLower(string(l.Unit)))
	}
	if l.ExpiresAt != nil {
		parts = append(parts, "until "+l.ExpiresAt.Format(time.DateOnly))
	}
	for _, s := range l.Sections {
		parts = append(parts, strings.ToLower(s.Kind)+" "+s.Used.String()+" of "+s.Licensed.String())
	}
	return strings.Join(parts, ", ")
}

type serverEdit struct {
	serverRef
	Name          *string        `help:"A new name."`
	Company       *string        `help:"Give it to another company." placeholder:"COMPANY"`
	URL           *string        `name:"url" help:"A new address."`
	Credential    *string        `help:"Log in with a credential set; --username and --password-stdin give it an account of its own again." placeholder:"NAME"`
	Username      *string        `help:"Another account."`
	PasswordStdin bool           `help:"Read a new password from standard input."`
	NewKey        bool           `help:"The key file is lost: make a new one. Every server's password must then be given again."`
	Domain        *string        `help:"Another counting domain; empty for none." placeholder:"NAME"`
	Authority     *string        `help:"reported or computed." placeholder:"WHOSE"`
	Every         *time.Duration `help:"Another interval between readings." placeholder:"4h"`
	From          *string        `help:"Company, domain, authority and interval are valid from this time; default now." placeholder:"TIME"`
	tlsFlags
	labelFlags
}

func (c *serverEdit) Run(e *env) error {
	from, err := instant("--from", c.From)
	if err != nil {
		return err
	}
	a, server, err := c.find(e)
	if err != nil {
		return err
	}
	edit := fleet.ServerEdit{
		Name: c.Name, URL: c.URL, Username: c.Username, Domain: c.Domain, Interval: c.Every, From: from,
		Authority: (*metering.Authority)(c.Authority), ManagesSets: true,
	}
	if edit.Labels, err = c.labels(); err != nil {
		return err
	}
	if c.Credential != nil {
		set, err := a.Fleet.FindCredential(e.ctx, *c.Credential)
		if err != nil {
			return err
		}
		edit.Credential = &set.ID
	}
	if c.given() {
		trust, err := c.read()
		if err != nil {
			return err
		}
		edit.TLS = &trust
	}
	if c.Company != nil {
		company, err := a.Fleet.FindCompany(e.ctx, *c.Company)
		if err != nil {
			return err
		}
		edit.Company = &company.ID
	}
	if c.NewKey {
		if err := a.NewKey(); err != nil {
			return err
		}
	}
	if c.PasswordStdin {
		password, err := e.password("New password")
		if err != nil {
			return err
		}
		edit.Password = &password
	}
	was := server
	if server, err = a.Fleet.EditServer(e.ctx, server.ID, edit); err != nil {
		return err
	}
	done := "changed"
	if from.IsZero() && !c.NewKey && reflect.DeepEqual(was, server) {
		done = asBefore
	}
	return e.afterFleetChange(a, e.printServer(a, &server, done))
}

type serverRemove struct {
	serverRef
	From *string `help:"It is gone from this time; default now." placeholder:"TIME"`
}

func (c *serverRemove) Run(e *env) error {
	from, err := instant("--from", c.From)
	if err != nil {
		return err
	}
	a, server, err := c.find(e)
	if err != nil {
		return err
	}
	if c.From == nil {
		if from, err = a.RemovalFrom(e.ctx, server.ID); err != nil {
			return err
		}
	}
	if err := a.Fleet.RemoveServer(e.ctx, server.ID, from); err != nil {
		return err
	}
	if err := a.Alarms.Check(e.ctx, server.ID); err != nil {
		return err
	}
	return e.afterFleetChange(a, e.printServer(a, &server, "removed; its history stays"))
}

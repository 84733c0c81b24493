package v1

import (
	"encoding/base64"
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// server is a server as answers have it; its password is in none.
type server struct {
	ID              int64       `json:"id"`
	Name            string      `json:"name"`
	Product         string      `json:"product"`
	Company         *int64      `json:"company"` // null: it is shared
	Shared          bool        `json:"shared"`
	InstallationID  string      `json:"installationId"`
	Twins           []int64     `json:"sameInstallation"` // the others that the caller sees with the same installation id (C34)
	ExternalIDs     query.Pairs `json:"externalIds"`
	Tags            query.Pairs `json:"tags"`
	Connection      *connection `json:"connection"` // null: it is fed by pushes and imports, or the caller is a company's
	Domain          string      `json:"domain"`
	Authority       string      `json:"authority"`
	IntervalSeconds int64       `json:"intervalSeconds"`
	CreatedAt       instant     `json:"createdAt"`
	RemovedAt       *instant    `json:"removedAt"`
	LastReadingAt   *instant    `json:"lastReadingAt"`
	Gap             *gap        `json:"gap"` // why it was not read since

	secret []byte `json:"-"` // the password, as it is sealed: it is edited, too
}

// serverEdition is what is edited of a server.
type serverEdition struct {
	Server server `json:"server"`
	Secret string `json:"secret"`
}

func (v server) edition() any {
	secret := base64.RawStdEncoding.EncodeToString(v.secret)
	v.LastReadingAt, v.Gap, v.Twins, v.InstallationID = nil, nil, nil, "" // of which a reading tells
	return serverEdition{v, secret}
}

// connection is how a server is reached.
type connection struct {
	URL         string `json:"url"`
	Username    string `json:"username"`
	Credential  *int64 `json:"credential"` // the credential set; null: the server has an account of its own
	Fingerprint string `json:"fingerprint"`
	CA          string `json:"ca"`
	Insecure    bool   `json:"insecure"`
}

// gap is a reading that did not come about.
type gap struct {
	At     instant `json:"at"`
	Reason string  `json:"reason"`
	Text   string  `json:"text"`
}

func toGap(g *usage.Gap) *gap {
	if g == nil {
		return nil
	}
	return &gap{instant(g.At), string(g.Reason), g.Text}
}

func toServer(c *call, v *fleet.Server, r *ledger.ServerReadings, installations fleet.Installations) server {
	out := server{
		ID: int64(v.ID), Name: v.Name, Product: string(v.Product), Shared: v.Shared, InstallationID: v.InstallationID, Domain: v.Domain,
		Authority: string(v.Authority), IntervalSeconds: int64(v.Interval / time.Second), CreatedAt: instant(v.CreatedAt), RemovedAt: at(v.RemovedAt),
		ExternalIDs: query.Pairs(v.ExternalIDs), Tags: query.Pairs(v.Tags), Twins: []int64{},
	}
	for _, twin := range installations.Twins(v) {
		out.Twins = append(out.Twins, int64(twin.ID))
	}
	if !v.Shared {
		out.Company = numberOrNull(v.Company)
	}
	if n := v.Connection; n != nil && c.only() == 0 {
		out.secret = n.Sealed
		out.Connection = &connection{n.URL, n.Username, numberOrNull(n.Credential), n.TLS.Fingerprint, n.TLS.CA, n.TLS.Insecure}
	}
	if r != nil {
		out.Gap = c.gap(r.Gap)
		if r.Last != nil {
			out.LastReadingAt = at(&r.Last.TakenAt)
		}
	}
	return out
}

func (s *Surface) listServers(c *call) (any, error) {
	company, err := s.companyOption(c)
	if err != nil {
		return nil, err
	}
	servers, err := s.Servers.Servers(c.ctx())
	if err != nil {
		return nil, err
	}
	readings, err := s.Ledger.Readings(c.ctx())
	if err != nil {
		return nil, err
	}
	of := make(map[usage.ServerID]*ledger.ServerReadings, len(readings))
	for i := range readings {
		of[readings[i].Server] = &readings[i]
	}
	installations := fleet.InstallationsOf(c.seen(servers))
	list := []server{}
	for i := range servers {
		if v := &servers[i]; company == 0 || !v.Shared && v.Company == company {
			list = append(list, toServer(c, v, of[v.ID], installations))
		}
	}
	return rowsOf("id", list), nil
}

// seen gives those of the servers that the caller sees.
func (c *call) seen(servers []fleet.Server) []fleet.Server {
	if c.only() == 0 {
		return servers
	}
	return slices.DeleteFunc(slices.Clone(servers), func(v fleet.Server) bool { return v.Shared || v.Company != c.only() })
}

// installations finds the servers that the caller sees by their installation ids.
func (s *Surface) installations(c *call) (fleet.Installations, error) {
	servers, err := s.Servers.Servers(c.ctx())
	return fleet.InstallationsOf(c.seen(servers)), err
}

// shown is a server with its readings.
func (s *Surface) shown(c *call, v *fleet.Server) (server, error) {
	installations, err := s.installations(c)
	if err != nil {
		return server{}, err
	}
	readings, err := s.Ledger.Readings(c.ctx(), v.ID)
	if err != nil || len(readings) == 0 { // a removed one has none
		return toServer(c, v, nil, installations), err
	}
	return toServer(c, v, &readings[0], installations), nil
}

func (s *Surface) getServer(c *call) (any, error) {
	found, err := s.server(c, access.Read)
	if err != nil {
		return nil, err
	}
	out, err := s.shown(c, &found)
	return object{value: out}, err
}

// serverChange is what a request says of a server; nil: nothing.
type serverChange struct {
	Name            *string           `json:"name"`
	Product         *string           `json:"product"`
	Company         *int64            `json:"company"`
	Shared          *bool             `json:"shared"`
	InstallationID  *string           `json:"installationId"`
	Cloned          *bool             `json:"cloned"` // of one that is added: another may have the same installation id
	Connection      *connectionChange `json:"connection"`
	Domain          *string           `json:"domain" null:"clears"`
	Authority       *string           `json:"authority"`
	IntervalSeconds *int64            `json:"intervalSeconds"`
	ExternalIDs     labelChange       `json:"externalIds"`
	Tags            labelChange       `json:"tags"`
	From            *time.Time        `json:"from"` // from when company, domain, authority and interval are valid; now
}

type connectionChange struct {
	URL         *string `json:"url"`
	Username    *string `json:"username"`
	Password    *string `json:"password"`
	Credential  *int64  `json:"credential" null:"clears"` // a credential set, instead of username and password
	Fingerprint *string `json:"fingerprint" null:"clears"`
	CA          *string `json:"ca" null:"clears"`
	Insecure    *bool   `json:"insecure" null:"clears"`
}

// trust gives what is said of that; nil: nothing is.
func (in *connectionChange) trust() *fleet.TLS {
	if in.Fingerprint == nil && in.CA == nil && in.Insecure == nil {
		return nil
	}
	var t fleet.TLS
	set(&t.Fingerprint, in.Fingerprint)
	set(&t.CA, in.CA)
	set(&t.Insecure, in.Insecure)
	return &t
}

// safe refuses to send a password that is kept to where it was not sent before: whoever changes the address, or what is trusted there, knows
// the account, or names its set again. How a server is reached is the business of whoever manages all of them.
func (in *connectionChange) safe(c *call, was *fleet.Connection) error {
	switch {
	case in == nil || was == nil:
		return nil
	case c.only() != 0:
		return c.forProvider(access.ManageServers)
	case in.Password != nil || in.Credential != nil:
		return nil
	case in.URL != nil && *in.URL != was.URL, in.trust() != nil && *in.trust() != was.TLS:
		c.fail("connection.password", "is given again with another url, fingerprint, ca or insecure, or else a credential set")
	}
	return c.err()
}

// ownAccount takes a credential set that is null for what it means: the server has an account of its own, which is given with it.
func (in *connectionChange) ownAccount(c *call, was *fleet.Connection) error {
	if in == nil || in.Credential == nil || *in.Credential != 0 {
		return nil
	}
	if was != nil && was.Credential != 0 && (in.Username == nil || in.Password == nil) {
		c.fail("connection.credential", "is null: give username and password of the server's own account with it")
	}
	in.Credential = nil
	return c.err()
}

// asNew is a request for a new server.
func (in *serverChange) asNew(c *call) fleet.NewServer {
	n := fleet.NewServer{Labels: labels(&in.ExternalIDs, &in.Tags), ManagesSets: c.managesSets()}
	set(&n.Name, in.Name)
	set((*string)(&n.Product), in.Product)
	set((*int64)(&n.Company), in.Company)
	set(&n.Shared, in.Shared)
	set(&n.InstallationID, in.InstallationID)
	set(&n.Cloned, in.Cloned)
	set(&n.Domain, in.Domain)
	set((*string)(&n.Authority), in.Authority)
	if in.IntervalSeconds != nil {
		n.Interval = seconds(*in.IntervalSeconds)
	}
	if l := in.Connection; l != nil {
		set(&n.URL, l.URL)
		set(&n.Username, l.Username)
		set(&n.Password, l.Password)
		set((*int64)(&n.Credential), l.Credential)
		set(&n.TLS, l.trust())
	}
	return n
}

// seconds are those of an interval; so many that no interval has them stay too many.
func seconds(n int64) time.Duration {
	return time.Duration(max(-1, min(n, int64(10*366*24*time.Hour/time.Second)))) * time.Second
}

func (s *Surface) addServer(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	var in serverChange
	if err := c.readAll(&in); err != nil {
		return nil, err
	}
	if in.From != nil {
		c.fail("from", "goes with a change: a server that is added counts from now on")
	}
	if err := c.also(in.asNew(c).Check); err != nil {
		return nil, err
	}
	if in.Company != nil && *in.Company != 0 {
		if err := s.given(c, *in.Company, access.ManageServers); err != nil {
			return nil, err
		}
	}
	added, err := s.Directory.AddServer(c.ctx(), in.asNew(c))
	if err != nil {
		return nil, err
	}
	installations, err := s.installations(c)
	if err != nil {
		return nil, err
	}
	return made(toServer(c, &added, nil, installations), "/servers/"+added.ID.String()), nil
}

func (s *Surface) editServer(c *call) (any, error) {
	found, err := s.server(c, access.ManageServers)
	if err != nil {
		return nil, err
	}
	var in serverChange
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Product != nil && *in.Product != string(found.Product) || in.Shared != nil && *in.Shared != found.Shared || in.InstallationID != nil && *in.InstallationID != found.InstallationID {
		c.fail("product, shared, installationId", "stay what they are: another server is another server")
		return nil, c.err()
	}
	if in.Cloned != nil {
		c.fail("cloned", "goes with a server that is added")
		return nil, c.err()
	}
	if in.Company != nil {
		if err := s.given(c, *in.Company, access.ManageServers); err != nil {
			return nil, err
		}
	}
	if err := in.Connection.ownAccount(c, found.Connection); err != nil {
		return nil, err
	}
	if err := in.Connection.safe(c, found.Connection); err != nil {
		return nil, err
	}
	e := fleet.ServerEdit{
		Labels: labels(&in.ExternalIDs, &in.Tags), Name: in.Name, Company: (*usage.CompanyID)(in.Company), Domain: in.Domain,
		Authority: (*metering.Authority)(in.Authority), ManagesSets: c.managesSets(),
	}
	e.When = func(now *fleet.Server) error {
		in.ExternalIDs.from(now.ExternalIDs, e.Labels.ExternalIDs)
		in.Tags.from(now.Tags, e.Labels.Tags)
		return c.matchServer(now)
	}
	set(&e.From, in.From)
	if in.IntervalSeconds != nil {
		interval := seconds(*in.IntervalSeconds)
		e.Interval = &interval
	}
	if l := in.Connection; l != nil {
		e.URL, e.Username, e.Password, e.TLS, e.Credential = l.URL, l.Username, l.Password, l.trust(), (*fleet.CredentialID)(l.Credential)
	}
	changed, err := s.Directory.EditServer(c.ctx(), found.ID, e)
	if err != nil {
		return nil, c.aside(err, "The name is taken.")
	}
	out, err := s.shown(c, &changed)
	return object{value: out}, err
}

func (s *Surface) removeServer(c *call) (any, error) {
	found, err := s.server(c, access.ManageServers)
	if err != nil {
		return nil, err
	}
	from := c.instant("from")
	if err := c.err(); err != nil {
		return nil, err
	}
	if from.IsZero() {
		if from, err = s.Console.RemovalFrom(c.ctx(), found.ID); err != nil {
			return nil, err
		}
	}
	return nothing{}, s.Directory.RemoveServer(c.ctx(), found.ID, from, c.matchServer)
}

func (c *call) matchServer(now *fleet.Server) error { return c.match(toServer(c, now, nil, nil)) }

// finding is what a log-in found.
type finding struct {
	OK             bool     `json:"ok"`
	Failure        *failure `json:"failure"` // why not; null: it went well
	Product        string   `json:"product"`
	Version        string   `json:"version"`
	Revision       string   `json:"revision"`
	ServerName     string   `json:"serverName"`
	InstallationID string   `json:"installationId"`
	License        license  `json:"license"`
	Fingerprint    string   `json:"fingerprint"`
	Hints          []string `json:"hints"`
}

// failure is why a log-in did not go well, in words that say what to do.
type failure struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// license is what a server says of its own.
type license struct {
	Type       string   `json:"type"`
	Edition    string   `json:"edition"`
	Package    string   `json:"package"`
	Unit       string   `json:"unit"`
	Status     string   `json:"status"`
	LicensedTo string   `json:"licensedTo"`
	ExpiresAt  *instant `json:"expiresAt"`
}

func toFinding(c *call, f *api.Finding) finding {
	l := &f.License
	if f.Failed != nil {
		failed := &failure{string(f.Failed.Reason), f.Failed.Text}
		if c.only() != 0 {
			failed.Text = "" // as of gaps
		}
		return finding{Failure: failed, Hints: []string{}}
	}
	return finding{
		true, nil, f.Product, f.Version, f.Revision, f.ServerName, f.InstallationID,
		license{string(l.Type), l.Edition, l.Package, string(l.Unit), l.Status, l.LicensedTo, at(l.ExpiresAt)},
		f.Fingerprint, append([]string{}, f.Hints...),
	}
}

func (s *Surface) testServer(c *call) (any, error) {
	found, err := s.server(c, access.ManageServers)
	if err != nil {
		return nil, err
	}
	if found.Connection == nil {
		return nil, nothingToRead(&found)
	}
	return s.tested(c, &found)
}

func nothingToRead(v *fleet.Server) error {
	return fault.New(fault.Conflict, "%s is fed by pushes and imports: there is nothing to read.", v.Name)
}

// testConnection tests one that is not kept.
func (s *Surface) testConnection(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	var in serverChange
	if err := c.read(&in); err != nil {
		return nil, err
	}
	probe, err := s.Directory.Probe(c.ctx(), in.asNew(c))
	if err != nil {
		return nil, err
	}
	return s.tested(c, &probe)
}

func (s *Surface) tested(c *call, v *fleet.Server) (any, error) {
	found, err := s.Console.Test(c.ctx(), *v)
	if err != nil {
		return nil, err
	}
	installations, err := s.installations(c)
	if err != nil {
		return nil, err
	}
	if hint := fleet.TwinHint(installations.Twins(&fleet.Server{ID: v.ID, InstallationID: found.InstallationID})); hint != "" {
		found.Hints = append(found.Hints, hint)
	}
	return object{value: toFinding(c, &found)}, nil
}

func (s *Surface) listSchedule(c *call) (any, error) {
	company, err := s.companyOption(c)
	if err != nil {
		return nil, err
	}
	servers, err := s.Servers.Servers(c.ctx())
	if err != nil {
		return nil, err
	}
	mine := make(map[usage.ServerID]bool)
	for i := range servers {
		mine[servers[i].ID] = company == 0 || !servers[i].Shared && servers[i].Company == company
	}
	status, err := s.Console.Schedule(c.ctx())
	if err != nil {
		return nil, err
	}
	list := []scheduled{}
	for _, v := range status {
		if mine[v.Server] {
			list = append(list, s.toScheduled(c, &v))
		}
	}
	return rowsOf("server", list), nil
}

// entry is one line of a server's history.
type entry struct {
	Entry      int64       `json:"entry"`
	TakenAt    instant     `json:"takenAt"`
	RecordedAt instant     `json:"recordedAt"`
	ListRead   bool        `json:"listRead"`
	Gap        *gap        `json:"gap"`     // null: a reading
	Revoked    *revocation `json:"revoked"` // null: it is in force
}

// revocation says who revoked an entry, when and why (C44).
type revocation struct {
	Entry      int64   `json:"entry"`
	RecordedAt instant `json:"recordedAt"`
	Reason     string  `json:"reason"`
	Actor      string  `json:"actor"`
}

// readingsBack is how far back readings are listed where nothing is said.
const readingsBack = 31 * 24 * time.Hour

func (s *Surface) listReadings(c *call) (any, error) {
	found, err := s.server(c, access.Read)
	if err != nil {
		return nil, err
	}
	from, until := c.period(s.Now().Add(time.Hour), func(end time.Time) time.Time { return end.Add(-readingsBack) })
	if err := c.err(); err != nil {
		return nil, err
	}
	entries, err := s.History.Entries(c.ctx(), found.ID, from, until)
	if err != nil {
		return nil, err
	}
	mine, err := s.whileOwned(c, &found)
	if err != nil {
		return nil, err
	}
	list := []entry{}
	for i := range entries {
		x := &entries[i]
		if !mine(x.At) {
			continue
		}
		one := entry{int64(x.Position), instant(x.At), instant(x.RecordedAt), x.Listed, c.gap(x.Gap), nil}
		if r := x.Revoked; r != nil {
			one.Revoked = &revocation{int64(r.Position), instant(r.RecordedAt), r.Reason, r.Actor}
		}
		list = append(list, one)
	}
	return rowsOf("takenAt,entry", list), nil
}

// whileOwned tells whether a server was the caller's at an instant; it always was to whoever sees all companies.
func (s *Surface) whileOwned(c *call, v *fleet.Server) (func(time.Time) bool, error) {
	if c.only() == 0 {
		return func(time.Time) bool { return true }, nil
	}
	return s.Ledger.Owned(c.ctx(), v.ID, c.only())
}

// gap is a gap as a caller may see it: where a server is, and with which account it is read, is the provider's business.
func (c *call) gap(g *usage.Gap) *gap {
	out := toGap(g)
	if out != nil && c.only() != 0 {
		out.Text = ""
	}
	return out
}

// period reads the options from and until; where they are not given, it ends at an instant and begins as long before its end.
func (c *call) period(end time.Time, begin func(time.Time) time.Time) (from, until time.Time) {
	from, until = c.instant("from"), c.instant("until")
	if until.IsZero() {
		until = end
	}
	if from.IsZero() {
		from = begin(until)
	}
	if len(c.wrong) == 0 && !from.Before(until) {
		c.fail("from", "is not before until")
	}
	return from, until
}

// correction is what a request says to revoke an entry.
type correction struct {
	Reason string `json:"reason"`
}

func (s *Surface) correctEntry(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	number, err := c.record("entry", "entry")
	if err != nil {
		return nil, err
	}
	var in correction
	if err := c.read(&in); err != nil {
		return nil, err
	}
	receipt, err := s.Ledger.Correct(c.ctx(), ledger.Correction{Entry: usage.Position(number), Reason: in.Reason, Actor: c.actor.Name})
	if err != nil {
		return nil, err
	}
	return object{value: revocation{int64(receipt.Position), instant(receipt.RecordedAt), in.Reason, c.actor.Name}}, nil
}

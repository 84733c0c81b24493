package fleet

import (
	"context"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// The bounds of an interval between readings.
const (
	intervalMin = time.Minute
	intervalMax = 366 * 24 * time.Hour
)

// NewServer is the input of AddServer. With a URL it is a server that we read,
// without one it is fed by import.
type NewServer struct {
	Name           string // default: the host of the URL
	Product        usage.Product
	Company        usage.CompanyID // 0 with Shared
	Shared         bool
	InstallationID string
	Cloned         bool // another server that is there may have the same (C34)
	Domain         string
	Authority      metering.Authority
	Interval       time.Duration // 0: the default of C32
	URL            string
	Credential     CredentialID // instead of the two that follow
	Username       string
	Password       string
	TLS            TLS
	// ManagesSets: whoever asks manages credential sets, and so may use one where it was not used before.
	ManagesSets bool
	Labels
}

// AddServer adds a server. Conflict: the name is taken, or the installation id is another one's.
func (d *Directory) AddServer(ctx context.Context, n NewServer) (Server, error) {
	var fields []fault.Field
	s := n.server(&fields)
	if err := d.admit(ctx, nil, &s, n.ManagesSets, &fields); err != nil {
		return Server{}, err
	}
	if err := fault.InvalidFields("the server is not added", fields); err != nil {
		return Server{}, err
	}
	if !n.Shared {
		if _, err := d.present(ctx, n.Company); err != nil {
			return Server{}, err
		}
	}
	now := usage.Truncate(d.Now())
	s.CreatedAt = now
	var seal func(usage.ServerID) ([]byte, error)
	if s.Connection != nil && s.Connection.Credential == 0 {
		seal = func(id usage.ServerID) ([]byte, error) { return d.Seal(id, n.Password) }
	}
	added, err := d.Servers.AddServer(audit.Note(ctx, audit.Added, serverChanges(&Server{}, &s)), s, s.firstFacts(now), seal, now)
	if n.Name == "" && fault.Is(err, fault.Conflict) {
		if _, taken := d.FindServer(ctx, "name:"+s.Name); taken == nil {
			err = fault.Wrap(err, fault.Conflict, "%s; it is the host of the address: give the server a name", fault.Text(err))
		}
	}
	return added, err
}

// firstFacts are those of a server that is new.
func (s *Server) firstFacts(now time.Time) func(usage.ServerID) []usage.Fact {
	return func(id usage.ServerID) []usage.Fact {
		subject := usage.ServerSubject(id)
		return []usage.Fact{
			{Subject: subject, Attribute: usage.AttrCompany, Value: s.Company.String(), ValidFrom: now},
			{Subject: subject, Attribute: usage.AttrDomain, Value: s.Domain, ValidFrom: now},
			{Subject: subject, Attribute: usage.AttrAuthority, Value: string(s.Authority), ValidFrom: now},
			{Subject: subject, Attribute: usage.AttrInterval, Value: seconds(s.Interval), ValidFrom: now},
			{Subject: subject, Attribute: usage.AttrRemoved, Value: "false", ValidFrom: now},
		}
	}
}

// Check names what is wrong with the input.
func (n NewServer) Check() (fields []fault.Field) {
	n.server(&fields)
	return fields
}

func (n NewServer) server(fields *[]fault.Field) Server {
	add := func(path, text string) { *fields = append(*fields, fault.Field{Path: path, Text: text}) }
	s := Server{
		Product: n.Product, Company: n.Company, Shared: n.Shared, InstallationID: strings.TrimSpace(n.InstallationID), Cloned: n.Cloned,
		Domain: strings.TrimSpace(n.Domain), Authority: n.Authority, Interval: n.Interval,
	}
	if s.Product == "" {
		s.Product = usage.ProductVBR
	}
	if s.Authority == "" {
		s.Authority = metering.Reported
	}
	if !s.Product.Known() {
		add("--product", "is one of vbr, cloudConnect, console")
	}
	if n.Shared == (n.Company != 0) {
		add("--company", "give either a company or --shared")
	}
	host := ""
	if n.URL != "" {
		s.Connection, host = n.connection(fields)
	} else {
		if n.Credential != 0 || n.Username != "" || n.Password != "" || n.TLS != (TLS{}) {
			add("--url", "is required with --credential, --username, --password-stdin, --ca, --fingerprint and --insecure")
		}
		if s.InstallationID == "" {
			add("--installation-id", "is required without --url: import finds the server by it")
		}
	}
	if s.Interval == 0 {
		s.Interval = defaultInterval(s.Connection)
	}
	name := n.Name
	if name == "" {
		name = host
	}
	if name != "" || n.URL == "" { // else the address is what is wrong, which would name it
		s.Name = checkName(fields, "--name", name)
	}
	s.Labels = Labels{}.WithLabels(n.Labels, fields)
	checkDated(fields, &s)
	return s
}

func defaultInterval(c *Connection) time.Duration {
	if c == nil {
		return IntervalImported
	}
	return IntervalRead
}

func checkDated(fields *[]fault.Field, s *Server) {
	add := func(path, text string) { *fields = append(*fields, fault.Field{Path: path, Text: text}) }
	if s.Authority != metering.Reported && s.Authority != metering.Computed {
		add("--authority", "is reported or computed")
	}
	if s.Interval < intervalMin || s.Interval > intervalMax || s.Interval%time.Second != 0 {
		add("--every", "is between 1m and 366 days, in whole seconds")
	}
	if len(s.Domain) > nameLengthMax {
		add("--domain", "is longer than 200 bytes")
	}
}

func (n NewServer) connection(fields *[]fault.Field) (c *Connection, host string) {
	c = &Connection{Credential: n.Credential, Username: n.Username, TLS: n.TLS}
	c.URL, host = CheckURL(fields, n.URL)
	switch {
	case n.Credential == 0:
		checkLogin(fields, n.Username, n.Password)
	case n.Username != "" || n.Password != "":
		*fields = append(*fields, fault.Field{Path: "--credential", Text: eitherLogin})
	}
	c.TLS = checkTLS(fields, n.TLS)
	return c, host
}

const eitherLogin = "give either a credential set, or --username and --password-stdin"

func checkLogin(fields *[]fault.Field, username, password string) {
	if strings.TrimSpace(username) == "" {
		*fields = append(*fields, fault.Field{Path: "--username", Text: "is required"})
	}
	if password == "" {
		*fields = append(*fields, fault.Field{Path: "--password-stdin", Text: "is required, and the password on standard input may not be empty"})
	}
}

// CheckURL accepts https://host[:port] and completes nothing but the scheme: the collector probes the ports.
func CheckURL(fields *[]fault.Field, text string) (normal, host string) {
	wrong := func(why string) (string, string) {
		*fields = append(*fields, fault.Field{Path: "--url", Text: why})
		return "", ""
	}
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "":
		return wrong("is written as https://host or https://host:9419")
	case u.Scheme != "https":
		return wrong("must be https: the server speaks nothing else, and a password goes over it")
	case u.User != nil:
		return wrong("must not hold a user name or password: use --username and --password-stdin")
	case strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return wrong("must not hold a path: only https://host:port")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return wrong("has a port that is not between 1 and 65535")
		}
	}
	return "https://" + u.Host, u.Hostname()
}

func checkTLS(fields *[]fault.Field, t TLS) TLS {
	set := 0
	for _, on := range []bool{t.CA != "", t.Fingerprint != "", t.Insecure} {
		if on {
			set++
		}
	}
	if set > 1 {
		*fields = append(*fields, fault.Field{Path: "--ca, --fingerprint, --insecure", Text: "give at most one of them"})
	}
	if t.CA != "" {
		if block, _ := pem.Decode([]byte(t.CA)); block == nil || block.Type != "CERTIFICATE" {
			*fields = append(*fields, fault.Field{Path: "--ca", Text: "holds no PEM certificate"})
		}
	}
	if t.Fingerprint != "" {
		clean := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(t.Fingerprint))
		if b, err := hex.DecodeString(clean); err != nil || len(b) != 32 {
			*fields = append(*fields, fault.Field{Path: "--fingerprint", Text: "is the SHA-256 of the certificate: 64 hexadecimal digits, colons allowed (the 40 digits that the vendor's console shows are SHA-1)"})
		}
		t.Fingerprint = clean
	}
	return t
}

// ServerEdit is the input of EditServer; nil leaves a member as it is.
type ServerEdit struct {
	When      func(*Server) error // looks at what is there; its error is the answer
	Name      *string
	Company   *usage.CompanyID
	Domain    *string
	Authority *metering.Authority
	Interval  *time.Duration
	URL       *string
	// Credential is a credential set instead of an account of its own; with Username and Password it has one of its own again.
	Credential *CredentialID
	Username   *string
	Password   *string
	TLS        *TLS
	// ManagesSets: whoever asks manages credential sets, and so may use one where it was not used before, and have the password
	// that is kept sent elsewhere.
	ManagesSets bool
	Labels      Labels    // put in; an empty value takes one away
	From        time.Time // from when company, domain, authority and interval are valid; zero: now (C38)
}

// EditServer changes a server. Dated attributes are valid from e.From. What changes nothing is not kept.
func (d *Directory) EditServer(ctx context.Context, id usage.ServerID, e ServerEdit) (s Server, err error) {
	err = fault.Again(func() error {
		s, err = d.editServer(ctx, id, e)
		return err
	})
	return s, err
}

// editServer does so to what is there now. fault.Meanwhile: somebody else was quicker.
func (d *Directory) editServer(ctx context.Context, id usage.ServerID, e ServerEdit) (Server, error) {
	s, err := d.presentServer(ctx, id)
	if err == nil {
		err = allow(&s, e.When)
	}
	if err != nil {
		return Server{}, err
	}
	was := s
	if e.Company != nil {
		if _, err := d.present(ctx, *e.Company); err != nil {
			return Server{}, err
		}
	}
	now := usage.Truncate(d.Now())
	var fields []fault.Field
	facts := e.apply(&s, now, &fields)
	if err := d.admit(ctx, &was, &s, e.ManagesSets, &fields); err != nil {
		return Server{}, err
	}
	if err := fault.InvalidFields("the server is not changed", fields); err != nil {
		return Server{}, err
	}
	if e.Password != nil {
		if s.Connection.Sealed, err = d.Seal(id, *e.Password); err != nil {
			return Server{}, err
		}
	}
	detail := serverChanges(&was, &s)
	switch {
	case detail != "":
	case e.From.IsZero() || len(facts) == 0:
		return was, nil // it is so already, from now on
	default:
		detail = datedChanges(facts)
	}
	if err := d.Servers.UpdateServer(audit.Note(ctx, audit.Changed, detail), s, facts, now); err != nil {
		return Server{}, err
	}
	return d.Servers.Server(ctx, id)
}

// Check says what is wrong with the edit of a server, as far as that follows from the two alone.
func (e ServerEdit) Check(s Server, now time.Time) (fields []fault.Field) {
	e.apply(&s, now, &fields)
	return fields
}

// apply changes all but the password, and gives the dated facts.
func (e ServerEdit) apply(s *Server, now time.Time, fields *[]fault.Field) []usage.Fact {
	facts := e.dated(s, fromOr(e.From, now), fields)
	if e.Name != nil {
		s.Name = checkName(fields, "--name", *e.Name)
	}
	s.Labels = s.WithLabels(e.Labels, fields)
	e.connection(s, fields)
	checkDated(fields, s)
	return facts
}

func (e ServerEdit) dated(s *Server, from time.Time, fields *[]fault.Field) []usage.Fact {
	var facts []usage.Fact
	set := func(a usage.Attribute, value string) {
		facts = append(facts, usage.Fact{Subject: usage.ServerSubject(s.ID), Attribute: a, Value: value, ValidFrom: from})
	}
	if e.Company != nil {
		if s.Shared {
			*fields = append(*fields, fault.Field{Path: "--company", Text: "a shared server belongs to no company: map its tenants instead"})
		}
		s.Company = *e.Company
		set(usage.AttrCompany, s.Company.String())
	}
	if e.Domain != nil {
		s.Domain = strings.TrimSpace(*e.Domain)
		set(usage.AttrDomain, s.Domain)
	}
	if e.Authority != nil {
		s.Authority = *e.Authority
		set(usage.AttrAuthority, string(s.Authority))
	}
	if e.Interval != nil {
		s.Interval = *e.Interval
		set(usage.AttrInterval, seconds(s.Interval))
	}
	return facts
}

func (e ServerEdit) connection(s *Server, fields *[]fault.Field) {
	if e.URL == nil && e.Credential == nil && e.Username == nil && e.Password == nil && e.TLS == nil {
		return
	}
	if s.Connection == nil {
		*fields = append(*fields, fault.Field{Path: "--url", Text: "this server is fed by import and has no connection: add it again with --url"})
		return
	}
	c := *s.Connection
	if e.URL != nil {
		c.URL, _ = CheckURL(fields, *e.URL)
		c.Revision = ""
	}
	e.login(&c, fields)
	if e.TLS != nil {
		c.TLS = checkTLS(fields, *e.TLS)
	}
	if kept := s.Connection; c.Credential == 0 && kept.Credential == 0 && e.Password == nil && !e.ManagesSets && (c.URL != kept.URL || c.TLS != kept.TLS) {
		*fields = append(*fields, fault.Field{Path: "--password-stdin", Text: "is given again with another url, fingerprint, ca or insecure, or else a credential set: the password that is kept is sent nowhere else"})
	}
	s.Connection = &c
}

// login changes the account. The password is sealed later.
func (e ServerEdit) login(c *Connection, fields *[]fault.Field) {
	wrong := func(path, text string) { *fields = append(*fields, fault.Field{Path: path, Text: text}) }
	own := e.Username != nil || e.Password != nil
	switch {
	case e.Credential != nil && own:
		wrong("--credential", eitherLogin)
	case e.Credential != nil && *e.Credential != c.Credential:
		c.Credential, c.Username, c.Sealed = *e.Credential, "", nil
	case own && c.Credential != 0 && (e.Username == nil || e.Password == nil):
		text := "the account is that of credential set " + c.Credential.String() + ", which is changed for all its servers at once; give both to have one of its own"
		wrong("--username", text)
		wrong("--password-stdin", text)
	case own:
		c.Credential = 0
		if e.Username != nil {
			c.Username = *e.Username
		}
		if e.Password != nil {
			checkLogin(fields, c.Username, *e.Password)
		}
	}
}

// RemoveServer removes a server: its workloads are absent from now on, its history stays (C1). The error of a when, which
// looks at what is there, is the answer.
func (d *Directory) RemoveServer(ctx context.Context, id usage.ServerID, from time.Time, when ...func(*Server) error) error {
	return fault.Again(func() error {
		s, err := d.presentServer(ctx, id)
		if err == nil {
			err = allow(&s, when...)
		}
		if err != nil {
			return err
		}
		now := usage.Truncate(d.Now())
		s.RemovedAt = &now
		return d.Servers.UpdateServer(audit.Note(ctx, audit.Removed, ""), s, []usage.Fact{{
			Subject: usage.ServerSubject(id), Attribute: usage.AttrRemoved, Value: "true", ValidFrom: fromOr(from, now),
		}}, now)
	})
}

// FindServer finds what a person names: a number, an installation id or "name:…".
func (d *Directory) FindServer(ctx context.Context, ref string) (Server, error) {
	ref = strings.TrimSpace(ref)
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return d.presentServer(ctx, usage.ServerID(id))
	}
	found, err := d.matching(ctx, named(ref))
	if err != nil {
		return Server{}, err
	}
	return onlyOne(found, ref)
}

// FindServerEver is FindServer for what is asked of the past: where no server that is there fits, one that was removed does.
func (d *Directory) FindServerEver(ctx context.Context, ref string) (Server, error) {
	found, err := d.FindServer(ctx, ref)
	if !fault.Is(err, fault.NotFound) {
		return found, err
	}
	ref = strings.TrimSpace(ref)
	if id, bad := strconv.ParseInt(ref, 10, 64); bad == nil {
		return d.Servers.Server(ctx, usage.ServerID(id))
	}
	var gone []Server
	for id := usage.ServerID(1); ; id++ { // numbers are given without a hole
		s, err := d.Servers.Server(ctx, id)
		switch {
		case fault.Is(err, fault.NotFound):
			return onlyOne(gone, ref)
		case err != nil:
			return Server{}, err
		case s.RemovedAt != nil && named(ref)(&s):
			gone = append(gone, s)
		}
	}
}

// named tells the servers that a name or an installation id fits.
func named(ref string) func(*Server) bool {
	name, byName := cutName(ref)
	return func(s *Server) bool {
		return byName && strings.EqualFold(s.Name, name) || !byName && strings.EqualFold(s.InstallationID, ref)
	}
}

func onlyOne(found []Server, ref string) (Server, error) {
	name, byName := cutName(ref)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && byName:
		return Server{}, fault.New(fault.Conflict, "%d servers were named %q (%s): give a number", len(found), name, serverNames(found))
	case len(found) > 1:
		return Server{}, fault.New(fault.Conflict, "%d servers have the installation id %s (%s): give a number or name:…", len(found), ref, serverNames(found))
	case byName:
		return Server{}, fault.New(fault.NotFound, "there is no server named %q", name)
	default:
		return Server{}, fault.New(fault.NotFound, "there is no server %q: give its number, its installation id, or name:…", ref)
	}
}

// ByInstallation finds the server that an imported reading belongs to (product.md §3). Conflict: two servers have the id (C34).
func (d *Directory) ByInstallation(ctx context.Context, installation string) (Server, error) {
	found, err := d.Servers.InstalledAs(ctx, installation)
	switch {
	case err != nil:
		return Server{}, err
	case len(found) == 0:
		return Server{}, fault.New(fault.NotFound, "no server has the installation id %s: add it with\n  tallystick server add --company COMPANY --name NAME --installation-id %s", installation, installation)
	case len(found) > 1:
		return Server{}, fault.New(fault.Conflict, "%d servers have the installation id %s (%s): say which with --server", len(found), installation, serverNames(found))
	}
	return found[0], nil
}

func (d *Directory) matching(ctx context.Context, match func(*Server) bool) ([]Server, error) {
	servers, err := d.Servers.Servers(ctx)
	if err != nil {
		return nil, err
	}
	var found []Server
	for i := range servers {
		if match(&servers[i]) {
			found = append(found, servers[i])
		}
	}
	return found, nil
}

func serverNames(servers []Server) string {
	names := make([]string, len(servers))
	for i := range servers {
		names[i] = servers[i].ID.String() + " " + servers[i].Name
	}
	return strings.Join(names, ", ")
}

func (d *Directory) presentServer(ctx context.Context, id usage.ServerID) (Server, error) {
	s, err := d.Servers.Server(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && s.RemovedAt != nil {
		return Server{}, fault.New(fault.NotFound, "there is no server %d", id)
	}
	return s, err
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// ProbeID gives a number below 0 for a server that is tried and has none: it tells it from all others that are, whoever tries them.
func (d *Directory) ProbeID() usage.ServerID { return usage.ServerID(-d.probes.Add(1)) }

// Probe gives a server that is kept nowhere, with a ProbeID, to be tested before it is added. Invalid names what is wrong with the
// connection. The trail tells where a credential set is tried.
func (d *Directory) Probe(ctx context.Context, n NewServer) (Server, error) {
	n.Shared, n.Company = true, 0 // whose it is does not matter yet
	var fields []fault.Field
	s := n.server(&fields)
	s.ID = d.ProbeID()
	if n.URL == "" {
		fields = []fault.Field{{Path: "--url", Text: "is required: there is nothing to log in to"}}
	} else if err := d.admit(ctx, nil, &s, n.ManagesSets, &fields); err != nil {
		return Server{}, err
	}
	if err := fault.InvalidFields("the connection cannot be tested", fields); err != nil {
		return Server{}, err
	}
	if n.Credential != 0 {
		set, err := d.credential(ctx, n.Credential)
		if err == nil {
			err = d.NoteTest(ctx, &s)
		}
		s.Connection.Username, s.Connection.Sealed = set.Username, set.Sealed
		return s, err
	}
	var err error
	s.Connection.Sealed, err = d.Seal(s.ID, n.Password)
	return s, err
}

// ProbeEdit gives a server that is there as it would be reached after an edit, to be tested before it is kept; the rest of the edit is not looked
// at. A password that is kept goes nowhere else here, whoever asks. Invalid names what is wrong with the connection. The trail tells where a
// credential set is tried.
func (d *Directory) ProbeEdit(ctx context.Context, id usage.ServerID, e ServerEdit) (Server, error) {
	s, err := d.presentServer(ctx, id)
	if err == nil {
		err = allow(&s, e.When)
	}
	if err != nil {
		return Server{}, err
	}
	if s.Connection == nil {
		return Server{}, fault.New(fault.Invalid, "%s is fed by import: nobody logs in to it", s.Name)
	}
	was, manages := s, e.ManagesSets
	e.ManagesSets = false
	var fields []fault.Field
	e.connection(&s, &fields)
	if err := d.admit(ctx, &was, &s, manages, &fields); err != nil {
		return Server{}, err
	}
	if err := fault.InvalidFields("the connection cannot be tested", fields); err != nil {
		return Server{}, err
	}
	c := s.Connection
	switch {
	case c.Credential != was.Connection.Credential && c.Credential != 0:
		set, err := d.credential(ctx, c.Credential)
		if err != nil {
			return Server{}, err
		}
		c.Username, c.Sealed = set.Username, set.Sealed
	case e.Password != nil:
		if c.Sealed, err = d.Seal(id, *e.Password); err != nil {
			return Server{}, err
		}
	}
	err = d.NoteTest(ctx, &s)
	return s, err
}

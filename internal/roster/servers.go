package roster

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// ServerOptions say how a file of servers is taken.
type ServerOptions struct {
	DryRun bool
	// Try logs in to every server that is new or reached otherwise than before; one that fails is a mistake of its line.
	Try bool
	// ManagesSets: whoever asks manages credential sets; see fleet.NewServer and fleet.ServerEdit.
	ManagesSets bool
}

// The columns of servers, beside name.
const (
	companyColumn     = "company"
	urlColumn         = "url"
	productColumn     = "product"
	installColumn     = "installationId"
	credentialColumn  = "credential"
	fingerprintColumn = "fingerprint"
	caColumn          = "ca"
	insecureColumn    = "insecure"
	everyColumn       = "every"
	authorityColumn   = "authority"
	domainColumn      = "domain"
)

const notInFiles = "is never in a file: keep the account as a credential set, and name that in a column " + credentialColumn

var serverLayout = layout{
	known: []string{
		companyColumn, nameColumn, urlColumn, productColumn, installColumn, credentialColumn, fingerprintColumn, caColumn, insecureColumn,
		everyColumn, authorityColumn, domainColumn,
	},
	required: []string{companyColumn}, example: "company,url,credential,fingerprint",
	refused: map[string]string{"password": notInFiles, "username": notInFiles},
}

var serverPaths = map[string]string{
	"--installation-id": installColumn, "--ca, --fingerprint, --insecure": fingerprintColumn, "--username": credentialColumn,
	"--password-stdin": urlColumn,
}

// shared is what stands in place of a company for a server of the provider's own.
const shared = "shared"

// Servers takes a file of servers. Invalid, with every mistake by line and column: nothing is taken.
func (s *Service) Servers(ctx context.Context, in io.Reader, o ServerOptions) (result Result, err error) {
	file, err := readSheet(in, serverLayout)
	if err != nil {
		return Result{}, err
	}
	err = upToDate(func() error {
		list, err := s.serverList(ctx, file, o.ManagesSets)
		if err == nil && o.Try {
			err = s.try(ctx, list)
		}
		if err != nil {
			return err
		}
		var ids []usage.ServerID
		if !o.DryRun {
			if ids, err = s.Directory.PutServers(ctx, list.drafts); err != nil {
				return err
			}
		}
		result = list.result(ids, o.DryRun)
		return nil
	})
	return result, err
}

// serverList is a file of servers held against those that are there.
type serverList struct {
	file      *sheet
	companies []fleet.Company
	sets      []fleet.Credential
	manages   bool // credential sets: whoever asks
	now       time.Time
	mistakes

	byName, byURL map[string][]*fleet.Server
	installed     fleet.Installations
	byCompany     map[string]*fleet.Company // by name
	names, urls   map[string]int            // the line in which each stands
	installations map[string]int
	taken         map[usage.ServerID]int
	drafts        []fleet.ServerDraft
	servers       []fleet.Server // as they are to be
}

func (s *Service) serverList(ctx context.Context, file *sheet, manages bool) (*serverList, error) {
	l := &serverList{
		file: file, manages: manages, now: s.Now(), byName: map[string][]*fleet.Server{}, byURL: map[string][]*fleet.Server{}, installations: map[string]int{},
		byCompany: map[string]*fleet.Company{}, names: map[string]int{}, urls: map[string]int{}, taken: map[usage.ServerID]int{},
	}
	var err error
	if l.companies, err = s.Store.Companies(ctx); err != nil {
		return nil, err
	}
	for i := range l.companies {
		l.byCompany[usage.Fold(l.companies[i].Name)] = &l.companies[i]
	}
	if l.sets, err = s.Store.Credentials(ctx); err != nil {
		return nil, err
	}
	servers, err := s.Store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range servers {
		v := &servers[i]
		l.byName[usage.Fold(v.Name)] = append(l.byName[usage.Fold(v.Name)], v)
		if v.Connection != nil {
			url := usage.Fold(v.Connection.URL)
			l.byURL[url] = append(l.byURL[url], v)
		}
	}
	l.installed = fleet.InstallationsOf(servers)
	file.each(&l.mistakes, l.row)
	if err := l.err(); err != nil {
		return nil, err
	}
	return l, nil
}

// said is what a row says, read.
type said struct {
	company    usage.CompanyID // 0: shared
	name       string          // empty: none is said
	url, host  string          // in its form; empty: none is said
	credential *fleet.Credential
	tls        fleet.TLS
	every      time.Duration // 0: nothing is said
	labels     fleet.Labels
}

func (l *serverList) row(r row) {
	before := len(l.fields) + l.more
	v := l.read(r)
	if len(l.fields)+l.more > before {
		return // what it is about is not known
	}
	was, ok := l.find(r, v)
	if !ok {
		return
	}
	draft := fleet.ServerDraft{Was: was}
	if was == nil {
		draft.New = l.added(r, v)
	} else {
		draft.Edit = l.changed(r, v, was)
	}
	is, wrong := draft.Check(l.now, l.sets)
	if was == nil {
		wrong = withoutPassword(wrong)
	}
	l.addFields(r.line, wrong, serverPaths)
	if line, twice := l.names[usage.Fold(is.Name)]; twice {
		l.add(r.line, nameColumn, "%q stands in line %d, too", is.Name, line)
	}
	l.names[usage.Fold(is.Name)] = r.line
	if other := first(l.byName[usage.Fold(is.Name)]); other != nil && other.ID != is.ID {
		why := ""
		if v.name == "" {
			why = "; it is the host of the address: give the server a name"
		}
		l.add(r.line, nameColumn, "%q is taken by server %d%s", is.Name, other.ID, why)
	}
	if was == nil && is.InstallationID != "" {
		l.aloneInstalled(r, &is)
	}
	if c := is.Connection; c != nil && v.credential != nil {
		c.Username, c.Sealed = v.credential.Username, v.credential.Sealed // for who tries it
	}
	l.drafts, l.servers = append(l.drafts, draft), append(l.servers, is)
}

// aloneInstalled tells where the installation id of a new server is another one's, in the ledger or in the file (C34).
func (l *serverList) aloneInstalled(r row, is *fleet.Server) {
	id := usage.Fold(is.InstallationID)
	if line, twice := l.installations[id]; twice {
		l.add(r.line, installColumn, "%q stands in line %d, too", is.InstallationID, line)
	}
	l.installations[id] = r.line
	if twins := l.installed.Twins(is); len(twins) > 0 {
		l.add(r.line, installColumn, "%q is that of server %d (%s): one machine is not counted twice; a server that was cloned from it is added by itself, as cloned",
			is.InstallationID, twins[0].ID, twins[0].Name)
	}
}

// withoutPassword leaves out what would be asked of a new one beside a username: both are a credential set here.
func withoutPassword(fields []fault.Field) (rest []fault.Field) {
	for _, f := range fields {
		if f.Path != "--password-stdin" {
			rest = append(rest, f)
		}
	}
	return rest
}

func (l *serverList) read(r row) (v said) {
	cell := func(column string) string { return l.file.cell(r, column) }
	v.name, v.labels = cell(nameColumn), l.file.labels(r)
	v.company = l.company(r)
	if url := cell(urlColumn); url != "" {
		var wrong []fault.Field
		v.url, v.host = fleet.CheckURL(&wrong, url)
		l.addFields(r.line, wrong, nil)
	}
	if v.name == "" && v.url == "" && cell(urlColumn) == "" {
		l.add(r.line, "", "needs an address in %s, or a name", urlColumn)
	}
	if ref := cell(credentialColumn); ref != "" {
		set, found := fleet.CredentialNamed(l.sets, ref)
		if !found {
			l.add(r.line, credentialColumn, "there is no credential set %q", ref)
		}
		v.credential = &set
	}
	v.tls = fleet.TLS{CA: cell(caColumn), Fingerprint: cell(fingerprintColumn)}
	switch strings.ToLower(cell(insecureColumn)) {
	case "", "no", "false":
	case "yes", "true":
		v.tls.Insecure = true
	default:
		l.add(r.line, insecureColumn, "is yes or no")
	}
	if text := cell(everyColumn); text != "" {
		var err error
		if v.every, err = time.ParseDuration(text); err != nil {
			l.add(r.line, everyColumn, "%q is written as 4h or 30m", text)
		}
	}
	return v
}

// company finds a company by name, also as "name:…", by external id, by GUID or by number.
func (l *serverList) company(r row) usage.CompanyID {
	ref := l.file.cell(r, companyColumn)
	name := strings.TrimSpace(strings.TrimPrefix(ref, "name:"))
	switch c := l.byCompany[usage.Fold(name)]; {
	case ref == "":
		l.add(r.line, companyColumn, "is required: a company, or %s", shared)
		return 0
	case strings.EqualFold(ref, shared):
		return 0
	case c != nil:
		return c.ID
	}
	switch labelled := fleet.CompaniesLabelled(l.companies, ref); {
	case len(labelled) == 1:
		return labelled[0].ID
	case len(labelled) > 1:
		l.add(r.line, companyColumn, "%d companies have the external id %s, among them %d (%s) and %d (%s)",
			len(labelled), short(ref), labelled[0].ID, labelled[0].Name, labelled[1].ID, labelled[1].Name)
		return 0
	}
	for i := range l.companies {
		c := &l.companies[i]
		if strings.EqualFold(c.UID, ref) || strconv.FormatInt(int64(c.ID), 10) == ref {
			return c.ID
		}
	}
	l.add(r.line, companyColumn, "there is no company %q: its name, number, GUID or external id (psa:4711) stands there, or %s", ref, shared)
	return 0
}

// find gives the server that a row is about: the one with its address, else the company's with its name; nil: a new one.
func (l *serverList) find(r row, v said) (*fleet.Server, bool) {
	var found *fleet.Server
	if v.url != "" {
		if line, twice := l.urls[usage.Fold(v.url)]; twice {
			l.add(r.line, urlColumn, "%s stands in line %d, too", short(v.url), line)
			return nil, false
		}
		l.urls[usage.Fold(v.url)] = r.line
		same := l.byURL[usage.Fold(v.url)]
		found = first(same)
		for _, other := range same {
			if strings.EqualFold(other.Name, v.name) {
				found = other
			}
		}
		if len(same) > 1 && !strings.EqualFold(found.Name, v.name) {
			l.add(r.line, urlColumn, "%d servers have this address, among them %d (%s) and %d (%s): say which by its name",
				len(same), same[0].ID, same[0].Name, same[1].ID, same[1].Name)
			return nil, false
		}
	}
	if named := first(l.byName[usage.Fold(cmp.Or(v.name, v.host))]); found == nil && named != nil && named.Company == v.company {
		found = named
	}
	if found != nil {
		if line, twice := l.taken[found.ID]; twice {
			l.add(r.line, "", "is about server %d (%s), as line %d is", found.ID, found.Name, line)
			return nil, false
		}
		l.taken[found.ID] = r.line
	}
	return found, true
}

func (l *serverList) added(r row, v said) fleet.NewServer {
	n := fleet.NewServer{
		Name: v.name, Product: usage.Product(cmp.Or(l.file.cell(r, productColumn), string(usage.ProductVBR))), Company: v.company, Shared: v.company == 0,
		InstallationID: l.file.cell(r, installColumn), Domain: l.file.cell(r, domainColumn), Authority: metering.Authority(l.file.cell(r, authorityColumn)),
		Interval: v.every, URL: v.url, TLS: v.tls, Labels: v.labels, ManagesSets: l.manages,
	}
	if v.credential != nil {
		n.Credential = v.credential.ID
	}
	return n
}

// changed is an edit of what a row says otherwise than it is. An empty cell takes away where nothing is something: domain,
// external ids, tags and what is trusted; else it leaves as it is.
func (l *serverList) changed(r row, v said, was *fleet.Server) fleet.ServerEdit {
	e := fleet.ServerEdit{Labels: v.labels, ManagesSets: l.manages}
	cell := func(column string) string { return l.file.cell(r, column) }
	if v.name != "" && v.name != was.Name {
		e.Name = &v.name
	}
	if was.Shared != (v.company == 0) {
		l.add(r.line, companyColumn, "server %d (%s) is there, and a shared server and one of a company do not become each other", was.ID, was.Name)
	} else if v.company != was.Company {
		e.Company = &v.company
	}
	if domain := cell(domainColumn); l.file.has(domainColumn) && domain != was.Domain {
		e.Domain = &domain
	}
	if authority := metering.Authority(cell(authorityColumn)); authority != "" && authority != was.Authority {
		e.Authority = &authority
	}
	if v.every != 0 && v.every != was.Interval {
		e.Interval = &v.every
	}
	for _, fixed := range []struct{ column, is string }{{productColumn, string(was.Product)}, {installColumn, was.InstallationID}} {
		if text := cell(fixed.column); text != "" && !strings.EqualFold(text, fixed.is) {
			l.add(r.line, fixed.column, "server %d (%s) is there with %q, which cannot be changed", was.ID, was.Name, fixed.is)
		}
	}
	l.connected(v, was.Connection, &e)
	return e
}

func (l *serverList) connected(v said, was *fleet.Connection, e *fleet.ServerEdit) {
	var c fleet.Connection
	if was != nil {
		c = *was
	}
	if v.url != "" && !strings.EqualFold(v.url, c.URL) {
		e.URL = &v.url
	}
	if v.credential != nil && v.credential.ID != c.Credential {
		e.Credential = &v.credential.ID
	}
	says := l.file.has(caColumn) || l.file.has(fingerprintColumn) || l.file.has(insecureColumn)
	if says && v.tls != c.TLS && (was != nil || v.tls != fleet.TLS{}) {
		e.TLS = &v.tls
	}
}

// noted is how many tests are noted at the same time.
const noted = 16

// try logs in to the servers that are new or reached otherwise than before.
func (s *Service) try(ctx context.Context, l *serverList) error {
	failed := make([]error, len(l.servers))
	lanes := make(chan struct{}, noted)
	var wg sync.WaitGroup
	for i := range l.servers {
		v, was := l.servers[i], l.drafts[i].Was
		if v.Connection == nil || was != nil && was.Connection != nil && sameWay(was.Connection, v.Connection) {
			continue
		}
		if v.ID == 0 {
			v.ID = s.Directory.ProbeID() // until it is given one: all are tried at the same time
		}
		wg.Go(func() {
			lanes <- struct{}{}
			failed[i] = s.Directory.NoteTest(ctx, &v)
			<-lanes
			if failed[i] == nil {
				failed[i] = s.Try(ctx, v)
			}
		})
	}
	wg.Wait()
	for i, err := range failed {
		if err != nil {
			l.add(l.file.rows[i].line, urlColumn, "%v", err)
		}
	}
	return l.err()
}

func sameWay(a, b *fleet.Connection) bool {
	return a.URL == b.URL && a.Credential == b.Credential && a.TLS == b.TLS
}

// result says what was done; without ids, what would be.
func (l *serverList) result(ids []usage.ServerID, dry bool) Result {
	result := Result{DryRun: dry}
	for i := range l.drafts {
		d := &l.drafts[i]
		id := l.servers[i].ID
		if ids != nil {
			id = ids[i]
		}
		changes := d.Changes(l.now)
		result.add(Row{Line: l.file.rows[i].line, Action: action(d.Was != nil, changes), ID: int64(id), Name: l.servers[i].Name, Changes: changes})
	}
	return result
}

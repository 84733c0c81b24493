package portal

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// newServerView is the value of the page on which a server is added.
type newServerView struct {
	Form   form
	Pushed bool   // it sends its readings itself
	Other  string // the page for the other kind
	Tested *testedView
}

// What a button of a form does.
const (
	doTest = "test"
	doAdd  = "add"
	doSave = "save"
)

// sharedByAll is what the field of the company says of a server that is shared.
const sharedByAll = "shared"

func (p *Portal) newServer(v *visit) (any, error) {
	if err := v.allow(access.ManageServers, access.Provider); err != nil {
		return nil, err
	}
	return p.newServerForm(v, nil)
}

func (p *Portal) newServerForm(v *visit, tested *testedView) (any, error) {
	owners, err := p.ownerPick(v)
	if err != nil {
		return nil, err
	}
	sets, err := p.setChoices(v)
	if err != nil {
		return nil, err
	}
	if tested == nil {
		tested = &testedView{}
	}
	tested.Field, tested.ShownBy = "fingerprint", shownBy(v)
	f := p.form(v, "server", "/servers/new", append([]input{
		owners.field(input{Name: "company", Value: v.field("company")}, p.texts["servers.choose-company"]),
		{Name: "url", Required: true, Complete: "off"},
		{Name: "credential", Kind: selection, Choices: sets},
		{Name: "username", Complete: "off"},
		{Name: "password", Kind: passwordField, Complete: "new-password"},
		{Name: "name", Complete: "off"},
		{Name: "product", Kind: selection, Choices: p.productChoices(), Value: string(usage.ProductVBR)},
		{Name: "every", Kind: selection, Choices: p.spanChoices(0, fleet.IntervalRead), Value: seconds(fleet.IntervalRead)},
	}, tested.boxes()...)...)
	f.Buttons = []choice{{Value: doAdd, Name: p.texts["form.server.button"], Chosen: true}}
	tested.in(&f)
	out := newServerView{Form: f, Other: "/servers/pushed", Tested: tested}
	if company := v.field("company"); company != "" {
		out.Other += "?" + url.Values{"company": {company}}.Encode()
	}
	shown := page{name: "server-new", title: p.texts["servers.add"], data: out, status: statusOf(v.wrong)}
	if v.fragment() && v.Method == http.MethodPost { // what is typed stays in the browser, the password among it
		shown.data, shown.status, shown.part = tested, 0, "tested"
	}
	return shown, nil
}

// ownerPick are the companies, and that a server is shared by several.
func (p *Portal) ownerPick(v *visit) (*pick, error) {
	k, err := p.companyPick(v)
	if err == nil {
		k.other = []choice{{Value: sharedByAll, Name: p.texts["servers.shared"]}}
	}
	return k, err
}

func (p *Portal) setChoices(v *visit) ([]choice, error) {
	sets, err := p.Directory.Credentials.Credentials(v.ctx())
	out := []choice{{Name: p.texts["servers.own-account"]}}
	for i := range sets {
		out = append(out, choice{Value: sets[i].ID.String(), Name: sets[i].Name})
	}
	sortChoices(out[1:])
	return out, err
}

func (p *Portal) productChoices() (out []choice) {
	for _, product := range usage.Products() {
		out = append(out, choice{Value: string(product), Name: p.texts["product-kind."+string(product)]})
	}
	return out
}

// spanChoices are intervals that make sense, with the one that is so and the usual one.
func (p *Portal) spanChoices(is, usual time.Duration) (out []choice) {
	all := []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, usual}
	if is != 0 {
		all = append(all, is)
	}
	slices.Sort(all)
	for _, d := range slices.Compact(all) {
		out = append(out, choice{Value: seconds(d), Name: p.span(d)})
	}
	return out
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// every reads an interval; 0: none is given.
func (v *visit) every() time.Duration {
	n, err := strconv.ParseInt(v.field("every"), 10, 64)
	if err != nil || n < 0 || n > int64(10*366*24*time.Hour/time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}

// readNewServer reads the form of a new server.
func (p *Portal) readNewServer(v *visit) (n fleet.NewServer, err error) {
	n = fleet.NewServer{
		Name: v.field("name"), Product: usage.Product(v.field("product")), Interval: v.every(), URL: v.field("url"), InstallationID: v.field("installation-id"),
		ManagesSets: v.may(access.ManageCredentials, access.Provider),
	}
	n.TLS.Fingerprint = confirmed(v, "fingerprint", shownBy(v))
	if n.Credential = v.set(); n.Credential == 0 {
		n.Username, n.Password = v.field("username"), v.form.Get("password")
	}
	owners, err := p.ownerPick(v)
	if err != nil {
		return n, err
	}
	if n.Shared = owners.otherOf(v.field("company")) == sharedByAll; n.Shared {
		return n, nil
	}
	company, err := p.picked(v, "company", owners)
	n.Company = usage.CompanyID(company)
	return n, err
}

// set reads which credential set is chosen; 0: none.
func (v *visit) set() fleet.CredentialID {
	n, _ := strconv.ParseInt(v.field("credential"), 10, 64) // what is no number is none
	return fleet.CredentialID(n)
}

// addServer tests the connection of a server that is to be added, or adds it and reads it at once.
func (p *Portal) addServer(v *visit) (any, error) {
	if err := v.allow(access.ManageServers, access.Provider); err != nil {
		return nil, err
	}
	n, err := p.readNewServer(v)
	if err != nil {
		return nil, err
	}
	if v.field("do") == doTest {
		return p.testServer(v, n)
	}
	if n.URL == "" {
		v.fail("url", p.texts["form.no-address"])
	}
	if len(v.wrong) == 0 && len(n.Check()) == 0 && n.TLS.Fingerprint == "" {
		if probe, err := p.Directory.Probe(v.ctx(), n); err == nil { // else adding it says why
			out, err := p.tried(v, &probe, nil)
			if err != nil {
				return nil, err
			}
			if out.Untrusted { // whatever else is wrong with the connection, the server's page says it
				v.fail("fingerprint", p.texts["servers.confirm-first"])
				return p.newServerForm(v, out)
			}
		}
	}
	added, ok, err := p.added(v, n)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return p.newServerForm(v, &testedView{Fingerprint: n.TLS.Fingerprint, Confirmed: n.TLS.Fingerprint != ""})
	}
	told, err := p.read(v, added.ID)
	if err != nil {
		return nil, err
	}
	return v.leave(serverPath(added.ID) + "?told=added-" + told)
}

// leave sends the browser on, also where a script of the page sent the form.
func (v *visit) leave(to string) (any, error) {
	if v.fragment() {
		return stream{Status: http.StatusOK, ContentType: "text/html; charset=utf-8", Fields: []api.Field{field("HX-Redirect", to)}}, nil
	}
	return redirect(to, "")
}

// added adds a server; not ok: something about it is wrong.
func (p *Portal) added(v *visit, n fleet.NewServer) (s fleet.Server, ok bool, err error) {
	wrong := n.Check()
	if len(textsOf(v.wrong, "company")) > 0 { // which is said already
		wrong = slices.DeleteFunc(wrong, func(f fault.Field) bool { return f.Path == "--company" })
	}
	if len(textsOf(v.wrong, "url")) > 0 { // without it others are asked for that the form has not, or that it would give
		wrong = slices.DeleteFunc(wrong, func(f fault.Field) bool {
			return f.Path == "--url" || f.Path == "--installation-id" || f.Path == "--name" && n.Name == ""
		})
	}
	if len(v.wrong) > 0 || len(wrong) > 0 {
		p.flagged(v, fault.InvalidFields("", wrong))
		return s, false, nil
	}
	if s, err = p.Directory.AddServer(v.ctx(), n); err != nil {
		if p.flagged(v, err) {
			err = nil
		}
		return s, false, err
	}
	return s, true, nil
}

// testServer logs in to a server that is not kept.
func (p *Portal) testServer(v *visit, n fleet.NewServer) (any, error) {
	v.wrong = nil // whose it is does not matter yet
	probe, err := p.Directory.Probe(v.ctx(), n)
	out, err := p.tried(v, &probe, err)
	if err != nil {
		return nil, err
	}
	return p.newServerForm(v, out)
}

// flagged takes the fields out of an error as faults does; the services name them, and in their texts others, as the command line does.
func (p *Portal) flagged(v *visit, err error) bool {
	before := len(v.wrong)
	if err == nil {
		return false
	}
	if fault.Is(err, fault.NotFound) { // what a form names is gone
		v.fail("", fault.Text(err))
		return true
	}
	if !v.faults(err) {
		return false
	}
	for i := before; i < len(v.wrong); i++ {
		w := &v.wrong[i]
		path, flag := strings.CutPrefix(w.Path, "--")
		if !flag {
			continue
		}
		w.Text = p.plainly(w.Text)
		path, rest, _ := strings.Cut(path, " ")
		path = strings.TrimSuffix(path, ",")
		if path == "password-stdin" {
			path = "password"
			if strings.Contains(w.Text, "standard input") {
				w.Text = p.texts["form.no-password"]
			}
		}
		if rest != "" && !strings.HasPrefix(rest, "--") {
			w.Text = rest + " " + w.Text
		}
		w.Path = path
	}
	for i := before; i < len(v.wrong); i++ {
		for _, key := range slices.Sorted(maps.Keys(p.texts)) {
			if name, flag := strings.CutPrefix(key, "flag."); flag {
				v.wrong[i].Text = strings.ReplaceAll(v.wrong[i].Text, "--"+name, p.texts[key])
			}
		}
	}
	return true
}

// pushedServer is the page on which a server is added that sends its readings itself.
func (p *Portal) pushedServer(v *visit) (any, error) {
	if err := v.allow(access.ManageServers, access.Provider); err != nil {
		return nil, err
	}
	return p.pushedServerForm(v)
}

func (p *Portal) pushedServerForm(v *visit) (any, error) {
	owners, err := p.ownerPick(v)
	if err != nil {
		return nil, err
	}
	f := p.form(v, "pushed", "/servers/pushed",
		owners.field(input{Name: "company", Value: v.field("company")}, p.texts["servers.choose-company"]),
		input{Name: "name", Required: true, Complete: "off"},
		input{Name: "installation-id", Required: true, Complete: "off"},
		input{Name: "product", Kind: selection, Choices: p.productChoices(), Value: string(usage.ProductVBR)},
		input{Name: "every", Kind: selection, Choices: p.spanChoices(0, fleet.IntervalImported), Value: seconds(fleet.IntervalImported)})
	return page{name: "server-new", title: p.texts["servers.add"], data: newServerView{Form: f, Pushed: true, Other: "/servers/new"}, status: statusOf(v.wrong)}, nil
}

func (p *Portal) addPushed(v *visit) (any, error) {
	if err := v.allow(access.ManageServers, access.Provider); err != nil {
		return nil, err
	}
	n, err := p.readNewServer(v)
	if err != nil {
		return nil, err
	}
	n.URL, n.Credential, n.Username, n.Password, n.TLS = "", 0, "", "", fleet.TLS{}
	added, ok, err := p.added(v, n)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return p.pushedServerForm(v)
	}
	return redirect(serverPath(added.ID), "added-pushed")
}

// editView is the value of a page on which something is changed, or removed.
type editView struct {
	Name, Back string
	Change     form
	Remove     form
	RemoveText string
}

// serverEditView is the value of the page on which a server is changed, or removed.
type serverEditView struct {
	editView

	Reached bool // it is read, and not fed: it can be tested
	Tested  *testedView
}

func (p *Portal) serverEdit(v *visit) (any, error) {
	s, err := p.serverOf(v, access.ManageServers)
	if err != nil {
		return nil, err
	}
	return p.serverEditPage(v, &s, nil)
}

func (p *Portal) serverEditPage(v *visit, s *fleet.Server, tested *testedView) (any, error) {
	state := hidden("state", editionOf(s))
	fields := []input{state, {Name: "name", Value: s.Name, Required: true, Complete: "off"}}
	if !s.Shared {
		companies, err := p.companyPick(v)
		if err != nil {
			return nil, err
		}
		fields = append(fields, companies.field(input{Name: "company", Required: true, Value: s.Company.String()}, ""))
	}
	if c := s.Connection; c != nil {
		sets, err := p.setChoices(v)
		if err != nil {
			return nil, err
		}
		set, username := "", c.Username
		if c.Credential != 0 {
			set, username = c.Credential.String(), ""
		}
		fields = append(fields,
			input{Name: "url", Value: plainAddress(c), Required: true, Complete: "off"}, input{Name: "credential", Kind: selection, Choices: sets, Value: set},
			input{Name: "username", Value: username, Complete: "off"}, input{Name: "password", Kind: passwordField, Complete: "new-password"},
			input{Name: "fingerprint", Value: c.TLS.Fingerprint, Complete: "off"}, input{Name: "ca", Kind: textArea, Value: c.TLS.CA},
			input{Name: "insecure", Kind: checkBoxes, Choices: []choice{{Value: "1", Name: p.texts["servers.insecure"], Chosen: c.TLS.Insecure}}})
	}
	fields = append(fields,
		input{Name: "every", Kind: selection, Choices: p.spanChoices(s.Interval, s.Interval), Value: seconds(s.Interval)},
		input{Name: "authority", Kind: selection, Choices: []choice{
			{Value: string(metering.Reported), Name: p.texts["origin.reported"]}, {Value: string(metering.Computed), Name: p.texts["origin.computed"]},
		}, Value: string(s.Authority)},
		input{Name: "domain", Value: s.Domain, Complete: "off"})
	fields = append(fields, labelFields(s.Labels)...)
	if tested == nil {
		tested = &testedView{}
	}
	tested.Field, tested.ShownBy = confirmedField, shownByEdit(v)
	tested.Confirmed = tested.Confirmed && confirmed(v, confirmedField, tested.ShownBy) != "" // what stands in the form's own field is not asked for again
	fields = append(fields, tested.boxes()...)
	to := serverPath(s.ID)
	out := serverEditView{Reached: s.Connection != nil, Tested: tested, editView: editView{
		Name: s.Name, Back: to, Change: p.form(v, "server-edit", to+"/edit", fields...),
		Remove: p.form(v, "server-remove", to+"/remove", state), RemoveText: p.texts["servers.remove-text"],
	}}
	out.Change.Buttons[0].Value = doSave
	shown := page{name: "server-edit", title: s.Name, data: out, status: statusOf(v.wrong)}
	tested.in(&out.Change)
	if v.fragment() && v.Method == http.MethodPost { // what is typed stays in the browser, the password among it
		shown.data, shown.status, shown.part = tested, 0, "tested"
	}
	return shown, nil
}

// labelFields are external ids and tags, one a line.
func labelFields(l fleet.Labels) []input {
	return []input{
		{Name: "external-id", Kind: textArea, Value: labelLines(l.ExternalIDs)}, {Name: "tag", Kind: textArea, Value: labelLines(l.Tags)},
	}
}

func labelLines(labels map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(key + ": " + labels[key] + "\n")
	}
	return b.String()
}

// labels reads external ids and tags, as they are put into those that are there: what is not named any more is taken away.
func (p *Portal) labels(v *visit, have fleet.Labels) fleet.Labels {
	read := func(name string, have map[string]string) map[string]string {
		given := make(map[string]string)
		for key := range have {
			given[key] = ""
		}
		for _, line := range linesOf(v.form.Get(name)) {
			key, value, ok := strings.Cut(line, ":")
			if !ok || strings.TrimSpace(value) == "" {
				v.fail(name, p.texts["form.no-label"]+" "+line)
			}
			given[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
		return given
	}
	return fleet.Labels{ExternalIDs: read("external-id", have.ExternalIDs), Tags: read("tag", have.Tags)}
}

// editionOf tells one state of what is edited of a server from another.
func editionOf(s *fleet.Server) string {
	return stateOf([]any{s.Revision, s.Company, s.Domain, s.Authority, s.Interval})
}

// editServer tests how a server would be reached after a change, or changes it.
func (p *Portal) editServer(v *visit) (any, error) {
	s, err := p.serverOf(v, access.ManageServers)
	if err != nil {
		return nil, err
	}
	if v.field("do") == doTest {
		return p.testEdit(v, &s)
	}
	e, err := p.readServerEdit(v, &s)
	if err != nil {
		return nil, err
	}
	if len(v.wrong) > 0 {
		e.ManagesSets = true // what else is asked of who does not is said already
		p.flagged(v, fault.InvalidFields("", e.Check(s, p.Now())))
		return p.serverEditPage(v, &s, nil)
	}
	if reachedOtherwise(&e) && len(e.Check(s, p.Now())) == 0 {
		probe, err := p.Directory.ProbeEdit(v.ctx(), s.ID, e)
		out, err := p.triedEdit(v, &s, &e, &probe, err)
		if err != nil {
			return nil, err
		}
		if why, box := out.keeps(); why != "" {
			v.fail(box, p.texts[why])
		}
		if len(v.wrong) > 0 {
			return p.serverEditPage(v, &s, out)
		}
	}
	if _, err = p.Directory.EditServer(v.ctx(), s.ID, e); err == nil {
		return v.leave(serverPath(s.ID) + "?told=saved")
	}
	if !p.flagged(v, err) {
		return nil, err
	}
	return p.serverEditPage(v, &s, nil)
}

// testEdit logs in to a server as it would be reached after a change. What else is changed does not matter yet.
func (p *Portal) testEdit(v *visit, s *fleet.Server) (any, error) {
	if s.Connection == nil {
		return nil, p.texts.refuse(fault.Conflict, "servers.nothing-to-log-in", s.Name)
	}
	e := fleet.ServerEdit{ManagesSets: v.may(access.ManageCredentials, access.Provider)}
	e.When = func(now *fleet.Server) error { return p.meanwhile(v, editionOf(now)) }
	p.readConnection(v, s.Connection, &e)
	if len(v.wrong) > 0 {
		e.ManagesSets = true // what else is asked of who does not is said already
		p.flagged(v, fault.InvalidFields("", e.Check(*s, p.Now())))
		return p.serverEditPage(v, s, &testedView{})
	}
	probe, err := p.Directory.ProbeEdit(v.ctx(), s.ID, e)
	out, err := p.triedEdit(v, s, &e, &probe, err)
	if err != nil {
		return nil, err
	}
	return p.serverEditPage(v, s, out)
}

// reachedOtherwise reports whether an edit changes how a server is reached, or as whom.
func reachedOtherwise(e *fleet.ServerEdit) bool {
	return e.URL != nil || e.TLS != nil || e.Credential != nil || e.Username != nil || e.Password != nil
}

// readServerEdit reads what is another than it is.
func (p *Portal) readServerEdit(v *visit, s *fleet.Server) (e fleet.ServerEdit, err error) {
	e = fleet.ServerEdit{Labels: p.labels(v, s.Labels), ManagesSets: v.may(access.ManageCredentials, access.Provider)}
	e.When = func(now *fleet.Server) error { return p.meanwhile(v, editionOf(now)) }
	e.Name, e.Domain = changed(v.field("name"), s.Name), changed(v.field("domain"), s.Domain)
	e.Authority, e.Interval = changed(metering.Authority(v.field("authority")), s.Authority), changed(v.every(), s.Interval)
	if !s.Shared {
		company, err := p.given(v)
		if err != nil {
			return e, err
		}
		if len(textsOf(v.wrong, "company")) == 0 {
			e.Company = changed(company, s.Company)
		}
	}
	if c := s.Connection; c != nil {
		p.readConnection(v, c, &e)
	}
	return e, nil
}

// changed gives what is another than it was.
func changed[T comparable](is, was T) *T {
	if is == was {
		return nil
	}
	return &is
}

// readConnection reads how a server is reached. A password that is kept is sent nowhere else: it is given again, whoever asks.
func (p *Portal) readConnection(v *visit, was *fleet.Connection, e *fleet.ServerEdit) {
	var bad []fault.Field
	address, _ := fleet.CheckURL(&bad, v.field("url"))
	if len(bad) > 0 {
		address = v.field("url") // the service says what is wrong with it
	}
	e.URL = changed(address, was.URL)
	trust := fleet.TLS{
		Fingerprint: strings.ToLower(strings.ReplaceAll(v.field("fingerprint"), ":", "")), CA: strings.ReplaceAll(v.form.Get("ca"), "\r\n", "\n"), Insecure: v.field("insecure") != "",
	}
	if shown := confirmed(v, confirmedField, shownByEdit(v)); shown != "" { // it stands in place of what was trusted before
		trust = fleet.TLS{Fingerprint: shown}
	}
	e.TLS = changed(trust, was.TLS)
	set, password := v.set(), v.form.Get("password")
	switch {
	case set != 0:
		e.Credential = changed(set, was.Credential)
		return
	case was.Credential != 0:
		username := v.field("username")
		e.Username, e.Password = &username, &password
	default:
		e.Username = changed(v.field("username"), was.Username)
		if password != "" {
			e.Password = &password
		}
	}
	if e.Password == nil && (e.URL != nil || e.TLS != nil) {
		v.fail("password", p.texts["form.password-again"])
	}
}

func (p *Portal) removeServer(v *visit) (any, error) {
	s, err := p.serverOf(v, access.ManageServers)
	if err != nil {
		return nil, err
	}
	from, err := p.Console.RemovalFrom(v.ctx(), s.ID)
	if err != nil {
		return nil, err
	}
	err = p.Directory.RemoveServer(v.ctx(), s.ID, from, func(now *fleet.Server) error { return p.meanwhile(v, editionOf(now)) })
	switch {
	case err != nil && p.flagged(v, err):
		return p.serverEditPage(v, &s, nil)
	case err != nil:
		return nil, err
	}
	return redirect("/servers", "server-removed")
}

package portal

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// trail says entries of the audit trail in words of the portal. What it knows no words for stays as it is kept.
type trail struct {
	*Portal

	visit     *visit
	companies *companyLinks
	names     map[string]link // of what is not a company, by its kind and number as the trail has them
	sets      bool            // those of credential sets are among them
}

func (p *Portal) trailFor(v *visit) *trail {
	return &trail{Portal: p, visit: v, companies: p.companyLinks(), names: map[string]link{}}
}

// saidPart is a part of what an entry says: of an attribute, or without a name a sentence.
type saidPart struct{ Name, Text string }

var (
	numbered    = regexp.MustCompile(`^(company|server|user|token|credential set|alarm) (\d+)$`)
	ofStatement = regexp.MustCompile(`^statement (\d{4}-\d{2}) of company (\d+)$`)
)

// subject says what an entry is about: its kind, and its name with its page, where it has one still.
func (t *trail) subject(e *audit.Entry) (kind string, named link, err error) {
	if found := ofStatement.FindStringSubmatch(e.Subject); found != nil {
		month, err := usage.ParseMonth(found[1])
		id, _ := strconv.ParseInt(found[2], 10, 64)
		if err == nil {
			return t.texts["audit-subject.statement"], link{t.month(month), statementPath(month, usage.CompanyID(id))}, nil
		}
	}
	if e.Subject == "policy" {
		if strings.HasPrefix(e.Detail, "catalogue ") {
			return "", link{t.texts["catalogue.own"], "/catalogue"}, nil
		}
		return "", link{t.texts["settings.title"], "/settings"}, nil
	}
	found := numbered.FindStringSubmatch(e.Subject)
	if found == nil {
		return "", link{Name: e.Subject}, nil
	}
	named, err = t.named(found[1], found[2])
	return t.texts["audit-subject."+strings.ReplaceAll(found[1], " ", "-")], named, err
}

// named finds the name of something by its kind and number.
func (t *trail) named(kind, number string) (link, error) {
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil { // more digits than a number has
		return link{Name: number}, nil //nolint:nilerr // it stays as it is kept
	}
	if kind == "company" {
		out, err := t.companies.of(t.visit.ctx(), usage.CompanyID(id))
		return t.gone(out, out.To == ""), err
	}
	key := kind + " " + number
	out, known := t.names[key]
	if known {
		return out, nil
	}
	out, err = t.find(kind, id)
	if fault.Is(err, fault.NotFound) {
		out, err = link{Name: number}, nil
	}
	t.names[key] = out
	return out, err
}

// gone marks what is not there any more, where that is so.
func (t *trail) gone(l link, so bool) link {
	if so {
		return link{Name: l.Name + " " + t.texts["audit.gone"]}
	}
	return l
}

func (t *trail) find(kind string, id int64) (link, error) {
	ctx := t.visit.ctx()
	switch kind {
	case "server":
		s, err := t.Servers.Server(ctx, usage.ServerID(id))
		return t.gone(link{s.Name, serverPath(s.ID)}, s.RemovedAt != nil), err
	case "user":
		u, err := t.Users.User(ctx, access.UserID(id))
		return link{u.Name, userPath(u.ID)}, err
	case "token":
		k, err := t.Tokens.Token(ctx, access.TokenID(id))
		return link{k.Name, "/tokens"}, err
	case "alarm":
		e, err := t.Events.Event(ctx, id)
		kind, _ := alarm.TemplateByID(e.Template)
		return link{kind.Name, alarmPath(id)}, err
	}
	return t.set(ctx, id)
}

// set finds a credential set; of one that was removed nothing is known any more.
func (t *trail) set(ctx context.Context, id int64) (link, error) {
	if !t.sets {
		all, err := t.Directory.Credentials.Credentials(ctx)
		if err != nil {
			return link{}, err
		}
		for i := range all {
			t.names["credential set "+all[i].ID.String()] = link{all[i].Name, "/credentials/" + all[i].ID.String()}
		}
		t.sets = true
	}
	if found, known := t.names["credential set "+strconv.FormatInt(id, 10)]; known {
		return found, nil
	}
	return link{}, t.texts.refuse(fault.NotFound, "absent.set", strconv.FormatInt(id, 10))
}

// worded says a value as the portal does; nil: as it is.
type worded func(t *trail, value string) (string, error)

// attribute is how the portal calls what the trail calls otherwise, and its values.
type attribute struct {
	key   string
	value worded
}

// attributes are those of all subjects.
var attributes = map[string]attribute{
	"name":           {"form.company-edit.name", nil},
	"enabled":        {"audit.enabled", yesOrNo},
	"verified":       {"audit.verified", yesOrNo},
	"company":        {"company.one", nameOf("company")},
	"credential set": {"form.server-edit.credential", nameOf("credential set")},
	"product":        {"form.server.product", textOf("product-kind.")},
	"authority":      {"form.server-edit.authority", textOf("origin.")},
	"role":           {"users.role", textOf("role.")},
	"scopes":         {"form.token.scopes", scopesOf},
	"interval":       {"form.server-edit.every", inWords},
	"domain":         {"form.server-edit.domain", nil},
	"url":            {"form.server-edit.url", nil},
	"username":       {"form.server-edit.username", nil},
	"fingerprint":    {"form.server-edit.fingerprint", nil},
	"hosts":          {"form.credential.host", nil},
	"user":           {"tokens.user", nil},
	"single sign-on": {"form.single.singleSignOn", nil},
	"second factor":  {"second.title", nil},
	"zone":           {"settings.zone", nil},
	"licensees":      {"settings.licensees", oneLine},
	"catalogue":      {"catalogue.version", nil},
	"reason":         {"statement.reason", nil},
	"about":          {"audit.about", nil},
}

// keyedAttributes are attributes of which the trail has several, each with a key behind it.
var keyedAttributes = []struct{ prefix, key string }{
	{"external id ", "form.company.external-id"}, {"tag ", "form.company.tag"}, {"reason for ", "statement.reason"},
}

func yesOrNo(t *trail, value string) (string, error) { return textOf("audit-value.")(t, value) }

// textOf gives the portal's text for a value.
func textOf(prefix string) worded {
	return func(t *trail, value string) (string, error) {
		if text, known := t.texts[prefix+value]; known {
			return text, nil
		}
		return value, nil
	}
}

func nameOf(kind string) worded {
	return func(t *trail, value string) (string, error) {
		named, err := t.named(kind, value)
		return named.Name, err
	}
}

func scopesOf(t *trail, value string) (string, error) {
	scopes := strings.Split(value, ", ")
	for i, scope := range scopes {
		if text, known := t.texts["scope."+scope]; known {
			scopes[i] = text
		}
	}
	return strings.Join(scopes, "; "), nil
}

func inWords(t *trail, value string) (string, error) {
	d, err := time.ParseDuration(value)
	if err != nil {
		return value, nil //nolint:nilerr // it stays as it is kept
	}
	return t.span(d), nil
}

func oneLine(_ *trail, value string) (string, error) {
	return strings.ReplaceAll(value, "\n", ", "), nil
}

// quoted is a text as the trail writes one.
const quoted = `"(?:[^"\\]|\\.)*"`

var (
	changeOf = regexp.MustCompile(`^([^"]+) (` + quoted + `)(?: -> (` + quoted + `)|( goes))?$`)
	dated    = regexp.MustCompile(`^(?:server|company)/\d+: ([a-z ]+) (` + quoted + `) from (\S+)$`)
)

// sentences are what the trail says else, and the text that says it, with what is put in.
var sentences = []struct {
	said *regexp.Regexp
	key  string
	put  []worded // one for each of its groups
}{
	{regexp.MustCompile(`^password$`), "audit-said.password", nil},
	{regexp.MustCompile(`^no password$`), "audit-said.no-password", nil},
	{regexp.MustCompile(`^other authorities$`), "audit-said.authorities", nil},
	{regexp.MustCompile(`^session \S+ revoked$`), "audit-said.session", nil},
	{regexp.MustCompile(`^all sessions revoked$`), "audit-said.sessions", nil},
	{regexp.MustCompile(`^cloud tenant (` + quoted + `) comes$`), "audit-said.tenant", []worded{unquoted}},
	{regexp.MustCompile(`^cloud tenant (` + quoted + `) goes$`), "audit-said.tenant-goes", []worded{unquoted}},
	{regexp.MustCompile(`^cloud tenant (` + quoted + `) on server (\d+) comes$`), "audit-said.tenant-on", []worded{unquoted, nameOf("server")}},
	{regexp.MustCompile(`^cloud tenant (` + quoted + `) on server (\d+) goes$`), "audit-said.tenant-on-goes", []worded{unquoted, nameOf("server")}},
	{regexp.MustCompile(`^company (\d+) only$`), "audit-said.company-only", []worded{nameOf("company")}},
	{regexp.MustCompile(`^server (\d+) only$`), "audit-said.server-only", []worded{nameOf("server")}},
	{regexp.MustCompile(`^of server (\d+)$`), "audit-said.of-server", []worded{nameOf("server")}},
	{regexp.MustCompile(`^expires (\S+)$`), "audit-said.expires", []worded{timeOf}},
	{regexp.MustCompile(`^in the name of (` + quoted + `)$`), "audit-said.name", []worded{unquoted}},
}

func unquoted(_ *trail, value string) (string, error) {
	text, err := strconv.Unquote(value)
	if err != nil { // it is one of another program's making
		return value, nil //nolint:nilerr // it stays as it is kept
	}
	return text, nil
}

func timeOf(t *trail, value string) (string, error) {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value, nil //nolint:nilerr // it stays as it is kept
	}
	return t.visit.moment(at).Text(), nil
}

// detail says what an entry says, part by part.
func (t *trail) detail(e *audit.Entry) (parts []saidPart, err error) {
	for _, text := range partsOf(e.Detail) {
		part, err := t.part(text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// partsOf parts what audit.Detail put together: not within a quoted text.
func partsOf(detail string) (parts []string) {
	begin, inside := 0, false
	for i := 0; i < len(detail); i++ {
		switch {
		case inside && detail[i] == '\\':
			i++
		case detail[i] == '"':
			inside = !inside
		case !inside && strings.HasPrefix(detail[i:], "; "):
			parts = append(parts, detail[begin:i])
			begin = i + len("; ")
		}
	}
	if begin < len(detail) {
		parts = append(parts, detail[begin:])
	}
	return parts
}

func (t *trail) part(text string) (saidPart, error) {
	if found := dated.FindStringSubmatch(text); found != nil {
		part, known, err := t.change(found[1], "", found[2])
		if err != nil || !known {
			return saidPart{Text: text}, err
		}
		from, err := timeOf(t, found[3])
		if err == nil {
			part.Text, err = t.texts.say("audit-said.from", part.Text, from)
		}
		return part, err
	}
	if found := changeOf.FindStringSubmatch(text); found != nil {
		was, is := found[2], found[3]
		if is == "" && found[4] == "" {
			was, is = "", found[2]
		}
		if part, known, err := t.change(found[1], was, is); known || err != nil {
			return part, err
		}
	}
	for i := range sentences {
		s := &sentences[i]
		found := s.said.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		var put []any
		for j, value := range found[1:] {
			said, err := s.put[j](t, value)
			if err != nil {
				return saidPart{}, err
			}
			put = append(put, said)
		}
		said, err := t.texts.say(s.key, put...)
		return saidPart{Text: said}, err
	}
	return saidPart{Text: text}, nil
}

// change says what of an attribute is another value, each quoted or empty; known: the portal has a name for it.
func (t *trail) change(name, was, is string) (part saidPart, known bool, err error) {
	a, known := attributes[name]
	part.Name = t.texts[a.key]
	for _, k := range keyedAttributes {
		if key, has := strings.CutPrefix(name, k.prefix); has && !known {
			part.Name, known = t.texts[k.key]+" ("+key+")", true
		}
	}
	if !known {
		return part, false, nil
	}
	for _, value := range []*string{&was, &is} {
		if *value == "" {
			continue
		}
		*value, _ = unquoted(t, *value)
		if a.value != nil {
			if *value, err = a.value(t, *value); err != nil {
				return part, true, err
			}
		}
	}
	switch {
	case is == "":
		part.Text, err = t.texts.say("audit-said.gone", was)
	case was == "":
		part.Text = is
	default:
		part.Text, err = t.texts.say("audit-said.change", was, is)
	}
	return part, true, err
}

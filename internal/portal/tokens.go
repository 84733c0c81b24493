package portal

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// tokensView is the value of the list of API tokens.
type tokensView struct {
	All  bool // of all users
	List listed[tokenRow]
}

type tokenRow struct {
	Name, User string
	Scopes     []access.Action
	Company    link
	Server     link
	Created    moment
	By         string
	Ends       moment
	Used       *moment
	State      string // lives, revoked, over
	Revoke     string // where that is done; empty: it does nothing any more
}

// everybodys reports whether the reader sees the tokens of all users, and not their own alone.
func (v *visit) everybodys() bool { return v.may(access.ManageUsers, access.Provider) }

func (p *Portal) tokens(v *visit) (any, error) {
	of := v.actor.User
	if v.everybodys() {
		of = 0
	}
	tokens, err := p.Access.Tokens(v.ctx(), of)
	if err != nil {
		return nil, err
	}
	now := p.Now()
	slices.SortStableFunc(tokens, func(a, b access.Token) int { // those that live first, then the newest
		return cmp.Or(cmp.Compare(truth(b.Lives(now)), truth(a.Lives(now))), cmp.Compare(b.ID, a.ID))
	})
	names, err := p.userNames(v)
	if err != nil {
		return nil, err
	}
	links, shown := p.companyLinks(), listedOf(v, tokens)
	out := tokensView{v.everybodys(), listed[tokenRow]{part: shown.part, Count: shown.Count}}
	for i := range shown.Rows {
		row, err := p.tokenRow(v, &shown.Rows[i], links)
		if err != nil {
			return nil, err
		}
		row.User = names[shown.Rows[i].User]
		out.List.Rows = append(out.List.Rows, row)
	}
	out.List.Live = true
	return page{name: "tokens", title: p.texts["tokens.title"], data: out, part: "rows"}, nil
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// userNames gives the names of those whose tokens the reader sees.
func (p *Portal) userNames(v *visit) (map[access.UserID]string, error) {
	if !v.everybodys() {
		return map[access.UserID]string{v.actor.User: v.actor.Name}, nil
	}
	users, err := p.Users.Users(v.ctx())
	names := make(map[access.UserID]string, len(users))
	for i := range users {
		names[users[i].ID] = users[i].Name
	}
	return names, err
}

func (p *Portal) tokenRow(v *visit, t *access.Token, links *companyLinks) (row tokenRow, err error) {
	row = tokenRow{Name: t.Name, Scopes: t.Scopes, Created: v.moment(t.CreatedAt), By: t.CreatedBy, Ends: v.moment(t.ExpiresAt), Used: v.momentOf(t.LastUsedAt)}
	switch {
	case t.RevokedAt != nil:
		row.State = "revoked"
	case !t.Lives(p.Now()):
		row.State = "over"
	default:
		row.State, row.Revoke = "lives", "/tokens/"+strconv.FormatInt(int64(t.ID), 10)+"/revoke"
	}
	if row.Company, err = links.of(v.ctx(), t.Company); err != nil || t.Server == 0 {
		return row, err
	}
	s, err := p.Servers.Server(v.ctx(), t.Server)
	row.Server = v.serverLink(s.ID, s.Name)
	return row, err
}

func (p *Portal) newToken(v *visit) (any, error) { return p.newTokenPage(v) }

func (p *Portal) newTokenPage(v *visit) (any, error) {
	var scopes []choice
	for _, a := range access.Actions() {
		if v.everybodys() || v.may(a, v.only()) {
			scopes = append(scopes, choice{Value: string(a), Name: p.texts["scope."+string(a)]})
		}
	}
	fields := []input{{Name: "name", Required: true, Complete: "off"}}
	if v.everybodys() {
		users, err := p.userPick(v)
		if err != nil {
			return nil, err
		}
		fields = append(fields, users.field(input{Name: "user", Required: true, Value: strconv.FormatInt(int64(v.actor.User), 10)}, ""))
	}
	fields = append(fields, input{Name: "scopes", Kind: checkBoxes, Choices: scopes})
	if v.only() == 0 {
		companies, err := p.companyPick(v)
		if err != nil {
			return nil, err
		}
		fields = append(fields, companies.field(input{Name: "company"}, p.texts["tokens.every-company"]))
	}
	if v.may(access.PushReadings, access.Provider) {
		servers, err := p.serverPick(v)
		if err != nil {
			return nil, err
		}
		fields = append(fields, servers.field(input{Name: "server"}, p.texts["tokens.every-server"]))
	}
	year := v.days.Of(p.Now().AddDate(1, 0, 0))
	fields = append(fields, input{Name: "expiresAt", Kind: "date", Required: true, Value: year.String()})
	out := formView{p.texts["tokens.add"], p.texts["tokens.text"], link{p.texts["tokens.title"], "/tokens"}, p.form(v, "token", "/tokens", fields...)}
	return page{name: "form", title: p.texts["tokens.add"], data: out, status: statusOf(v.wrong)}, nil
}

// readToken reads the form of a new token.
func (p *Portal) readToken(v *visit) (n access.NewToken, err error) {
	n = access.NewToken{Name: v.field("name"), User: v.actor.User, ExpiresAt: p.endOfDay(v, "expiresAt")}
	servers := &pick{absent: "form.no-server"} // whoever is offered none knows none
	if v.may(access.PushReadings, access.Provider) {
		if servers, err = p.serverPick(v); err != nil {
			return n, err
		}
	}
	if text := v.field("user"); text != "" && text != strconv.FormatInt(int64(n.User), 10) {
		users := &pick{}
		if v.everybodys() {
			if users, err = p.userPick(v); err != nil {
				return n, err
			}
		}
		id, err := p.picked(v, "user", users)
		if err != nil {
			return n, err
		}
		n.User = access.UserID(id)
	}
	for _, scope := range v.form["scopes"] {
		n.Scopes = append(n.Scopes, access.Action(scope))
	}
	server, err := p.picked(v, "server", servers)
	if err != nil {
		return n, err
	}
	n.Server = usage.ServerID(server)
	n.Company, err = p.given(v)
	return n, err
}

// endOfDay reads a day, and gives the first instant after it; zero where it is empty or wrong.
func (p *Portal) endOfDay(v *visit, name string) time.Time {
	day := v.day(name, usage.Date{})
	if day == (usage.Date{}) {
		return time.Time{}
	}
	return v.days.First(day.Next())
}

func (p *Portal) addToken(v *visit) (any, error) {
	n, err := p.readToken(v)
	if err != nil {
		return nil, err
	}
	if n.User != v.actor.User && !v.everybodys() {
		return nil, v.allow(access.ManageUsers, access.Provider)
	}
	if len(v.wrong) > 0 {
		return p.newTokenPage(v)
	}
	made, secret, err := p.Access.AddToken(v.ctx(), n)
	switch {
	case fault.Is(err, fault.NotFound):
		v.fail("", fault.Text(err))
		return p.newTokenPage(v)
	case err != nil && v.faults(err):
		if err := p.wordScopes(v); err != nil {
			return nil, err
		}
		return p.newTokenPage(v)
	case err != nil:
		return nil, err
	}
	return p.secret(secretView{strings.TrimSpace(p.texts["tokens.made"] + " " + made.Name), p.texts["tokens.made-text"], p.texts["tokens.made-label"], secret, link{p.texts["tokens.title"], "/tokens"}}), nil
}

// scopeTexts are what is said of the scopes of a token where they are words of the API, and the text that says it in those of the form.
var scopeTexts = []struct {
	said *regexp.Regexp
	key  string
}{
	{regexp.MustCompile(`^at least one is required`), "form.scope.none"},
	{regexp.MustCompile(`^the user, as (\S+), may not do (\S+) itself`), "form.scope.beyond"},
	{regexp.MustCompile(`^(\S+) goes with a token for everything only`), "form.scope.everything"},
	{regexp.MustCompile(`^a token for one server can have the scope push alone, not (\S+)$`), "form.scope.push"},
}

// wordScopes says what is wrong with scopes in the words that stand beside their boxes.
func (p *Portal) wordScopes(v *visit) error {
	for i := range v.wrong {
		for _, t := range scopeTexts {
			found := t.said.FindStringSubmatch(v.wrong[i].Text)
			if found == nil {
				continue
			}
			var words []any
			for _, word := range found[1:] {
				words = append(words, cmp.Or(p.texts["role."+word], p.texts["scope."+word], word))
			}
			text, err := p.texts.say(t.key, words...)
			if err != nil {
				return err
			}
			v.wrong[i].Text = text
			break
		}
	}
	return nil
}

func (p *Portal) revokeToken(v *visit) (any, error) {
	absent := p.texts.refuse(fault.NotFound, "absent.token", strconv.Quote(v.id("token")))
	id, err := strconv.ParseInt(v.id("token"), 10, 64)
	if err != nil {
		return nil, absent
	}
	t, err := p.Tokens.Token(v.ctx(), access.TokenID(id))
	if fault.Is(err, fault.NotFound) || err == nil && t.User != v.actor.User && !v.everybodys() {
		return nil, absent
	}
	if err == nil {
		err = p.Access.RevokeToken(v.ctx(), t.ID)
	}
	if err != nil {
		return nil, err
	}
	return redirect("/tokens", "revoked")
}

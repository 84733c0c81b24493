package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type userToken struct {
	Add    tokenAdd    `cmd:"" help:"Make a token for a program, and print it once. Example: tallystick user token add --user admin --name \"push from VBR01\" --scope push --server name:VBR01 --expires 365d"`
	List   tokenList   `cmd:"" default:"withargs" help:"List API tokens, of one user or all; without the tokens themselves, which are kept nowhere. Example: tallystick user token list admin"`
	Revoke tokenRevoke `cmd:"" help:"End an API token, by the number that 'user token list' shows. Example: tallystick user token revoke 3"`
}

// tokenJSON is an API token in --json answers.
type tokenJSON struct {
	ID         access.TokenID   `json:"id"`
	User       access.UserID    `json:"user"`
	Name       string           `json:"name"`
	Scopes     []access.Action  `json:"scopes"`
	Company    *usage.CompanyID `json:"company"` // null: all that its user reaches
	Server     *usage.ServerID  `json:"server"`  // likewise
	CreatedAt  time.Time        `json:"createdAt"`
	CreatedBy  string           `json:"createdBy"`
	ExpiresAt  time.Time        `json:"expiresAt"`
	RevokedAt  *time.Time       `json:"revokedAt"`
	LastUsedAt *time.Time       `json:"lastUsedAt"`      // to an hour; null: not yet
	Token      string           `json:"token,omitempty"` // where it is made, and only there
}

func toTokenJSON(t *access.Token) tokenJSON {
	j := tokenJSON{
		ID: t.ID, User: t.User, Name: t.Name, Scopes: t.Scopes, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy,
		ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, LastUsedAt: t.LastUsedAt,
	}
	if t.Company != 0 {
		j.Company = &t.Company
	}
	if t.Server != 0 {
		j.Server = &t.Server
	}
	return j
}

type tokenAdd struct {
	User    string   `help:"Whose token it is: it may no more than this user." required:"" placeholder:"NAME"`
	Name    string   `help:"What it is for; among the user's tokens that live, each name is there once." required:""`
	Scope   []string `help:"What it may: read, push (readings), answer-alarms, work-statements, finalise-statements, manage-companies, manage-servers, manage-credentials, manage-users, read-audit, use-v2, read-v2. Several with commas." required:"" placeholder:"SCOPE"`
	Server  string   `help:"With --scope push: for this server only." placeholder:"SERVER"`
	Company string   `help:"For this company only." placeholder:"COMPANY"`
	Expires string   `help:"When it ends: a time, or in how many days (365d); five years at most." required:"" placeholder:"TIME"`
}

func (c *tokenAdd) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	n, err := c.input(e, a)
	if err != nil {
		return err
	}
	token, secret, err := a.Access.AddToken(e.ctx, n)
	if err != nil {
		return asFlags(err, "scopes", "scope", "expiresAt", "expires")
	}
	if e.json {
		j := toTokenJSON(&token)
		j.Token = secret
		return e.printJSON(j)
	}
	e.say("Token %d (%s) of %s is added, until %s. It is shown only now:", token.ID, token.Name, c.User, timeText(&token.ExpiresAt))
	return e.print("%s\n", secret)
}

func (c *tokenAdd) input(e *env, a *app.App) (n access.NewToken, err error) {
	n = access.NewToken{Name: c.Name}
	for _, scope := range c.Scope {
		n.Scopes = append(n.Scopes, access.Action(strings.TrimSpace(scope)))
	}
	if n.ExpiresAt, err = expiry(c.Expires, a.Now()); err != nil {
		return n, err
	}
	user, err := a.Store.UserByName(e.ctx, c.User)
	if err != nil {
		return n, err
	}
	n.User = user.ID
	if c.Company != "" {
		if n.Company, err = e.one(a, c.Company); err != nil {
			return n, err
		}
	}
	if c.Server != "" {
		server, err := a.Fleet.FindServer(e.ctx, c.Server)
		if err != nil {
			return n, err
		}
		n.Server = server.ID
	}
	return n, nil
}

// expiryDaysMax bounds what is computed with; how long a token may live is not decided here.
const expiryDaysMax = 100_000

// expiry reads a time, or a number of days from now.
func expiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(strings.TrimSpace(text), "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= expiryDaysMax {
			return now.AddDate(0, 0, n), nil
		}
		return time.Time{}, mistake("--expires", "%q is no number of days: write 365d", text)
	}
	if _, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Time{}, mistake("--expires", "%q is no time: write %sd for so many days, or a day as 2027-12-31", text, strings.TrimSpace(text))
	}
	return instant("--expires", &text)
}

type tokenList struct {
	User string `arg:"" optional:"" help:"Only those of this user."`
}

func (c *tokenList) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	users, err := a.Store.Users(e.ctx)
	if err != nil {
		return err
	}
	names := make(map[access.UserID]string, len(users))
	for i := range users {
		names[users[i].ID] = users[i].Name
	}
	var of access.UserID
	if c.User != "" {
		user, err := a.Store.UserByName(e.ctx, c.User)
		if err != nil {
			return err
		}
		of = user.ID
	}
	tokens, err := a.Access.Tokens(e.ctx, of)
	if err != nil {
		return err
	}
	list, rows := []tokenJSON{}, [][]string{}
	for i := range tokens {
		t := &tokens[i]
		list = append(list, toTokenJSON(t))
		rows = append(rows, []string{
			strconv.FormatInt(int64(t.ID), 10), names[t.User], t.Name, scopesText(t), tokenState(t, a.Now()), timeText(&t.ExpiresAt), timeText(t.LastUsedAt),
		})
	}
	if e.json {
		return e.printJSON(list)
	}
	return e.table("ID|USER|NAME|MAY|STATE|EXPIRES|USED", rows)
}

// scopesText says what a token may, and where.
func scopesText(t *access.Token) string {
	texts := make([]string, len(t.Scopes))
	for i := range t.Scopes {
		texts[i] = string(t.Scopes[i])
	}
	text := strings.Join(texts, ",")
	if t.Company != 0 {
		text += " (" + companyText(t.Company) + ")"
	}
	if t.Server != 0 {
		text += " (server " + t.Server.String() + ")"
	}
	return text
}

func tokenState(t *access.Token, now time.Time) string {
	switch {
	case t.RevokedAt != nil:
		return "revoked"
	case !t.Lives(now):
		return "expired"
	}
	return "lives"
}

type tokenRevoke struct {
	ID int64 `arg:"" help:"The number of the token."`
}

func (c *tokenRevoke) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	if err := a.Access.RevokeToken(e.ctx, access.TokenID(c.ID)); err != nil {
		return err
	}
	token, err := a.Store.Token(e.ctx, access.TokenID(c.ID))
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(toTokenJSON(&token))
	}
	e.say("Token %d (%s) is revoked.", token.ID, token.Name)
	return nil
}

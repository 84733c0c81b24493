package cli

import (
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
)

type userSessions struct {
	List   sessionsList   `cmd:"" default:"withargs" help:"Where a user is logged in, latest first. RENEWED is the log-in or the latest refresh: requests in between are not kept, and go on for an hour at most. Example: tallystick user sessions list admin"`
	Revoke sessionsRevoke `cmd:"" help:"End one session of a user, or all. Example: tallystick user sessions revoke admin --all"`
}

// sessionJSON is a session in --json answers. There is no token in it: none is kept.
type sessionJSON struct {
	ID      string     `json:"id"`
	Began   *time.Time `json:"began"`   // null: made by an older version
	Renewed time.Time  `json:"renewed"` // the latest log-in or refresh
	Until   time.Time  `json:"until"`   // unless it is refreshed before
	Address string     `json:"address"` // who was last given tokens
	Agent   string     `json:"agent"`
}

func toSessionJSON(s *access.OpenSession) sessionJSON {
	j := sessionJSON{ID: s.ID, Renewed: s.Renewed, Until: s.Until, Address: s.From.Address, Agent: s.From.Agent}
	if !s.Began.IsZero() {
		j.Began = &s.Began
	}
	return j
}

// sessionsMax is how many sessions are shown at a time: a program that logs in each minute and never out has more.
const sessionsMax = 10_000

type sessionsList struct {
	userRef
	Limit int `help:"At most so many." default:"100" placeholder:"N"`
}

func (c *sessionsList) Run(e *env) error {
	if c.Limit < 1 || c.Limit > sessionsMax {
		return mistake("--limit", "is between 1 and %d", sessionsMax)
	}
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	sessions, err := a.Access.OpenSessions(e.ctx, user.ID, c.Limit+1)
	if err != nil {
		return err
	}
	if len(sessions) > c.Limit {
		sessions = sessions[:c.Limit]
		e.say("There are more than these %d: --limit shows them.", c.Limit)
	}
	list, rows := []sessionJSON{}, [][]string{}
	for i := range sessions {
		j := toSessionJSON(&sessions[i])
		list = append(list, j)
		rows = append(rows, []string{j.ID, timeText(j.Began), timeText(&j.Renewed), timeText(&j.Until), orDash(j.Address), orDash(j.Agent)})
	}
	switch {
	case e.json:
		return e.printJSON(list)
	case len(list) == 0:
		e.say("User %d (%s) is not logged in.", user.ID, user.Name)
		return nil
	}
	return e.table("ID|BEGAN|RENEWED|UNTIL|ADDRESS|CLIENT", rows)
}

type sessionsRevoke struct {
	userRef
	Session string `arg:"" optional:"" help:"The id of a session, as 'user sessions' lists it."`
	All     bool   `help:"All sessions of the user."`
}

func (c *sessionsRevoke) Run(e *env) error {
	if c.All == (c.Session != "") {
		return mistake("--all", "or the id of a session is needed, and not both")
	}
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	ended := 1
	if c.All {
		ended, err = a.Access.RevokeAll(e.ctx, user.ID)
	} else {
		err = a.Access.Revoke(e.ctx, user.ID, strings.ToUpper(c.Session))
	}
	switch {
	case err != nil:
		return err
	case e.json:
		return e.printJSON(map[string]int{"ended": ended})
	}
	e.say("Sessions of user %d (%s) that are ended: %d.", user.ID, user.Name, ended)
	return nil
}

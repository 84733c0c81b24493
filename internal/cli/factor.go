package cli

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

type userFactor struct {
	userRef
	Remove bool `help:"Take it off, for a user who has lost the app and the recovery codes."`
}

// factorJSON is a user's second factor in --json answers. There is no secret in it.
type factorJSON struct {
	User     string     `json:"user"`
	Since    *time.Time `json:"since"` // null: there is none
	Recovery int        `json:"recoveryCodes"`
}

func (c *userFactor) Run(e *env) error {
	a, user, err := c.user(e)
	if err != nil {
		return err
	}
	if c.Remove {
		err := a.Access.RemoveFactor(e.ctx, user.ID)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "user %d (%s) has no second factor", user.ID, user.Name)
		}
		if err != nil {
			return err
		}
	}
	f, err := a.Access.HasFactor(e.ctx, user.ID)
	if err != nil {
		return err
	}
	j := factorJSON{User: user.Name}
	if f != nil {
		j.Since, j.Recovery = &f.AddedAt, len(f.Recovery)
	}
	switch {
	case e.json:
		return e.printJSON(j)
	case c.Remove:
		e.say("The second factor of user %d (%s) is off: the password is enough to sign in.", user.ID, user.Name)
	case f == nil:
		e.say("User %d (%s) has no second factor.", user.ID, user.Name)
	default:
		e.say("User %d (%s) has a second factor since %s, and %d recovery codes.", user.ID, user.Name, f.AddedAt.UTC().Format(time.RFC3339), j.Recovery)
	}
	return nil
}

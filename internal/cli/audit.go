package cli

import (
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type auditCmd struct {
	Company string `arg:"" optional:"" help:"Only what concerns this company: number, GUID or name:…"`
	Limit   int    `help:"At most so many entries." default:"100" placeholder:"N"`
	Before  int64  `help:"Only entries with smaller numbers, to read on." placeholder:"ID"`
}

// Help says what stands elsewhere, each with who did it.
func (*auditCmd) Help() string {
	return "It lists changes of companies, servers, users and their API tokens, policy, and what is kept over API v2, steps of statements and answers to " +
		"alarms. What the program does by itself stands beside it: 'statement show' tells what the clock approved, 'alarms show' when an alarm came and " +
		"went. So do corrections, 'server readings', and log-ins, 'user sessions'."
}

// Run shows who changed what, newest first.
func (c *auditCmd) Run(e *env) error {
	if c.Limit < 1 || c.Limit > audit.LimitMax {
		return mistake("--limit", "is between 1 and %d", audit.LimitMax)
	}
	if c.Before < 0 {
		return mistake("--before", "is the number of an entry")
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	q := audit.Query{Before: c.Before, Limit: c.Limit}
	if c.Company != "" {
		if q.Company, err = e.one(a, c.Company); err != nil {
			return err
		}
	}
	entries, err := a.Store.Audit(e.ctx, q)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(auditJSON(entries))
	}
	rows := make([][]string, len(entries))
	for i := range entries {
		v := &entries[i]
		rows[i] = []string{
			strconv.FormatInt(v.ID, 10), timeText(&v.At), v.Name, v.Via, v.Subject, v.Action, v.Detail,
		}
	}
	return e.table("ID|AT|WHO|VIA|SUBJECT|DID|DETAIL", rows)
}

// auditEntryJSON is an entry in --json answers.
type auditEntryJSON struct {
	ID      int64            `json:"id"`
	At      time.Time        `json:"at"`
	Actor   string           `json:"actor"`
	Via     string           `json:"via"`
	Company *usage.CompanyID `json:"company"` // null: no company alone
	Subject string           `json:"subject"`
	Action  string           `json:"action"`
	Detail  string           `json:"detail"`
}

func auditJSON(entries []audit.Entry) []auditEntryJSON {
	list := make([]auditEntryJSON, len(entries))
	for i := range entries {
		v := &entries[i]
		list[i] = auditEntryJSON{v.ID, v.At, v.Name, v.Via, nil, v.Subject, v.Action, v.Detail}
		if v.Company != 0 {
			list[i].Company = &v.Company
		}
	}
	return list
}

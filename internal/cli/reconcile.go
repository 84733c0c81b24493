package cli

import (
	"strings"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

type reconcileCmd struct {
	Company        string  `arg:"" optional:"" help:"A number, a GUID, 'unassigned', or name:NAME; default: all, and each shared server as a whole." placeholder:"COMPANY"`
	Month          *string `help:"What differed at some time in this month; default: in the last one or this one." placeholder:"YYYY-MM"`
	Resource       string  `help:"backupServer, cloudConnect or availabilityConsole; default: all." default:"" enum:"backupServer,cloudConnect,availabilityConsole,"`
	RecordedBefore *string `help:"Only what was recorded before this time: the differences as they were known then." placeholder:"TIME"`
	Against        string  `help:"Compare the month's statements with this file instead: a CSV, or the vendor's license or usage report in JSON." placeholder:"FILE"`
	Mapping        string  `help:"With --against: what the columns, types and companies of the file are (TOML)." placeholder:"FILE"`
	All            bool    `help:"With --against: also what is equal."`
}

func (c *reconcileCmd) Run(e *env) error {
	q := figure.ReconcileQuery{Resource: figure.Resource(c.Resource)}
	if c.Against != "" {
		return c.against(e)
	}
	if c.Mapping != "" || c.All {
		return mistake("--mapping, --all", "say how to compare with a file: name it with --against")
	}
	var err error
	if q.Month, err = month("--month", c.Month); err != nil {
		return err
	}
	if q.RecordedBefore, err = instant("--recorded-before", c.RecordedBefore); err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	names := map[usage.CompanyID]string{usage.Provider: "shared servers", usage.Unassigned: "unassigned"}
	if err := c.name(e, a, &q, names); err != nil {
		return err
	}
	list, err := a.Figures.Reconcile(e.ctx, q)
	if err != nil {
		return asFlags(err)
	}
	if e.json {
		return e.printJSON(differences(list))
	}
	if len(list) == 0 {
		e.say("Nothing differs: wherever a server gives counters and a list, they agree.")
		return nil
	}
	open := "open"
	if q.Month != nil {
		open = "open at the end of " + q.Month.String()
	}
	for i := range list {
		if err := e.printReconciled(names[list[i].Company], open, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// name finds the company that is asked for, and what companies are called.
func (c *reconcileCmd) name(e *env, a *app.App, q *figure.ReconcileQuery, names map[usage.CompanyID]string) error {
	if c.Company != "" {
		company, err := a.Fleet.FindCompany(e.ctx, c.Company)
		if err == nil {
			q.Company, names[company.ID] = &company.ID, company.Name
		}
		return err
	}
	companies, err := a.Store.Companies(e.ctx)
	for i := range companies {
		names[companies[i].ID] = companies[i].Name
	}
	return err
}

// month reads a month given on the command line; nil is not given.
func month(flag string, given *string) (*usage.Month, error) {
	if given == nil {
		return nil, nil //nolint:nilnil // not given is no mistake
	}
	m, err := usage.ParseMonth(strings.TrimSpace(*given))
	if err != nil {
		return nil, mistake(flag, "%v", err)
	}
	return &m, nil
}

func (e *env) printReconciled(company, open string, r *figure.Reconciled) error {
	state := open
	if !r.Closed.IsZero() {
		state = "closed " + timeText(&r.Closed)
	}
	if err := e.print("%s, %s, %s, %s: since %s, last changed %s, %s\n", company, r.ServerName, r.Type, r.Unit, timeText(&r.Since), timeText(&r.Updated), state); err != nil {
		return err
	}
	var rows [][]string
	for _, side := range []struct {
		name string
		row  *metering.Row
	}{{"reported", &r.Reported}, {"computed", &r.Computed}} {
		rows = append(rows, []string{"  " + side.name, amountText(side.row.Used), amountText(side.row.New), amountText(side.row.Rental)})
	}
	if err := e.table("  |USED|NEW|RENTAL", rows); err != nil {
		return err
	}
	return e.printCandidates(r.Candidates)
}

func (e *env) printCandidates(candidates []metering.Candidate) error {
	if len(candidates) == 0 {
		return e.print("  No workload is known that may be why.\n\n")
	}
	rows := make([][]string, 0, len(candidates))
	for i := range candidates {
		c := &candidates[i]
		rows = append(rows, []string{"  " + c.Why, c.Member.Key.Tenant, c.Member.Key.ID, c.Name, c.Words()})
	}
	if err := e.table("  MAY BE WHY|TENANT|ID|NAME|", rows); err != nil {
		return err
	}
	return e.print("\n")
}

func differences(list []figure.Reconciled) []figure.Difference {
	out := make([]figure.Difference, len(list))
	for i := range list {
		out[i] = list[i].JSON()
	}
	return out
}

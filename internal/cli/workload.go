package cli

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/ledger"
)

type workloadCmd struct {
	Show workloadShow `cmd:"" help:"One workload's life as states over time. Example: tallystick workload show name:VBR01 4225a1b2-0000-4000-8000-000000000001"`
	Find workloadFind `cmd:"" help:"Workloads that are listed now, by a part of a name, an id or a tenant. Example: tallystick workload find web01"`
}

type workloadFind struct {
	Text string `arg:"" help:"A part of a name, an id or a tenant; letter case is ignored."`
}

func (c *workloadFind) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	found, err := a.Figures.FindWorkloads(e.ctx, c.Text)
	if fault.Is(err, fault.Invalid) {
		return &usageError{err}
	}
	if err != nil {
		return err
	}
	if e.json {
		list := []figure.Found{}
		for i := range found {
			f := &found[i]
			list = append(list, f.JSON())
		}
		return e.printJSON(list)
	}
	if len(found) == 0 {
		e.say("No workload that is listed now has %q in its name, id or tenant.", c.Text)
		return nil
	}
	var rows [][]string
	for i := range found {
		f := &found[i]
		rows = append(rows, []string{companyCell(f.Company), f.Server.String(), f.ServerName, f.Key.Tenant, f.Key.ID, f.Name, f.Type, string(f.State), f.Units.String()})
	}
	return e.table("COMPANY|SERVER|SERVER NAME|TENANT|ID|NAME|TYPE|STATE|UNITS", rows)
}

type workloadShow struct {
	serverRef
	ID     string  `arg:"" help:"The workload's id, as usage show --explain and workload find give it."`
	Tenant string  `help:"On a shared server: the tenant that it names." placeholder:"NAME"`
	From   *string `help:"From this time on; default: 13 months before the end." placeholder:"TIME"`
	Until  *string `help:"Before this time; default: now." placeholder:"TIME"`
}

// lifeBack is how many months back a life is shown where nothing is said.
const lifeBack = 13

func (c *workloadShow) Run(e *env) error {
	a, server, err := c.findEver(e)
	if err != nil {
		return err
	}
	from, until, err := period(c.From, c.Until, a.Now(), func(end time.Time) time.Time { return end.AddDate(0, -lifeBack, 0) })
	if err != nil {
		return err
	}
	life, listed, err := a.Figures.Life(e.ctx, &server, usage.WorkloadKey{Tenant: c.Tenant, ID: c.ID}, from, until)
	if err != nil {
		return err
	}
	if !listed {
		if server.Shared && c.Tenant == "" {
			return fault.New(fault.NotFound, "%s is shared: say with --tenant whose workload %q is; workload find %s names the tenant", server.Name, c.ID, c.ID)
		}
		return fault.New(fault.NotFound, "%s lists no workload %q from %s until %s; workload find TEXT looks everywhere", server.Name, c.ID, timeText(&from), timeText(&until))
	}
	if e.json {
		return e.printJSON(figure.StretchesOf(life))
	}
	var rows [][]string
	for i := range life {
		rows = append(rows, append([]string{timeText(&life[i].From), companyCell(life[i].Company)}, stretchCells(&life[i])...))
	}
	return e.table("FROM|COMPANY|STATE|TYPE|UNITS|NAME|WHY", rows)
}

// period reads --from and --until; where they are not given, it ends at an instant and begins as long before its end.
func period(from, until *string, end time.Time, begin func(time.Time) time.Time) (first, last time.Time, err error) {
	if last, err = instant("--until", until); err != nil {
		return first, last, err
	}
	if last.IsZero() {
		last = end
	}
	if first, err = instant("--from", from); err != nil {
		return first, last, err
	}
	if first.IsZero() {
		first = begin(last)
	}
	if !first.Before(last) {
		err = mistake("--from", "%s is not before --until %s", timeText(&first), timeText(&last))
	}
	return first, last, err
}

func stretchCells(s *ledger.Stretch) []string {
	m := s.Member
	switch {
	case s.Unknown:
		return []string{"unknown", "", "", "", "no list of the server is known for then"}
	case m == nil:
		return []string{"absent", "", "", "", "C1: the latest reading does not list it, or its server is removed"}
	}
	why := m.Words()
	if m.ChargedBy != nil {
		why += ", as " + m.ChargedBy.Key.ID + " on server " + m.ChargedBy.Server.String()
	}
	return []string{string(m.State), m.Type, m.Units.String(), m.Name, why}
}

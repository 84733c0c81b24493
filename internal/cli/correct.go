package cli

import (
	"os/user"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
)

type correctCmd struct {
	Entry  int64  `arg:"" help:"The number of a reading or gap, as server readings lists it."`
	Reason string `help:"Why it is wrong; kept with the correction." required:""`
	actorFlag
}

// actorFlag says who does something.
type actorFlag struct {
	Actor string `help:"Who does it; default: this machine's user." placeholder:"NAME"`
}

func (f *actorFlag) name() (string, error) {
	if f.Actor != "" {
		return f.Actor, nil
	}
	me, err := user.Current()
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "this machine does not say who you are: give --actor")
	}
	return me.Username, nil
}

// Run revokes an entry from now on (C44): figures as they were known before stay as they were.
func (c *correctCmd) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	actor, err := c.name()
	if err != nil {
		return err
	}
	receipt, err := a.Ledger.Correct(e.ctx, ledger.Correction{Entry: usage.Position(c.Entry), Reason: c.Reason, Actor: actor})
	if err != nil {
		return asFlags(err)
	}
	if err := c.print(e, actor, receipt); err != nil {
		return err
	}
	return a.Alarms.CheckFinals(e.ctx)
}

func (c *correctCmd) print(e *env, actor string, receipt ledger.Receipt) error {
	if e.json {
		return e.printJSON(struct {
			Entry      usage.Position `json:"entry"`
			Correction usage.Position `json:"correction"`
			RecordedAt time.Time      `json:"recordedAt"`
			Actor      string         `json:"actor"`
		}{usage.Position(c.Entry), receipt.Position, receipt.RecordedAt, actor})
	}
	e.say("Entry %d is revoked from %s on, by entry %d.", c.Entry, timeText(&receipt.RecordedAt), receipt.Position)
	return nil
}

type serverReadings struct {
	serverRef
	From  *string `help:"From this time on; default: 31 days before the end." placeholder:"TIME"`
	Until *string `help:"Before this time; default: an hour from now, for clocks that are ahead." placeholder:"TIME"`
}

// readingsBack is how far back readings are listed where nothing is said.
const readingsBack = 31 * 24 * time.Hour

func (c *serverReadings) Run(e *env) error {
	a, server, err := c.findEver(e)
	if err != nil {
		return err
	}
	end := a.Now().Add(time.Hour) // clocks of servers may be ahead of ours, by minutes
	from, until, err := period(c.From, c.Until, end, func(end time.Time) time.Time { return end.Add(-readingsBack) })
	if err != nil {
		return err
	}
	entries, err := a.Store.Entries(e.ctx, server.ID, from, until)
	if err != nil {
		return err
	}
	if e.json {
		return e.printEntriesJSON(entries)
	}
	if len(entries) == 0 {
		e.say("%s has no readings from %s until %s.", server.Name, timeText(&from), timeText(&until))
		return nil
	}
	var rows [][]string
	for i := range entries {
		rows = append(rows, entryCells(&entries[i]))
	}
	return e.table("ENTRY|TAKEN|RECORDED|WHAT|STATE", rows)
}

func entryCells(x *ledger.Entry) []string {
	what := "reading, list not read"
	switch {
	case x.Gap != nil:
		what = "GAP (" + string(x.Gap.Reason) + "): " + x.Gap.Text
	case x.Listed:
		what = "reading"
	}
	state := "in force"
	if r := x.Revoked; r != nil {
		state = "revoked " + timeText(&r.RecordedAt) + " by " + r.Actor + ": " + r.Reason
	}
	return []string{strconv.FormatInt(int64(x.Position), 10), timeText(&x.At), timeText(&x.RecordedAt), what, state}
}

func (e *env) printEntriesJSON(entries []ledger.Entry) error {
	type revocationJSON struct {
		Entry      usage.Position `json:"entry"`
		RecordedAt time.Time      `json:"recordedAt"`
		Reason     string         `json:"reason"`
		Actor      string         `json:"actor"`
	}
	type entryJSON struct {
		Entry      usage.Position   `json:"entry"`
		TakenAt    time.Time        `json:"takenAt"`
		RecordedAt time.Time        `json:"recordedAt"`
		ListRead   bool             `json:"listRead"`
		Gap        *usage.GapReason `json:"gap"` // null: a reading
		Text       string           `json:"text,omitempty"`
		Revoked    *revocationJSON  `json:"revoked"`
	}
	list := []entryJSON{}
	for i := range entries {
		x := &entries[i]
		j := entryJSON{Entry: x.Position, TakenAt: x.At, RecordedAt: x.RecordedAt, ListRead: x.Listed}
		if x.Gap != nil {
			j.Gap, j.Text = &x.Gap.Reason, x.Gap.Text
		}
		if r := x.Revoked; r != nil {
			j.Revoked = &revocationJSON{r.Position, r.RecordedAt, r.Reason, r.Actor}
		}
		list = append(list, j)
	}
	return e.printJSON(list)
}

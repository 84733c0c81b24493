package cli

import (
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

type collectCmd struct {
	Server []string `arg:"" optional:"" help:"Servers to read: numbers, installation ids or name:…; none: all. 'status' shows the schedule."`
}

func (c *collectCmd) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	if len(c.Server) == 1 && c.Server[0] == "status" {
		return e.collectStatus(a)
	}
	var ids []usage.ServerID
	for _, ref := range c.Server {
		server, err := a.Fleet.FindServer(e.ctx, ref)
		if err != nil {
			return err
		}
		if server.Connection == nil {
			return fault.New(fault.Invalid, "server %d (%s) has no --url: it is fed by import", server.ID, server.Name)
		}
		ids = append(ids, server.ID)
	}
	type outcomeJSON struct {
		Server   usage.ServerID `json:"server"`
		Name     string         `json:"name"`
		OK       bool           `json:"ok"`
		Position usage.Position `json:"position,omitempty"`
		Text     string         `json:"text"`
	}
	var failed []usage.ServerID
	read := 0
	list := []outcomeJSON{}
	err = a.Collect(e.ctx, ids, func(o app.Outcome) {
		read++
		if !o.OK {
			failed = append(failed, o.Server)
		}
		if e.json {
			list = append(list, outcomeJSON{o.Server, o.Name, o.OK, o.Position, o.Text})
			return
		}
		_ = e.print("%s: %s\n", o.Name, visible(o.Text))
	})
	if err != nil {
		return err
	}
	if e.json {
		if err := e.printJSON(list); err != nil {
			return err
		}
	}
	if read == 0 {
		e.say("There is no server to read: add one with tallystick server add --company COMPANY --url https://… --username U --password-stdin")
	}
	if len(failed) > 0 {
		e.sayAgain(a, failed)
		return fault.New(fault.Unavailable, "%d of %d servers could not be read; each left a gap, and no figure changed", len(failed), read)
	}
	return nil
}

// sayAgain says when a console that runs reads the servers again that failed.
func (e *env) sayAgain(a *app.App, failed []usage.ServerID) {
	if !a.Running(e.ctx) {
		return
	}
	status, err := a.CollectStatus(e.ctx, failed...)
	if err != nil || len(status) == 0 { // what failed is said all the same
		return
	}
	first := slices.MinFunc(status, func(x, y collect.ServerStatus) int { return x.Next.Compare(y.Next) })
	e.say("The running console reads %s again at %s; 'tallystick collect status' shows the schedule.", first.Name, timeText(&first.Next))
}

// collectStatus shows when each server is read next and how it went last.
func (e *env) collectStatus(a *app.App) error {
	status, err := a.CollectStatus(e.ctx)
	if err != nil {
		return err
	}
	type statusJSON struct {
		Server   usage.ServerID `json:"server"`
		Name     string         `json:"name"`
		Every    string         `json:"every"`
		Last     *time.Time     `json:"last"`
		Next     time.Time      `json:"next"`
		Failures int            `json:"failures"`
		Text     string         `json:"text"`
	}
	list, rows := []statusJSON{}, [][]string{}
	for i := range status {
		s := &status[i]
		list = append(list, statusJSON{s.Server, s.Name, every(s.Interval), s.LastAt, s.Next, s.Failures, s.Last})
		rows = append(rows, []string{s.Server.String(), s.Name, every(s.Interval), timeText(s.LastAt), timeText(&s.Next), orDash(s.Last)})
	}
	if e.json {
		return e.printJSON(list)
	}
	if err := e.table("ID|NAME|EVERY|LAST ATTEMPT|NEXT|HOW IT WENT", rows); err != nil {
		return err
	}
	if !a.Running(e.ctx) {
		e.say("Servers are read while 'tallystick serve' runs.")
	}
	return nil
}

type importCmd struct {
	File            []string `arg:"" help:"Files, plain or gzip; '-' is standard input. docs/snapshot.md says how a reading is written."`
	Server          string   `help:"The server that the readings belong to; default: found by installation id." placeholder:"SERVER"`
	NewInstallation bool     `help:"With --server: it was reinstalled, and the readings state its new installation id."`
	TakenAt         *string  `help:"When the reading was taken, where the file does not say." placeholder:"TIME"`
}

func (c *importCmd) Run(e *env) error {
	taken, err := instant("--taken-at", c.TakenAt)
	if err != nil {
		return err
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	options := app.ImportOptions{Files: c.File, Stdin: e.stdin, TakenAt: taken, NewInstallation: c.NewInstallation}
	if c.Server != "" {
		server, err := a.Fleet.FindServer(e.ctx, c.Server)
		if err != nil {
			return err
		}
		options.Server = &server
	}
	progress := e.progress()
	options.Progress = progress.show
	options.Refused = func(where string, err error) {
		progress.clear()
		e.say("%s: refused: %s", where, fault.Text(err))
	}
	result, err := a.Import(e.ctx, options)
	progress.clear()
	switch {
	case err != nil && result == app.ImportResult{}: // nothing was done
	case e.json:
		if printing := e.printJSON(result); printing != nil {
			return printing
		}
	default:
		e.say("%d readings appended (%d workload rows), %d were there already, %d refused.",
			result.Appended, result.Rows, result.Duplicates, result.Refused)
	}
	if err != nil {
		return err
	}
	if result.Refused > 0 {
		return fault.New(fault.Invalid, "%d readings were refused; all others are in the ledger, and repeating the import is harmless", result.Refused)
	}
	return nil
}

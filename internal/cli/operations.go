package cli

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/tallystick/tallystick/internal/app"
)

type backupCmd struct {
	File string `arg:"" help:"The file to write; it must not be there yet."`
}

func (c *backupCmd) Run(e *env) error {
	p := e.progress()
	r, err := app.Backup(e.ctx, e.options(false, slog.LevelError), c.File, p.work)
	p.clear()
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	e.say("The key file %s is not in it. Keep a copy of that apart: without it the passwords of servers must be given again, and the second factors of users taken off. Nor are the keys that statements are signed with, statement*.key beside it.", r.KeyFile)
	return e.print("%s: %d entries, %d rows, %s\nSHA-256 of the content: %s\n", r.File, r.Entries, r.Rows, size(r.SizeBytes), r.Digest)
}

// size writes a number of bytes for a person.
func size(bytes int64) string {
	const kib, mib = 1 << 10, 1 << 20
	if bytes < 10*mib {
		return fmt.Sprintf("%d KiB", (bytes+kib-1)/kib)
	}
	return fmt.Sprintf("%d MiB", (bytes+mib-1)/mib)
}

type restoreCmd struct {
	File string `arg:"" help:"What tallystick backup wrote."`
}

func (c *restoreCmd) Run(e *env) error {
	p := e.progress()
	r, err := app.Restore(e.ctx, e.options(true, slog.LevelError), c.File, p.work)
	p.clear()
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	e.say("Put the key file that belongs to it to %s, with mode 0600, unless it is there already, and the keys that statements are signed with, statement*.key, beside it; then try: tallystick doctor", r.KeyFile)
	if err := e.print("%s: %d entries, %d rows, made %s\n", r.Into, r.Entries, r.Rows, timeText(&r.MadeAt)); err != nil {
		return err
	}
	if r.Migrated != 0 {
		return e.print("The backup was whole (SHA-256 of the content: %s); then its schema %d was brought to %d.\n", r.Digest, r.Schema, r.Migrated)
	}
	return e.print("SHA-256 of the content: %s, exactly as in the backup\n", r.Digest)
}

type migrateCmd struct {
	DryRun bool   `help:"Say only what would be done; change nothing."`
	To     string `help:"Move everything into this empty database: postgres://USER@HOST/NAME or sqlite:FILE." placeholder:"URL"`
}

func (c *migrateCmd) Run(e *env) error {
	switch {
	case c.To == "":
		return c.schema(e)
	case c.DryRun:
		return c.check(e)
	}
	p := e.progress()
	r, err := app.Move(e.ctx, e.options(false, slog.LevelError), c.To, p.work)
	p.clear()
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	e.say("%s stays as it is. From now on start with --database (or TALLYSTICK_DATABASE); the key file stays where it is.", r.From)
	return e.print("Moved %d entries, %d rows to %s.\nBoth have the same content (SHA-256 %s) and gave the same %d figures.\nCounted anew from every reading, %d figures are the same.\n",
		r.Entries, r.Rows, r.To, r.Digest, r.Answers, r.Recounted)
}

func (c *migrateCmd) check(e *env) error {
	r, err := app.CheckMove(e.ctx, e.options(false, slog.LevelError), c.To)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	return e.print("Would move %d entries, %d rows with schema %d from %s to %s, which can be reached and is empty. Nothing was changed.\n", r.Entries, r.Rows, r.Schema, r.From, r.To)
}

func (c *migrateCmd) schema(e *env) error {
	m, err := app.Migrate(e.ctx, e.options(false, slog.LevelError), c.DryRun)
	if err != nil {
		return err
	}
	pending := strings.Join(m.Pending, ", ")
	switch {
	case e.json:
		return e.printJSON(m)
	case m.Current > m.Newest:
		return e.print("%s: schema %d, written by a newer version of this program; this one knows %d. Nothing was changed.\n", m.Database, m.Current, m.Newest)
	case pending == "":
		return e.print("%s: schema %d, the newest.\n", m.Database, m.Current)
	case !m.Done:
		return e.print("%s: schema %d; would run %s. Nothing was changed.\n", m.Database, m.Current, pending)
	}
	return e.print("%s: schema %d is brought to %d by %s.\n", m.Database, m.Current, m.Newest, pending)
}

type doctorCmd struct {
	Recount bool `help:"Also count every figure anew and compare it with the one that is kept."`
}

// doctorJSON is the answer of doctor --json.
type doctorJSON struct {
	OK     bool        `json:"ok"`
	Checks []app.Check `json:"checks"`
}

func (c *doctorCmd) Run(e *env) error {
	answer := doctorJSON{OK: true, Checks: []app.Check{}}
	p := e.progress()
	var printing error
	err := app.Doctor(e.ctx, e.options(false, slog.LevelError+1), c.Recount, p.work, func(check app.Check) {
		p.clear()
		answer.OK = answer.OK && check.OK
		answer.Checks = append(answer.Checks, check)
		if printing == nil && !e.json {
			printing = e.print("%-7s %-12s %s\n", verdict(check.OK), check.Name, check.Text)
		}
	})
	p.clear()
	switch {
	case err != nil:
		return err
	case e.json:
		printing = e.printJSON(answer)
	}
	if printing == nil && !answer.OK {
		return exitRequest(exitFailed) // everything is said
	}
	return printing
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "WRONG"
}

package cli

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/roster"
)

// rosterFile is the argument that names a file of companies or servers.
type rosterFile struct {
	File   string `arg:"" help:"CSV with a header, in UTF-8; - for standard input."`
	DryRun bool   `help:"Say what would be done, or every mistake; change nothing."`
}

func (f *rosterFile) open(e *env) (io.ReadCloser, error) {
	if f.File == "-" {
		return io.NopCloser(e.stdin), nil
	}
	file, err := os.Open(f.File)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
	}
	return file, nil
}

type companyImport struct {
	rosterFile
	Match string `help:"Find the company of a row by its external id under this key, as psa; default: by name." placeholder:"KEY"`
}

func (c *companyImport) Run(e *env) error {
	file, err := c.open(e)
	if err != nil {
		return err
	}
	defer file.Close()
	a, err := e.app(!c.DryRun)
	if err != nil {
		return err
	}
	result, err := a.Roster.Companies(e.ctx, file, roster.CompanyOptions{DryRun: c.DryRun, Match: c.Match})
	if err == nil && result.Written() {
		err = e.afterFleetChange(a, nil)
	}
	if err != nil {
		return e.rosterMistakes(err)
	}
	return e.printRoster(&result)
}

type serverImport struct {
	rosterFile
	Test bool `help:"Log in to each server that is new or reached otherwise than before; where one fails, nothing is imported."`
}

func (c *serverImport) Run(e *env) error {
	file, err := c.open(e)
	if err != nil {
		return err
	}
	defer file.Close()
	a, err := e.app(!c.DryRun)
	if err != nil {
		return err
	}
	result, err := a.Roster.Servers(e.ctx, file, roster.ServerOptions{DryRun: c.DryRun, Try: c.Test, ManagesSets: true})
	if err == nil && result.Written() {
		err = e.afterFleetChange(a, nil)
	}
	if err != nil {
		return e.rosterMistakes(err)
	}
	return e.printRoster(&result)
}

// rosterMistakes gives the error back; with --json it also prints the mistakes of the file, as our API has them.
func (e *env) rosterMistakes(err error) error {
	var f *fault.Error
	if !e.json || !errors.As(err, &f) {
		return err
	}
	type mistake struct {
		Path   string `json:"path"`
		Detail string `json:"detail"`
	}
	said := struct {
		Detail string    `json:"detail"`
		Errors []mistake `json:"errors"`
	}{f.Message, []mistake{}}
	for _, field := range f.Fields {
		said.Errors = append(said.Errors, mistake{field.Path, field.Text})
	}
	if failed := e.printJSON(said); failed != nil {
		return failed
	}
	return err
}

// printRoster names the rows that changed something, and counts all.
func (e *env) printRoster(result *roster.Result) error {
	if e.json {
		return e.printJSON(result)
	}
	var rows [][]string
	for _, r := range result.Rows {
		if r.Action == roster.Unchanged {
			continue
		}
		id := orDash("")
		if r.ID != 0 {
			id = strconv.FormatInt(r.ID, 10)
		}
		rows = append(rows, []string{strconv.Itoa(r.Line), r.Action, id, r.Name, r.Changes})
	}
	if len(rows) > 0 {
		if err := e.table("LINE|DOES|ID|NAME|CHANGES", rows); err != nil {
			return err
		}
	}
	if result.DryRun {
		e.say("Dry run, nothing is changed: %d would be added, %d changed; %d are so already.", result.Added, result.Changed, result.Unchanged)
		return nil
	}
	e.say("%d added, %d changed; %d were so already.", result.Added, result.Changed, result.Unchanged)
	return nil
}

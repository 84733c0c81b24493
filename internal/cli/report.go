package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/statement/bundle"
)

// reportJSON is what export --json prints of a report.
type reportJSON struct {
	Company *usage.CompanyID `json:"company"` // null: all
	Month   string           `json:"month"`
	Format  string           `json:"format"`
	File    string           `json:"file"`
	SHA256  string           `json:"sha256"`
	Final   bool             `json:"final"`
	Missing int              `json:"missing"` // what is missing from it
}

// report writes the report of one company, or of the month over all.
func (c *statementExport) report(e *env, a *app.App, month usage.Month) error {
	reports, err := a.Reports()
	if err != nil {
		return err
	}
	if names := reports.Names(); !slices.Contains(names, c.Format) {
		return mistake("--format", "%q is none of %s, %s", c.Format, bundleFormat, strings.Join(names, ", "))
	}
	if c.Output == "-" && e.json {
		return mistake("--output", "is standard output, where --json would write, too")
	}
	out := reportJSON{Month: month.String(), Format: c.Format}
	r, err := c.make(e, a, reports, month, &out)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return err
	}
	if r.Document.Mark != "" {
		e.say("Note: %s.", r.Document.Mark)
	}
	for _, text := range r.Document.Missing {
		e.say("Missing: %s.", text)
	}
	out.SHA256, out.Final, out.Missing = bundle.Sum(b.Bytes()), r.Document.Final(), len(r.Document.Missing)
	switch out.File = c.Output; c.Output {
	case "-":
		_, err := e.stdout.Write(b.Bytes())
		return err
	case "":
		out.File = filepath.Join(c.Dir, r.FileName())
		if err := keepFile(out.File, b.Bytes()); err != nil {
			if fault.Is(err, fault.Conflict) {
				err = fault.Wrap(err, fault.Conflict, "%s: --output FILE writes in its place, or elsewhere", fault.Text(err))
			}
			return err
		}
	default:
		if err := replaceFile(out.File, b.Bytes()); err != nil {
			return err
		}
	}
	if e.json {
		return e.printJSON([]reportJSON{out})
	}
	return e.print("%s: %s, %s\n", out.File, r.Document.Title, r.Document.Subject)
}

// make makes the report that is asked for.
func (c *statementExport) make(e *env, a *app.App, reports *report.Service, month usage.Month, out *reportJSON) (report.Report, error) {
	if c.Company == "" {
		return reports.OfAll(e.ctx, month, c.Format)
	}
	company, err := e.one(a, c.Company)
	if err != nil {
		return report.Report{}, err
	}
	out.Company = &company
	return reports.OfCompany(e.ctx, company, month, c.Number, c.Format)
}

// replaceFile writes a file, whole or not at all, in place of one that is there.
func replaceFile(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".tallystick-*")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "%s cannot be written: %v", path, cause(err))
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fault.Wrap(errors.Join(err, os.Remove(temp.Name())), fault.Unavailable, "%s cannot be written: %v", path, cause(err))
	}
	return nil
}

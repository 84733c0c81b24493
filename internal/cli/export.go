package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

type statementExport struct {
	Company string `arg:"" optional:"" help:"Number, GUID, 'unassigned' or name:…; default: every company whose statement is final."`
	monthFlag
	Number int    `help:"Which of the month's statements; default: the latest." placeholder:"N"`
	Format string `help:"bundle: signed files of final statements. csv, json, xlsx, pdf: a report, of one company or of the month over all. focus: cost and usage as FOCUS 1.2 has them, in CSV." default:"bundle" placeholder:"FORMAT"`
	Output string `short:"o" help:"Write the report into this file, and in place of one that is there; - is standard output." placeholder:"FILE"`
	Dir    string `help:"Write the files into this directory." default:"." placeholder:"DIR"`
}

// bundleFormat is what is written where no report is asked for.
const bundleFormat = "bundle"

// exportJSON is what export --json prints for each file.
type exportJSON struct {
	Company  usage.CompanyID `json:"company"`
	Month    string          `json:"month"`
	Number   int             `json:"number"`
	File     string          `json:"file"`
	SHA256   string          `json:"sha256"`
	Key      string          `json:"key"`
	Exported bool            `json:"exportedBefore"`
}

func (c *statementExport) Run(e *env) error {
	month, err := c.month()
	if err != nil {
		return err
	}
	switch {
	case c.Format == bundleFormat && c.Output != "":
		return mistake("--output", "is for reports: bundles have names of their own, in --dir")
	case c.Number != 0 && c.Company == "":
		return mistake("--number", "needs a company")
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	if c.Format != bundleFormat {
		return c.report(e, a, month)
	}
	companies, err := c.companies(e, a, month)
	if err != nil {
		return err
	}
	list := []exportJSON{}
	for _, company := range companies {
		made, err := c.one(e, a, company, month)
		if err != nil {
			return err
		}
		list = append(list, made)
	}
	if e.json {
		return e.printJSON(list)
	}
	return nil
}

// companies gives the one that is named, or all whose latest statement is final.
func (c *statementExport) companies(e *env, a *app.App, month usage.Month) (ids []usage.CompanyID, err error) {
	if c.Company != "" {
		company, err := e.one(a, c.Company)
		return []usage.CompanyID{company}, err
	}
	all, err := a.Store.StatementsIn(e.ctx, month)
	for i := range all {
		switch s := &all[i]; s.State {
		case statement.Final:
			ids = append(ids, s.Company)
		default:
			e.say("Company %s is left out: its statement is %s.", companyCell(s.Company), s.State)
		}
	}
	if err == nil && len(ids) == 0 {
		err = fault.New(fault.NotFound, "no company has a final statement of %s", month)
	}
	return ids, err
}

func (c *statementExport) one(e *env, a *app.App, company usage.CompanyID, month usage.Month) (out exportJSON, err error) {
	m, err := a.Export(e.ctx, company, month, c.Number)
	if err != nil {
		return out, err
	}
	t := &m.Statement
	path := filepath.Join(c.Dir, m.FileName())
	out = exportJSON{t.Company, t.Month, t.Number, path, m.Record.SHA256, m.Record.Signer, m.Again}
	if err := keepFile(path, m.Data); err != nil || e.json {
		return out, err
	}
	return out, e.print("%s: %s, %s, statement %d\n  SHA-256 %s\n  signed with the key %s\n", path, t.CompanyName, t.Month, t.Number, out.SHA256, out.Key)
}

// keepFile writes a new file, whole or not at all; the same that is there already is left as it is.
func keepFile(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".tallystick-*")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "%s cannot be written: %v", path, cause(err))
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Link(temp.Name(), path)
	}
	err = errors.Join(err, os.Remove(temp.Name()))
	switch {
	case errors.Is(err, fs.ErrExist) && holds(path, data):
		return nil
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.Conflict, "%s is there already, with other content, and nothing is overwritten", path)
	case err != nil:
		return fault.Wrap(err, fault.Unavailable, "%s cannot be written: %v", path, cause(err))
	}
	return nil
}

func holds(path string, data []byte) bool {
	there, err := os.ReadFile(path) //nolint:gosec // the user names the directory
	return err == nil && bytes.Equal(there, data)
}

// cause leaves out the name of a file that nobody gave.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

type statementKey struct {
	Show   statementKeyShow   `cmd:"" help:"Show the fingerprints of the keys. Example: tallystick statement key show"`
	Rotate statementKeyRotate `cmd:"" help:"Make a new key that signs from now on; the old one is kept, and bundles that exist keep it. Example: tallystick statement key rotate"`
}

type statementKeyShow struct{}

func (*statementKeyShow) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	keys, err := a.SigningKeys(e.ctx)
	return e.printKeys(keys, err)
}

type statementKeyRotate struct{}

func (*statementKeyRotate) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	keys, err := a.RotateSigningKey(e.ctx)
	if err == nil {
		e.say("A new key signs from now on. Hand out its fingerprint, and keep a copy of the key files apart.")
	}
	return e.printKeys(keys, err)
}

func (e *env) printKeys(keys []app.SigningKey, err error) error {
	switch {
	case err != nil:
		return err
	case e.json:
		return e.printJSON(keys)
	}
	var rows [][]string
	for _, k := range keys {
		state := "signed before"
		if k.Signs {
			state = "signs now"
		}
		rows = append(rows, []string{k.Fingerprint, state, k.File})
	}
	return e.table("FINGERPRINT|STATE|FILE", rows)
}

// sayStatementKey shows the fingerprint that is to be handed out; a console also runs where it cannot.
func (e *env) sayStatementKey(a *app.App) {
	keys, err := a.SigningKeys(e.ctx)
	if err != nil {
		e.say("Statements cannot be signed: %s", fault.Text(err))
		return
	}
	e.say("Statements are signed with the key %s", keys[0].Fingerprint)
}

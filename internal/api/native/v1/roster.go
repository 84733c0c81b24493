package v1

import (
	"bytes"
	"mime"
	"net/http"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/roster"
)

// rosterMax bounds a file of companies or servers, in bytes.
const rosterMax = 16 << 20

// rosterResult is what became of a file, or would.
type rosterResult struct {
	DryRun    bool        `json:"dryRun"`
	Added     int         `json:"added"`
	Changed   int         `json:"changed"`
	Unchanged int         `json:"unchanged"`
	Rows      []rosterRow `json:"rows"`
}

// rosterRow is what becomes of one row.
type rosterRow struct {
	Line    int    `json:"line"`
	Action  string `json:"action"` // added, changed, unchanged
	ID      *int64 `json:"id"`     // null: a dry run would add it
	Name    string `json:"name"`
	Changes string `json:"changes"`
}

func toRosterResult(r *roster.Result) rosterResult {
	out := rosterResult{r.DryRun, r.Added, r.Changed, r.Unchanged, make([]rosterRow, len(r.Rows))}
	for i := range r.Rows {
		v := &r.Rows[i]
		out.Rows[i] = rosterRow{v.Line, v.Action, numberOrNull(v.ID), v.Name, v.Changes}
	}
	return out
}

// sheet reads a CSV file.
func (c *call) sheet() (*bytes.Reader, error) {
	if kind := c.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != formCSV && media != "text/plain" && media != "application/csv" {
			return nil, api.NewStatusError(http.StatusUnsupportedMediaType, "The body is %s: a file as text/csv is expected.", kind)
		}
	}
	body, err := api.ReadBody(c.Request)
	return bytes.NewReader(body), err
}

func (s *Surface) importCompanies(c *call) (any, error) {
	if err := c.forProvider(access.ManageCompanies); err != nil {
		return nil, err
	}
	o := roster.CompanyOptions{DryRun: c.flag("dryRun"), Match: c.option("match")}
	return s.taken(c, func(in *bytes.Reader) (roster.Result, error) { return s.Roster.Companies(c.ctx(), in, o) })
}

func (s *Surface) importServers(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	o := roster.ServerOptions{DryRun: c.flag("dryRun"), Try: c.flag("test"), ManagesSets: c.managesSets()}
	return s.taken(c, func(in *bytes.Reader) (roster.Result, error) { return s.Roster.Servers(c.ctx(), in, o) })
}

// taken takes a file, all of it or nothing.
func (s *Surface) taken(c *call, take func(*bytes.Reader) (roster.Result, error)) (any, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	in, err := c.sheet()
	if err != nil {
		return nil, err
	}
	result, err := take(in)
	if err != nil {
		return nil, err
	}
	return object{value: toRosterResult(&result)}, nil
}

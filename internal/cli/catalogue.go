package cli

import (
	"strconv"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

type catalogueCmd struct {
	Show catalogueShow `cmd:"" default:"withargs" help:"Which weights are in force, and which are to come. Example: tallystick catalogue show --month 2026-12"`
	Set  catalogueSet  `cmd:"" help:"Let the rows of a file count beside the program's. Example: tallystick catalogue set weights.txt --dry-run"`
	File catalogueFile `cmd:"" help:"Print the own rows that count, as such a file. Example: tallystick catalogue file > weights.txt"`
	List catalogueList `cmd:"" help:"Which version counts since when. Example: tallystick catalogue list"`
}

type catalogueShow struct {
	Month *string `help:"The month; default: the one that runs." placeholder:"YYYY-MM"`
}

// weightJSON is a dated weight as --json writes it; a type without one has no more than its name.
type weightJSON struct {
	Type    string      `json:"type"`
	SoldBy  string      `json:"soldBy"`
	Unit    string      `json:"unit,omitempty"`
	Edition string      `json:"edition,omitempty"` // or package; "*" is any
	Weight  usage.Units `json:"weight,omitempty"`
	From    string      `json:"from,omitempty"`
	Source  string      `json:"source,omitempty"`
	Own     bool        `json:"own"`
	InForce bool        `json:"inForce"`
}

func (c *catalogueShow) Run(e *env) error {
	var month *usage.Month
	if c.Month != nil {
		m, err := usage.ParseMonth(*c.Month)
		if err != nil {
			return mistake("--month", "%v", err)
		}
		month = &m
	}
	a, err := e.app(false)
	if err != nil {
		return err
	}
	weights, in, err := a.Catalogs.CountsIn(e.ctx, month, a.Fleet)
	if err != nil {
		return err
	}
	rows := weights.Rows(in)
	if e.json {
		return e.printJSON(map[string]any{"version": weights.Version(), "month": in.String(), "weights": toWeightsJSON(rows)})
	}
	if err := e.print("Catalogue %s in %s\n\n", weights.Version(), in); err != nil {
		return err
	}
	cells := make([][]string, len(rows))
	for i := range rows {
		cells[i] = weightCells(&rows[i])
	}
	return e.table("TYPE|SOLD BY|UNIT|EDITION|WEIGHT|FROM|WHOSE|SOURCE", cells)
}

func weightCells(r *catalog.Row) []string {
	if r.Unit == "" {
		return []string{r.Type.ID, r.Type.SoldByText(), "–", "", "", "", "", ""}
	}
	from, whose := r.From.String(), "program"
	if !r.InForce {
		from += " (to come)"
	}
	if r.Own {
		whose = "own"
	}
	return []string{r.Type.ID, r.Type.SoldByText(), string(r.Unit), r.Edition, r.Units.String(), from, whose, r.Source}
}

func toWeightsJSON(rows []catalog.Row) []weightJSON {
	list := make([]weightJSON, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = weightJSON{Type: r.Type.ID, SoldBy: r.Type.SoldByText()}
		if r.Unit != "" {
			list[i].Unit, list[i].Edition, list[i].Weight, list[i].From = string(r.Unit), r.Edition, r.Units, r.From.String()
			list[i].Source, list[i].Own, list[i].InForce = r.Source, r.Own, r.InForce
		}
	}
	return list
}

type catalogueSet struct {
	Rows   string `arg:"" name:"file" help:"The own rows, all of them; docs/operations.md shows one."`
	DryRun bool   `help:"Say only what would be done; change nothing."`
}

func (c *catalogueSet) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	done, err := a.SetCatalogue(e.ctx, c.Rows, c.DryRun)
	if !c.DryRun && done.Version != done.Was { // a type that nobody knew raised an alarm
		err = e.afterFleetChange(a, err)
	}
	if err != nil {
		return err
	}
	changed := done.Version != done.Was
	if e.json {
		return e.printJSON(map[string]any{
			"version": done.Version, "was": done.Was, "changed": changed && !c.DryRun, "types": done.Types, "weights": done.Weights,
		})
	}
	switch {
	case !changed:
		return e.print("Catalogue %s counts already; nothing was changed.\n", done.Was)
	case c.DryRun:
		return e.print("Catalogue %s (own types: %d, own weights: %d) would count from now on, after %s. Nothing was changed.\n", done.Version, done.Types, done.Weights, done.Was)
	}
	return e.print("Catalogue %s (own types: %d, own weights: %d) counts from now on, after %s.\n", done.Version, done.Types, done.Weights, done.Was)
}

type catalogueFile struct {
	Version *string `arg:"" optional:"" help:"A version, as 'catalogue list' names it; default: the one that counts."`
}

func (c *catalogueFile) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	versions, err := a.Catalogs.Versions(e.ctx)
	if err != nil {
		return err
	}
	version, err := a.Catalogs.InForce(e.ctx, a.Now())
	if err != nil {
		return err
	}
	if c.Version != nil {
		if version = *c.Version; !counts(versions, version) {
			return fault.New(fault.NotFound, "no catalogue %q ever counted here; tallystick catalogue list names those that did", version)
		}
	}
	own, err := a.Catalogs.Own(e.ctx, version)
	if err != nil {
		return err
	}
	text := ""
	if !own.Empty() {
		text = own.String()
	}
	if e.json {
		return e.printJSON(map[string]string{"version": version, "rows": text})
	}
	return e.print("# Own rows of catalogue %s.\n# type    id      family  sold by             aliases\n# weight  type    unit    edition or package  weight  from  source\n%s", version, text)
}

func counts(versions []fleet.CatalogVersion, version string) bool {
	for _, v := range versions {
		if v.Version == version {
			return true
		}
	}
	return false
}

type catalogueList struct{}

func (*catalogueList) Run(e *env) error {
	a, err := e.app(false)
	if err != nil {
		return err
	}
	versions, err := a.Catalogs.Versions(e.ctx)
	if err != nil {
		return err
	}
	type versionJSON struct {
		Version string `json:"version"`
		Since   string `json:"since,omitempty"` // missing: the beginning of time
		Types   int    `json:"ownTypes"`
		Weights int    `json:"ownWeights"`
	}
	list := []versionJSON{}
	for _, v := range versions {
		own, err := a.Catalogs.Own(e.ctx, v.Version)
		if err != nil {
			return err
		}
		row := versionJSON{Version: v.Version}
		if row.Types, row.Weights = own.Rows(); !v.Since.IsZero() {
			row.Since = timeText(&v.Since)
		}
		list = append(list, row)
	}
	if e.json {
		return e.printJSON(list)
	}
	cells := make([][]string, len(list))
	for i, v := range list {
		cells[i] = []string{orDash(v.Since), v.Version, strconv.Itoa(v.Types), strconv.Itoa(v.Weights)}
	}
	return e.table("SINCE|VERSION|OWN TYPES|OWN WEIGHTS", cells)
}

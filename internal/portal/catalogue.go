package portal

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
)

// catalogueView is the value of the page of the weights.
type catalogueView struct {
	Month    string
	Filter   []input
	Version  string
	Own      int // rows that differ from the program's
	Types    []weightType
	Versions []versionRow // of the provider's people alone
	Provider bool
}

// weightType is a type with its weights.
type weightType struct {
	Name, SoldBy string
	Weights      []weightRow
}

type weightRow struct {
	Unit          usage.UnitKind
	Edition, From string
	Units         usage.Units
	Source        string
	Own, InForce  bool
	Instead       *usage.Units // what the program says; nil: nothing
}

type versionRow struct {
	Version string
	Since   *moment // nil: the beginning
	Own     bool
}

func (p *Portal) catalogue(v *visit) (any, error) {
	if err := v.allow(access.Read, v.only()); err != nil {
		return nil, err
	}
	var month *usage.Month
	if text := v.field("month"); text != "" {
		m, err := usage.ParseMonth(text)
		if err != nil {
			v.fail("month", p.texts["catalogue.no-month"])
		} else {
			month = &m
		}
	}
	weights, in, err := p.Catalogs.CountsIn(v.ctx(), month, p.Directory)
	if err != nil {
		return nil, err
	}
	base, _ := catalog.SplitVersion(weights.Version())
	program, err := p.Catalogs.Catalog(v.ctx(), base)
	if err != nil {
		return nil, err
	}
	out := catalogueView{
		Month: p.month(in), Version: weights.Version(), Provider: v.only() == 0,
		Filter: p.fields(v, "catalogue", v.field("month") != "", input{Name: "month", Kind: "month", Value: in.String()}),
	}
	if len(v.wrong) > 0 {
		out.Filter[0].Wrong = []string{v.wrong[0].Text}
	}
	out.add(weights.Rows(in), program.Rows(in))
	if out.Provider {
		if out.Versions, err = p.catalogueVersions(v); err != nil {
			return nil, err
		}
	}
	return page{name: "catalogue", title: p.texts["catalogue.title"], data: out, status: statusOf(v.wrong)}, nil
}

// add lists the weights that count beside those that the program alone would count with.
func (out *catalogueView) add(counts, program []catalog.Row) {
	for i := range counts {
		r := &counts[i]
		if n := len(out.Types); n == 0 || out.Types[n-1].Name != r.Type.ID {
			out.Types = append(out.Types, weightType{Name: r.Type.ID, SoldBy: r.Type.SoldByText()})
		}
		if r.Unit == "" {
			continue
		}
		row := weightRow{Unit: r.Unit, Edition: r.Edition, From: r.From.String(), Units: r.Units, Source: r.Source, Own: r.Own, InForce: r.InForce}
		if r.Own {
			out.Own++
			if at := slices.IndexFunc(program, func(o catalog.Row) bool {
				return o.InForce && o.Type.ID == r.Type.ID && o.Unit == r.Unit && strings.EqualFold(o.Edition, r.Edition)
			}); at >= 0 {
				row.Instead = &program[at].Units
			}
		}
		last := &out.Types[len(out.Types)-1]
		last.Weights = append(last.Weights, row)
	}
	slices.SortStableFunc(out.Types, func(a, b weightType) int { return cmp.Compare(a.Name, b.Name) })
}

func (p *Portal) catalogueVersions(v *visit) ([]versionRow, error) {
	versions, err := p.Catalogs.Versions(v.ctx())
	var rows []versionRow
	for _, c := range slices.Backward(versions) {
		_, own := catalog.SplitVersion(c.Version)
		rows = append(rows, versionRow{c.Version, v.momentOf(&c.Since), own})
	}
	return rows, err
}

// ownView is the value of the page of the provider's own weights.
type ownView struct {
	Text    string // that counts
	Next    string // the month after the one that runs, for an example
	Change  *form  // nil: the reader may not
	Preview *ownPreview
}

// ownPreview says what own rows that were typed would change.
type ownPreview struct {
	*fleet.CatalogChange

	Moves []movedWeight
	Idle  bool // some weigh nothing now, as servers state the units themselves
	Late  bool // what they weigh is not counted: there is too much of it for a page
}

type movedWeight struct {
	catalog.Move

	Of figure.Weighing
}

// weighedWithin bounds how long a page waits for what weights weigh.
const weighedWithin = 5 * time.Second

// previewOf counts what the weights that move weigh now.
func (p *Portal) previewOf(v *visit, c *fleet.CatalogChange) (*ownPreview, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // nothing was looked at
	}
	out := &ownPreview{CatalogChange: c}
	if len(c.Moves) == 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(v.ctx(), weighedWithin)
	defer cancel()
	now, err := p.Figures.Weighings(ctx, c.Now)
	switch {
	case err == nil:
	case ctx.Err() != nil && v.ctx().Err() == nil:
		out.Late = true
	default:
		return nil, err
	}
	for _, m := range c.Moves {
		of := now[m.Type.ID]
		out.Idle = out.Idle || of.Weighed == 0 && of.Stated > 0
		out.Moves = append(out.Moves, movedWeight{m, of})
	}
	return out, nil
}

// ownBodyMax is the bound of a form with an own catalogue: of some characters, three are sent.
const ownBodyMax = 3*catalog.OwnMax + formMax

func (p *Portal) ownCatalogue(v *visit) (any, error) {
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	return p.ownPage(v, nil)
}

// ownPage shows the own rows that count, and what those that were typed would change.
func (p *Portal) ownPage(v *visit, preview *fleet.CatalogChange) (any, error) {
	version, err := p.Catalogs.InForce(v.ctx(), p.Now())
	if err != nil {
		return nil, err
	}
	rows, err := p.Catalogs.Own(v.ctx(), version)
	if err != nil {
		return nil, err
	}
	text := ownText(rows)
	month := v.days.MonthOf(p.Now())
	out := ownView{Text: text, Next: month.Next().String()}
	if out.Preview, err = p.previewOf(v, preview); err != nil {
		return nil, err
	}
	if v.may(access.ManageUsers, access.Provider) {
		checked := ""
		if preview != nil {
			checked = preview.Version
		}
		f := p.form(v, "own-catalogue", "/catalogue/own", hidden("state", stateOf(text)), hidden("checked", checked), input{Name: "text", Kind: textArea, Value: text})
		f.Buttons = []choice{{"check", p.texts["catalogue.check"], true}}
		if preview != nil && preview.Was != preview.Version {
			f.Buttons = []choice{{"set", p.texts["catalogue.set"], true}, {"check", p.texts["catalogue.check"], false}}
		}
		out.Change = &f
	}
	return page{name: "own-catalogue", title: p.texts["catalogue.own"], data: out, status: statusOf(v.wrong)}, nil
}

// ownText gives own rows as the file that sets them; nil: there are none.
func ownText(rows *catalog.Own) string {
	if rows == nil {
		return ""
	}
	return rows.String()
}

// setOwnCatalogue first says what rows would change; they count once they are sent again as they were looked at.
func (p *Portal) setOwnCatalogue(v *visit) (any, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil { // weights decide every figure: an administrator's
		return nil, err
	}
	set := func(check bool) (fleet.CatalogChange, error) {
		return p.Catalogs.SetOwn(v.ctx(), v.form.Get("text"), check, func(now *catalog.Own) error { return p.meanwhile(v, stateOf(ownText(now))) })
	}
	look, err := set(true)
	if err == nil && (v.field("do") != "set" || v.field("checked") != look.Version) {
		return p.ownPage(v, &look)
	}
	if err == nil {
		_, err = set(false)
	}
	switch {
	case err == nil:
		return redirect("/catalogue", "catalogue-set")
	case !v.faults(err):
		return nil, err
	case fault.Is(err, fault.Invalid):
		for i := range v.wrong {
			w := &v.wrong[i] // its path is a line of the text
			w.Path, w.Text = "text", strings.TrimSpace(w.Path+" "+w.Text)
		}
	}
	return p.ownPage(v, nil)
}

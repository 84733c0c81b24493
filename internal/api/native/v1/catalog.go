package v1

import (
	"cmp"
	"context"
	"slices"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// weight is a dated weight; a type without one has no more than its name.
type weight struct {
	Version string       `json:"version"`
	Type    string       `json:"type"`
	SoldBy  string       `json:"soldBy"`
	Unit    *string      `json:"unit"`
	Edition *string      `json:"edition"` // or package; "*" is any
	From    *string      `json:"from"`    // the month
	Weight  *usage.Units `json:"weight"`
	Source  string       `json:"source"`
	Own     bool         `json:"own"`     // the provider's
	InForce bool         `json:"inForce"` // in the month that was asked for; else it is to come
}

func (s *Surface) listWeights(c *call) (any, error) {
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	month := c.month("month")
	if err := c.err(); err != nil {
		return nil, err
	}
	weights, in, err := s.Catalogs.CountsIn(c.ctx(), month, s.Directory)
	if err != nil {
		return nil, err
	}
	list := []weight{}
	for _, r := range weights.Rows(in) {
		list = append(list, toWeight(weights.Version(), &r))
	}
	slices.SortFunc(list, func(a, b weight) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), orNone(a.Unit, b.Unit), orNone(a.Edition, b.Edition), orNone(a.From, b.From))
	})
	return rowsOf("type,unit,edition,from", list), nil
}

// orNone compares texts of which one may be missing; that one comes first.
func orNone(a, b *string) int {
	if a == nil || b == nil {
		return cmp.Compare(truth(a != nil), truth(b != nil))
	}
	return cmp.Compare(*a, *b)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func toWeight(version string, r *catalog.Row) weight {
	out := weight{Version: version, Type: r.Type.ID, SoldBy: r.Type.SoldByText(), Source: r.Source, Own: r.Own, InForce: r.InForce}
	if r.Unit != "" {
		out.Unit, out.Edition, out.From, out.Weight = textOrNull(r.Unit), &r.Edition, textOrNull(r.From.String()), &r.Units
	}
	return out
}

// version is a version of the catalogue, and since when it counts.
type version struct {
	Number  int      `json:"number"` // in the order in which they were recorded
	Version string   `json:"version"`
	Since   *instant `json:"since"` // null: the beginning of time
}

func (s *Surface) listCatalogVersions(c *call) (any, error) {
	if err := c.mayRead(); err != nil {
		return nil, err
	}
	versions, err := s.Catalogs.Versions(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]version, len(versions))
	for i, v := range versions {
		list[i] = version{i + 1, v.Version, at(&v.Since)}
	}
	return rowsOf("number", list), nil
}

const formText = "text/plain; charset=utf-8"

// getOwnCatalog gives the provider's own rows that count now, as the file that sets them.
func (s *Surface) getOwnCatalog(c *call) (any, error) {
	if err := c.forProvider(access.Read); err != nil {
		return nil, err
	}
	text, err := s.ownCatalog(c.ctx())
	if err != nil {
		return nil, err
	}
	return tagged(c, api.Raw{ContentType: formText, Body: []byte(text)}), nil
}

// ownCatalog is empty where there are no own rows.
func (s *Surface) ownCatalog(ctx context.Context) (string, error) {
	version, err := s.Catalogs.InForce(ctx, s.Now())
	if err != nil {
		return "", err
	}
	own, err := s.Catalogs.Own(ctx, version)
	return ownText(own), err
}

func ownText(own *catalog.Own) string {
	if own == nil {
		return ""
	}
	return own.String()
}

// catalogChange says what setting the own rows did, or would do.
type catalogChange struct {
	Was     string `json:"was"`
	Version string `json:"version"`
	Changed bool   `json:"changed"`
	Types   int    `json:"types"`
	Weights int    `json:"weights"`
}

func (s *Surface) setOwnCatalog(c *call) (any, error) {
	if err := c.forProvider(access.ManageUsers); err != nil { // weights decide every figure: an administrator's
		return nil, err
	}
	dry := c.flag("dryRun")
	if err := c.err(); err != nil {
		return nil, err
	}
	text, err := api.ReadBody(c.Request)
	if err != nil {
		return nil, err
	}
	done, err := s.Catalogs.SetOwn(c.ctx(), string(text), dry, func(now *catalog.Own) error { return c.matchText([]byte(ownText(now))) })
	if err != nil {
		return nil, err
	}
	return object{value: catalogChange{done.Was, done.Version, done.Was != done.Version && !dry, done.Types, done.Weights}}, nil
}

// settings are those of the whole installation that are dated facts (C38, C41).
type settings struct {
	Zone      string   `json:"zone"`
	Licensees []string `json:"licensees"` // the provider's names on licenses
}

func (s *Surface) settings(ctx context.Context) (out settings, err error) {
	zone, err := s.Directory.Zone(ctx)
	if err != nil {
		return out, err
	}
	names, err := s.Directory.Licensees(ctx)
	return toSettings(&fleet.Policy{Zone: zone.String(), Licensees: names}), err
}

func toSettings(p *fleet.Policy) settings {
	return settings{p.Zone, append([]string{}, p.Licensees...)}
}

func (s *Surface) getSettings(c *call) (any, error) {
	if err := c.forProvider(access.Read); err != nil {
		return nil, err
	}
	out, err := s.settings(c.ctx())
	return object{value: out}, err
}

type settingsChange struct {
	Zone      *string   `json:"zone"`
	Licensees *[]string `json:"licensees" null:"clears"`
}

func (s *Surface) editSettings(c *call) (any, error) {
	if err := c.forProvider(access.ManageUsers); err != nil {
		return nil, err
	}
	is, err := s.settings(c.ctx())
	var in settingsChange
	if err == nil {
		err = c.read(&in)
	}
	if err == nil {
		e := fleet.PolicyEdit{When: func(now *fleet.Policy) error { return c.match(toSettings(now)) }}
		if in.Zone != nil && *in.Zone != is.Zone {
			e.Zone = in.Zone
		}
		if in.Licensees != nil && !slices.Equal(*in.Licensees, is.Licensees) {
			e.Licensees = in.Licensees
		}
		err = s.Directory.EditPolicy(c.ctx(), e)
	}
	if err != nil {
		return nil, err
	}
	return s.getSettings(c)
}

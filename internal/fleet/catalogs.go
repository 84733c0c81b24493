package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Catalogs is the service over the catalogues that count: which version does when is a dated fact (C38), and a version
// is one of the program's, or one with a provider's own rows on it, which the store keeps.
type Catalogs struct {
	Policy PolicyStore
	Now    func() time.Time
	// Program holds the versions that the program knows, the oldest first; nil: those that are built in.
	Program []*catalog.Catalog

	known sync.Map // version -> *catalog.Catalog, of those with own rows: they never change
}

// CatalogVersion is one version and since when it counts; a zero Since is the beginning of time.
type CatalogVersion struct {
	Version string
	Since   time.Time
}

// Catalog gives a catalogue by its version. Internal: this program does not know it, or the rows that it is made of are damaged.
func (c *Catalogs) Catalog(ctx context.Context, version string) (*catalog.Catalog, error) {
	return c.CatalogFrom(ctx, version, c.Policy.CatalogRows)
}

// CatalogFrom is Catalog with rows that are read in another way.
func (c *Catalogs) CatalogFrom(ctx context.Context, version string, rows func(context.Context, string) (string, error)) (*catalog.Catalog, error) {
	if known, ok := c.known.Load(version); ok {
		if found, ok := known.(*catalog.Catalog); ok {
			return found, nil
		}
	}
	base, err := c.program(version)
	if err != nil {
		return nil, err
	}
	own, err := c.own(ctx, version, rows)
	if err != nil || own.Empty() {
		return base, err
	}
	found := own.On(base)
	c.known.Store(version, found)
	return found, nil
}

// program gives the program's version that a version stands on.
func (c *Catalogs) program(version string) (*catalog.Catalog, error) {
	base, _ := catalog.SplitVersion(version)
	for _, p := range c.versions() {
		if p.Version() == base {
			return p, nil
		}
	}
	return nil, fault.New(fault.Internal,
		"the ledger counts with catalogue %q, which this program does not know: use the version that wrote it, or a newer one", version)
}

func (c *Catalogs) versions() []*catalog.Catalog {
	if c.Program != nil {
		return c.Program
	}
	return catalog.Known()
}

// Own gives the own rows of a version; nil: it has none.
func (c *Catalogs) Own(ctx context.Context, version string) (*catalog.Own, error) {
	return c.own(ctx, version, c.Policy.CatalogRows)
}

func (c *Catalogs) own(ctx context.Context, version string, read func(context.Context, string) (string, error)) (*catalog.Own, error) {
	base, has := catalog.SplitVersion(version)
	if !has {
		return nil, nil //nolint:nilnil // an empty one
	}
	rows, err := read(ctx, version)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, fault.Wrap(err, fault.Internal, "the database is damaged: it lacks the rows of catalogue %q; restore it from a backup", version)
	case err != nil:
		return nil, err
	case catalog.OwnVersion(base, rows) != version:
		return nil, fault.New(fault.Internal, "the database is damaged: the rows of catalogue %q are others; restore it from a backup", version)
	}
	return catalog.OpenOwn(rows)
}

// Versions gives the versions that count, in the order in which they were recorded.
func (c *Catalogs) Versions(ctx context.Context) ([]CatalogVersion, error) {
	facts, err := c.facts(ctx)
	all := make([]CatalogVersion, len(facts))
	for i, f := range facts {
		all[i].Version = f.Value
		if i > 0 {
			all[i].Since = f.ValidFrom
		}
	}
	return all, err
}

// InForce gives the version that counts at an instant.
func (c *Catalogs) InForce(ctx context.Context, at time.Time) (string, error) {
	facts, err := c.facts(ctx)
	if err != nil {
		return "", err
	}
	version, ok := usage.ValueAt(facts, at)
	if !ok {
		version = c.versions()[0].Version()
	}
	return version, nil
}

func (c *Catalogs) facts(ctx context.Context) ([]usage.Fact, error) {
	return c.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrCatalog)
}

// Update makes the program's newest version count from now on, under the own rows that count now; the first one counts
// from the beginning of time (C38). What this program does not know, a newer one wrote: that stays in force.
func (c *Catalogs) Update(ctx context.Context) error {
	_, err := c.change(ctx, func(was string, _ time.Time) (version, rows string, err error) {
		all := c.versions()
		newest := all[len(all)-1].Version()
		if was == "" {
			return newest, "", nil
		}
		base, _ := catalog.SplitVersion(was)
		if base == newest || !slices.ContainsFunc(all, func(p *catalog.Catalog) bool { return p.Version() == base }) {
			return was, "", nil
		}
		own, err := c.Own(ctx, was)
		if err != nil || own.Empty() {
			return newest, "", err
		}
		return catalog.OwnVersion(newest, own.String()), own.String(), nil
	})
	return err
}

// CatalogChange says what SetOwn did, or would do.
type CatalogChange struct {
	Was, Version   string   // the same where the file says what counts already
	Types, Weights int      // own ones in the new version
	Gone, Come     []string // own rows, in the form of the file
	Moves          []catalog.Move
	Now            *catalog.Catalog // the new version
}

// SetOwn makes what a file says the own rows that count from now on; with check it only looks. Invalid: every mistake,
// by its line. What counts already changes nothing. The error of a when, which looks at the own rows that count (nil: there
// are none), is the answer.
func (c *Catalogs) SetOwn(ctx context.Context, text string, check bool, when ...func(*catalog.Own) error) (done CatalogChange, err error) {
	done.Was, err = c.change(ctx, func(was string, now time.Time) (version, rows string, err error) {
		inForce, err := c.Own(ctx, was)
		if err == nil {
			err = allow(inForce, when...)
		}
		if err != nil {
			return "", "", err
		}
		base, err := c.program(was)
		if err != nil {
			return "", "", err
		}
		own, version, err := c.read(ctx, text, base, inForce, now)
		if err != nil {
			return "", "", err
		}
		done.Now = own.On(base)
		done.Moves = catalog.Moves(inForce.On(base), done.Now)
		done.Version, done.Gone, done.Come = version, inForce.Without(own), own.Without(inForce)
		done.Types, done.Weights = own.Rows()
		if check {
			return was, "", nil
		}
		return version, own.String(), nil
	})
	return done, err
}

// read gives what a file says beside the own rows in force, and the version that it makes.
func (c *Catalogs) read(ctx context.Context, text string, base *catalog.Catalog, inForce *catalog.Own, now time.Time) (own *catalog.Own, version string, err error) {
	zone, err := zoneAt(ctx, c.Policy, now)
	if err != nil {
		return nil, "", err
	}
	own, err = catalog.ParseOwn(text, catalog.Ground{Base: base, Was: inForce, Running: usage.MonthOf(now, zone)})
	if err != nil {
		return nil, "", err
	}
	return own, catalog.OwnVersion(base.Version(), own.String()), nil
}

// changeTries bounds how often somebody else may be quicker.
const changeTries = 5

// change records the version that next gives for the one in force now, unless it is the same; "" in, where none is.
func (c *Catalogs) change(ctx context.Context, next func(was string, now time.Time) (version, rows string, err error)) (was string, err error) {
	for try := 1; ; try++ {
		facts, err := c.facts(ctx)
		if err != nil {
			return "", err
		}
		now, seen := usage.Truncate(c.Now()), usage.Position(0)
		if n := len(facts); n > 0 {
			seen = facts[n-1].Position
		}
		was, _ := usage.ValueAt(facts, now)
		version, rows, err := next(was, now)
		if err != nil || version == was {
			return was, err
		}
		var detail audit.Detail
		detail.Change("catalogue", was, version)
		err = c.Policy.RecordCatalog(audit.Note(ctx, audit.Changed, detail.String()), version, rows, seen, now)
		if !fault.Is(err, fault.Conflict) || try == changeTries {
			return was, err
		}
	}
}

// Zones tells the zone that governs now; *Directory is one.
type Zones interface {
	Zone(ctx context.Context) (*time.Location, error)
}

// CountsIn gives what counts in a month, at its end or, in the month that runs, now; nil: in that one.
func (c *Catalogs) CountsIn(ctx context.Context, month *usage.Month, zones Zones) (*catalog.Catalog, usage.Month, error) {
	zone, err := zones.Zone(ctx)
	if err != nil {
		return nil, usage.Month{}, err
	}
	at := usage.Truncate(c.Now())
	asked := usage.MonthOf(at, zone)
	if month != nil {
		asked = *month
		if last := asked.Last(zone); last.Before(at) {
			at = last
		}
	}
	version, err := c.InForce(ctx, at)
	if err != nil {
		return nil, asked, err
	}
	counts, err := c.Catalog(ctx, version)
	return counts, asked, err
}

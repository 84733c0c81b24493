package fleet

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Zone gives the zone that governs computed figures now (C8): UTC unless set.
func (d *Directory) Zone(ctx context.Context) (*time.Location, error) {
	return zoneAt(ctx, d.Policy, d.Now())
}

// ZoneAt gives the zone that governs at an instant.
func (d *Directory) ZoneAt(ctx context.Context, t time.Time) (*time.Location, error) {
	return zoneAt(ctx, d.Policy, t)
}

func zoneAt(ctx context.Context, policy PolicyStore, t time.Time) (*time.Location, error) {
	facts, err := policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrZone)
	if err != nil {
		return nil, err
	}
	name, ok := usage.ValueAt(facts, t)
	if !ok {
		return time.UTC, nil
	}
	return loadZone(name)
}

// Calendar gives the days and months of the zones that governed, and govern now.
func (d *Directory) Calendar(ctx context.Context) (usage.Calendar, error) {
	facts, err := d.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrZone)
	if err != nil {
		return usage.Calendar{}, err
	}
	return usage.NewCalendar(facts, loadZone)
}

// SetZone makes the named zone govern from now on; the first one governs from the beginning of time (C38).
func (d *Directory) SetZone(ctx context.Context, name string) error {
	return d.EditPolicy(ctx, PolicyEdit{Zone: &name})
}

// SetLicensees names the provider as licenses do: what is licensed to anybody else is foreign (C41). They count from now
// on, the first ones from the beginning of time; none: nothing is foreign.
func (d *Directory) SetLicensees(ctx context.Context, names []string) error {
	return d.EditPolicy(ctx, PolicyEdit{Licensees: &names})
}

// PolicyEdit says what of the policy becomes other; nil stays as it is.
type PolicyEdit struct {
	When      func(*Policy) error // looks at what is there; its error is the answer
	Zone      *string             // see SetZone
	Licensees *[]string           // see SetLicensees
}

// Policy is what governs now.
type Policy struct {
	Zone      string
	Licensees []string
}

// EditPolicy changes all that is given, or nothing. Invalid names every field.
func (d *Directory) EditPolicy(ctx context.Context, e PolicyEdit) error {
	var fields []fault.Field
	var facts []usage.Fact
	if e.Zone != nil {
		if _, err := loadZone(*e.Zone); err != nil {
			fields = append(fields, fault.Field{Path: "--zone", Text: fault.Text(err)})
		}
		facts = append(facts, usage.Fact{Attribute: usage.AttrZone, Value: *e.Zone})
	}
	if e.Licensees != nil {
		checked := make([]string, 0, len(*e.Licensees))
		for _, name := range *e.Licensees {
			checked = append(checked, checkName(&fields, "--licensee", name))
		}
		facts = append(facts, usage.Fact{Attribute: usage.AttrLicensees, Value: strings.Join(checked, "\n")})
	}
	if err := fault.InvalidFields("nothing of it is changed", fields); err != nil {
		return err
	}
	return fault.Again(func() error { return d.setPolicy(ctx, facts, e.When) })
}

// setPolicy records those facts, valid from now on, that are not so already. fault.Meanwhile: somebody else was quicker.
func (d *Directory) setPolicy(ctx context.Context, facts []usage.Fact, when func(*Policy) error) error {
	now := usage.Truncate(d.Now())
	seen, values := []SeenFact{}, map[usage.Attribute]string{}
	for _, a := range []usage.Attribute{usage.AttrZone, usage.AttrLicensees} {
		known, err := d.Policy.SubjectFacts(ctx, usage.PolicySubject, a)
		if err != nil {
			return err
		}
		last := SeenFact{Subject: usage.PolicySubject, Attribute: a}
		if n := len(known); n > 0 {
			last.Last = known[n-1].Position
		}
		seen = append(seen, last)
		if value, ok := usage.ValueAt(known, now); ok {
			values[a] = value
		}
	}
	if err := allow(policyOf(values), when); err != nil {
		return err
	}
	var changed []usage.Fact
	var detail audit.Detail
	for _, f := range facts {
		current, ok := values[f.Attribute]
		if ok && current == f.Value {
			continue
		}
		detail.Change(string(f.Attribute), current, f.Value)
		f.Subject, f.ValidFrom = usage.PolicySubject, now
		changed = append(changed, f)
	}
	if len(changed) == 0 {
		return nil
	}
	return d.Policy.RecordFacts(audit.Note(ctx, audit.Changed, detail.String()), changed, now, seen...)
}

func policyOf(values map[usage.Attribute]string) *Policy {
	return &Policy{Zone: cmp.Or(values[usage.AttrZone], time.UTC.String()), Licensees: licensees(values[usage.AttrLicensees])}
}

func licensees(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fault.New(fault.Invalid, "%q is not a time zone: write it as UTC or Europe/Berlin", name)
	}
	return zone, nil
}

// Licensees gives the names under which the provider is licensed now, the first one first; none: nobody said any.
func (d *Directory) Licensees(ctx context.Context) ([]string, error) {
	facts, err := d.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrLicensees)
	names, _ := usage.ValueAt(facts, d.Now())
	return licensees(names), err
}

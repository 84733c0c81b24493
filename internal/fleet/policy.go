package fleet

import (
	"context"
	"fmt"
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

// SetZone makes the named zone govern from now on; the first one governs from the beginning of time (C38).
func (d *Directory) SetZone(ctx context.Context, name string) error {
	if _, err := loadZone(name); err != nil {
		return err
	}
	return d.setPolicy(ctx, usage.AttrZone, name)
}

func (d *Directory) setPolicy(ctx context.Context, attribute usage.Attribute, value string) error {
	facts, err := d.Policy.SubjectFacts(ctx, usage.PolicySubject, attribute)
	if err != nil {
		return err
	}
	now := usage.Truncate(d.Now())
	current, ok := usage.ValueAt(facts, now)
	if ok && current == value {
		return nil
	}
	var detail audit.Detail
	detail.Change(string(attribute), current, value)
	return d.Policy.RecordFacts(audit.Note(ctx, audit.Changed, detail.String()), []usage.Fact{{
		Subject: usage.PolicySubject, Attribute: attribute, Value: value, ValidFrom: now,
	}}, now)
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fault.InvalidFields("the zone stays as it is", []fault.Field{{Path: "--zone", Text: fmt.Sprintf("%q is not a time zone: write it as UTC or Europe/Berlin", name)}})
	}
	return zone, nil
}

// SetLicensees names the provider as licenses do: what is licensed to anybody else is foreign (C41). They count from now
// on, the first ones from the beginning of time; none: nothing is foreign.
func (d *Directory) SetLicensees(ctx context.Context, names []string) error {
	var fields []fault.Field
	checked := make([]string, 0, len(names))
	for _, name := range names {
		checked = append(checked, checkName(&fields, "--licensee", name))
	}
	if err := fault.InvalidFields("the names of the provider are refused", fields); err != nil {
		return err
	}
	return d.setPolicy(ctx, usage.AttrLicensees, strings.Join(checked, "\n"))
}

// Licensees gives the names under which the provider is licensed now, the first one first; none: nobody said any.
func (d *Directory) Licensees(ctx context.Context) ([]string, error) {
	facts, err := d.Policy.SubjectFacts(ctx, usage.PolicySubject, usage.AttrLicensees)
	names, _ := usage.ValueAt(facts, d.Now())
	return strings.FieldsFunc(names, func(r rune) bool { return r == '\n' }), err
}

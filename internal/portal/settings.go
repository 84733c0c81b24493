package portal

import (
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// settingsView is the value of the page of what holds for the whole console.
type settingsView struct {
	Zone      string
	Licensees []string
	Change    *form // nil: the reader may not
	Keys      []api.SigningKey
	KeyLost   string // why there is no key that signs
	History   []settingRow
}

// settingRow is what a setting was from an instant on.
type settingRow struct {
	Name, Value string
	Since       *moment // nil: the beginning
}

func (p *Portal) settingsNow(v *visit) (settingsView, error) {
	licensees, err := p.Directory.Licensees(v.ctx())
	return settingsView{Zone: v.zone.String(), Licensees: licensees}, err
}

func (p *Portal) settings(v *visit) (any, error) {
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	out, err := p.settingsNow(v)
	if err != nil {
		return nil, err
	}
	for _, setting := range []struct {
		key       string
		attribute usage.Attribute
	}{{"settings.zone", usage.AttrZone}, {"settings.licensees", usage.AttrLicensees}} {
		facts, err := p.Directory.Policy.SubjectFacts(v.ctx(), usage.PolicySubject, setting.attribute)
		if err != nil {
			return nil, err
		}
		for i, f := range slices.Backward(facts) {
			row := settingRow{Name: p.texts[setting.key], Value: strings.ReplaceAll(f.Value, "\n", ", ")}
			if i > 0 {
				row.Since = v.momentOf(&f.ValidFrom)
			}
			out.History = append(out.History, row)
		}
	}
	switch out.Keys, err = p.Console.SigningKeys(v.ctx()); {
	case fault.Is(err, fault.NotFound):
		out.KeyLost = fault.Text(err)
	case err != nil:
		return nil, err
	}
	if v.may(access.ManageUsers, access.Provider) {
		if out.Change, err = p.settingsForm(v, &out); err != nil {
			return nil, err
		}
	}
	return page{name: "settings", title: p.texts["settings.title"], data: out, status: statusOf(v.wrong)}, nil
}

// settingsForm asks, once another zone was typed, whether what that moves is meant.
func (p *Portal) settingsForm(v *visit, is *settingsView) (*form, error) {
	moves, err := p.zoneMoves(v, is.Zone)
	if err != nil {
		return nil, err
	}
	fields := []input{hidden("state", is.state()), {Name: "zone", Value: is.Zone, Required: true, Complete: "off"}}
	if moves != "" {
		fields = append(fields, input{Name: movesField, Kind: checkBoxes, Choices: []choice{{Value: v.field("zone"), Name: p.texts["settings.moves-tick"]}}})
	}
	f := p.form(v, "settings", "/settings", append(fields, input{Name: "licensees", Kind: textArea, Value: strings.Join(is.Licensees, "\n")})...)
	for i := range f.Fields {
		if f.Fields[i].Name == movesField {
			f.Fields[i].Hint = moves
		}
	}
	return &f, nil
}

// movesField holds the zone that the reader was told what it moves, and means.
const movesField = "moves"

// zoneMoves says what the zone that was typed moves, and what it does not; empty: it is the one that governs, the first one that is set, or none.
func (p *Portal) zoneMoves(v *visit, is string) (string, error) {
	name := v.field("zone")
	facts, err := p.Directory.Policy.SubjectFacts(v.ctx(), usage.PolicySubject, usage.AttrZone)
	if err != nil || name == "" || name == is || name == time.Local.String() || len(facts) == 0 {
		return "", err
	}
	now := usage.Truncate(p.Now())
	moved, err := usage.NewCalendar(append(facts, usage.Fact{Value: name, ValidFrom: now}), time.LoadLocation)
	if err != nil {
		return "", nil //nolint:nilerr // the form says at the field that there is no such zone
	}
	month := v.days.MonthOf(now)
	last, until := v.days.Begins(month.Next()), moved.Begins(month.Next())
	return p.texts.say("settings.moves", p.month(month), moment{until, time.UTC}.Text(), moment{last, time.UTC}.Text(), v.days.First(v.days.Of(now)).In(v.zone).Format(time.DateOnly), is)
}

func (s *settingsView) state() string {
	return stateOf([]any{s.Zone, append([]string{}, s.Licensees...)})
}

func (p *Portal) editSettings(v *visit) (any, error) {
	if err := v.allow(access.ManageUsers, access.Provider); err != nil {
		return nil, err
	}
	is, err := p.settingsNow(v)
	if err != nil {
		return nil, err
	}
	moves, err := p.zoneMoves(v, is.Zone)
	if err != nil {
		return nil, err
	}
	e := fleet.PolicyEdit{When: func(now *fleet.Policy) error {
		if err := p.meanwhile(v, (&settingsView{Zone: now.Zone, Licensees: now.Licensees}).state()); err != nil {
			return err
		}
		if moves != "" && v.field(movesField) != v.field("zone") {
			return fault.InvalidFields("nothing of it is changed", []fault.Field{{Path: movesField, Text: p.texts["settings.moves-ask"]}})
		}
		return nil
	}}
	if name := v.field("zone"); name != is.Zone {
		e.Zone = &name
	}
	if names := linesOf(v.field("licensees")); !slices.Equal(names, is.Licensees) {
		e.Licensees = &names
	}
	if err := p.Directory.EditPolicy(v.ctx(), e); err != nil {
		if !v.faults(err) {
			return nil, err
		}
		for i := range v.wrong { // the service names fields as the command line does
			v.wrong[i].Path = map[string]string{"--zone": "zone", "--licensee": "licensees", movesField: movesField}[v.wrong[i].Path]
		}
		return p.settings(v)
	}
	return redirect("/settings", "saved")
}

// linesOf gives the lines that are not empty.
func linesOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

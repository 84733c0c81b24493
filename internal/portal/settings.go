package portal

import (
	"slices"
	"strings"

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
		f := p.form(v, "settings", "/settings", hidden("state", out.state()), input{Name: "zone", Value: out.Zone, Required: true, Complete: "off"},
			input{Name: "licensees", Kind: textArea, Value: strings.Join(out.Licensees, "\n")})
		out.Change = &f
	}
	return page{name: "settings", title: p.texts["settings.title"], data: out, status: statusOf(v.wrong)}, nil
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
	e := fleet.PolicyEdit{When: func(now *fleet.Policy) error {
		return p.meanwhile(v, (&settingsView{Zone: now.Zone, Licensees: now.Licensees}).state())
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
			v.wrong[i].Path = map[string]string{"--zone": "zone", "--licensee": "licensees"}[v.wrong[i].Path]
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

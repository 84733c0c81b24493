package portal

import (
	"net/url"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// file is something to download.
type file struct{ Name, To string }

// files are the forms in which there is a statement, or a month.
func (p *Portal) files(at string, q url.Values) (list []file) {
	for _, form := range []string{"pdf", "xlsx", "csv", "json", "focus"} {
		to := url.Values{"format": {form}}
		for name, values := range q {
			to[name] = values
		}
		list = append(list, file{p.texts["file."+form], at + "/report?" + to.Encode()})
	}
	return list
}

// reportFile gives a statement in another form.
func (p *Portal) reportFile(v *visit) (any, error) {
	s, err := p.keptOf(v)
	if err != nil {
		return nil, err
	}
	f, err := p.Console.Report(v.ctx(), s.company.ID, s.month, s.Number, v.field("format"))
	return attachment(f), err
}

// keptOf finds a statement of which there are files: none that is counted as of an instant.
func (p *Portal) keptOf(v *visit) (stated, error) {
	s, err := p.statementOf(v)
	if err == nil && !s.known.IsZero() {
		err = p.texts.refuse(fault.Invalid, "statement.not-kept")
	}
	return s, err
}

func (p *Portal) bundleFile(v *visit) (any, error) {
	s, err := p.keptOf(v)
	if err != nil {
		return nil, err
	}
	f, err := p.Console.Bundle(v.ctx(), s.company.ID, s.month, s.Number)
	return attachment(f), err
}

// monthFile gives a month over all companies.
func (p *Portal) monthFile(v *visit) (any, error) {
	if err := v.allow(access.Read, access.Provider); err != nil {
		return nil, err
	}
	month, err := v.month()
	if err != nil {
		return nil, err
	}
	f, err := p.Console.Report(v.ctx(), 0, month, 0, v.field("format"))
	return attachment(f), err
}

// attachment is a file that a browser saves, and does not show.
func attachment(f api.File) api.Raw {
	return api.Raw{ContentType: f.MediaType, Body: f.Data, Fields: []api.Field{field("Content-Disposition", `attachment; filename="`+f.Name+`"`)}}
}

package portal

import (
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// input gives a field of one of a page's forms, which are named by the last word of where they are sent: empty, or with what was typed, and
// what is wrong with it.
func (p *Portal) input(v *visit, form, name, label string) *input {
	in := &input{ID: form + "-" + name, Name: name, Label: label}
	if v.Method != http.MethodPost || path.Base(v.URL.Path) != form {
		return in
	}
	in.Value = v.form.Get(name)
	in.Wrong = textsOf(v.wrong, name)
	return in
}

// reason gives the field in which a step wants to be told why: what is said there stands in the trail, which a company's people see, too.
func (p *Portal) reason(v *visit, form string) *input {
	in := p.input(v, form, "reason", p.texts["statement.reason"])
	in.Required, in.Hint = true, p.texts["statement.reason-hint"]
	return in
}

// step gives an endpoint that takes a statement on: the month's latest, which must be as the reader saw it.
func (p *Portal) step(action access.Action, did string, do func(v *visit, s *stated) error) endpoint {
	return func(v *visit) (any, error) {
		s, err := p.statementOf(v)
		if err != nil {
			return nil, err
		}
		if err := v.allow(action, s.company.ID); err != nil {
			return nil, err
		}
		done, err := p.take(v, &s, do)
		if err != nil {
			return nil, err
		}
		if !done {
			return p.statementPage(v, &s)
		}
		return redirect(s.path(), did)
	}
}

// errMoved is why nothing was done where a statement is another one by now.
var errMoved = errors.New("the statement was changed meanwhile")

// take does a step with the statement that the reader saw; false: something is wrong with what was typed, or it is another one by now.
func (p *Portal) take(v *visit, s *stated, do func(v *visit, s *stated) error) (bool, error) {
	err := errMoved
	if seen := v.field("revision"); seen == s.revision() {
		s.steps = p.Months.When(func(latest *statement.Statement) error { // it may move between its reading and the step
			if revisionOf(latest) != seen {
				return errMoved
			}
			return nil
		})
		if err = do(v, s); errors.Is(err, errMoved) {
			now, err := p.statementOf(v)
			if err != nil {
				return false, err
			}
			*s = now
		}
	}
	switch {
	case errors.Is(err, errMoved):
		return false, p.moved(v)
	case err != nil && !v.faults(err):
		return false, err
	case len(v.wrong) > 0:
		return false, nil
	}
	p.Alarms.MonthsMoved()
	return true, nil
}

// moved says that a statement is another one by now, and what was typed: its form may not be offered any more.
func (p *Portal) moved(v *visit) error {
	v.fail("", p.texts["statement.moved"])
	text := p.typedIn(v)
	if text == "" {
		return nil
	}
	typed, err := p.texts.say("statement.typed", text)
	if err != nil {
		return err
	}
	v.fail("", typed)
	return nil
}

// typedIn repeats what was typed into the form of a step, with what it was about; empty: nothing was.
func (p *Portal) typedIn(v *visit) string {
	var typed []string
	if count := v.field("count"); count != "" {
		typed = append(typed, p.texts["statement.how-many"]+" "+count)
	}
	if reason := v.field("reason"); reason != "" {
		typed = append(typed, reason)
	}
	if row, known := rowOfText(v.field("row")); known && len(typed) > 0 {
		typed = append([]string{rowName(row)}, typed...)
	}
	return strings.Join(typed, " · ")
}

func (p *Portal) draftOne(v *visit, s *stated) error {
	_, _, err := s.steps.Draft(v.ctx(), s.company.ID, s.month, v.actor.Name)
	return err
}

func (p *Portal) approveOne(v *visit, s *stated) error {
	first, err := p.skips(v, s)
	if err != nil {
		return err
	}
	if first != (usage.Month{}) && v.field("knowing") == "" {
		text, err := p.texts.say("statements.skips", p.month(first))
		if err != nil {
			return err
		}
		v.fail("knowing", text)
		return nil
	}
	reasons := make(map[string]string)
	for _, key := range append(keysOf(&s.Content), "*") {
		if text := v.field(key); text != "" {
			reasons[key] = text
		}
	}
	_, err = s.steps.Approve(v.ctx(), s.company.ID, s.month, v.actor.Name, reasons, false)
	return err
}

func keysOf(c *statement.Content) (keys []string) {
	for _, i := range c.Issues {
		keys = append(keys, i.Key)
	}
	return keys
}

func (p *Portal) reopenOne(v *visit, s *stated) error {
	_, err := s.steps.Reopen(v.ctx(), s.company.ID, s.month, v.actor.Name, v.field("reason"))
	return err
}

func (p *Portal) finaliseOne(v *visit, s *stated) error {
	_, err := s.steps.Finalise(v.ctx(), s.company.ID, s.month, v.actor.Name)
	return err
}

func (p *Portal) supersedeOne(v *visit, s *stated) error {
	supersede := s.steps.Supersede
	if v.form.Has("to-adjust") {
		supersede = s.steps.SupersedeToAdjust
	}
	_, err := supersede(v.ctx(), s.company.ID, s.month, v.actor.Name, v.field("reason"))
	if !errors.Is(err, statement.ErrSame) {
		return err
	}
	text, err := p.texts.say("statement.same", s.company.Name, p.month(s.month), p.texts["statement.to-adjust"])
	v.fail("", text)
	return err
}

// adjustOne takes so many from what is billed of a row.
func (p *Portal) adjustOne(v *visit, s *stated) error {
	row, known := rowOfText(v.field("row"))
	if !known {
		v.fail("row", p.texts["statement.no-row"])
	}
	count, err := strconv.ParseInt(v.field("count"), 10, 64)
	if err != nil || count < 1 {
		v.fail("count", p.texts["statement.no-count"])
	}
	if len(v.wrong) > 0 {
		return nil
	}
	_, err = s.steps.Adjust(v.ctx(), s.company.ID, s.month, statement.Less{Row: row, Count: count, Reason: v.field("reason"), Actor: v.actor.Name})
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.Invalid && len(f.Fields) == 0 { // so many cannot be taken from it
		v.fail("count", f.Message)
		return nil
	}
	return err
}

func (p *Portal) withdrawOne(v *visit, s *stated) error {
	number, err := strconv.Atoi(v.field("adjustment"))
	if err != nil {
		return p.texts.refuse(fault.Invalid, "absent.adjustment", strconv.Quote(v.field("adjustment")))
	}
	_, err = s.steps.Withdraw(v.ctx(), s.company.ID, s.month, number, v.actor.Name, v.field("reason"))
	return err
}

// rowName is what people call a row.
func rowName(key statement.RowKey) string {
	return catalog.TypeName(key.Type) + ", " + string(key.Unit)
}

// rowText names a row in a form and in addresses.
func rowText(key statement.RowKey) string {
	return string(key.Product) + "/" + string(key.Unit) + "/" + key.Type
}

func rowOfText(text string) (key statement.RowKey, known bool) {
	part := strings.SplitN(text, "/", 3)
	if len(part) < 3 {
		return key, false
	}
	return statement.RowKey{Product: usage.Product(part[0]), Unit: usage.UnitKind(part[1]), Type: part[2]}, true
}

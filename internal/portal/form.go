package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// form is a form as a page shows it: its fields with what is so or was typed, and what is wrong with that. Its texts are
// form.<name>.<field>, form.<name>.<field>-hint and form.<name>.button.
type form struct {
	To      string // where it is sent
	Fields  []input
	Buttons []choice // with a value, it is sent as do
	Wrong   []wrongInput
}

// wrongInput is one thing that is wrong; without an ID it is about no field.
type wrongInput struct{ ID, Label, Text string }

// input is a field of a form.
type input struct {
	Name     string
	Kind     string   // of an input element; or select, area, checks, box
	Value    string   // what is so
	Choices  []choice // of select and checks
	Required bool
	Complete string // what browsers may fill in
	Suggest  string // where it is asked what fits what is typed
	Empty    string // what nothing typed means

	ID, Label, Hint string
	Wrong           []string
	Focus           bool // it is the first one that is wrong
}

// The kinds of fields that are no plain input elements.
const (
	selection     = "select"
	textArea      = "area"
	checkBoxes    = "checks"
	hiddenField   = "hidden"
	boxField      = "box" // it stands with what a test came to, see testedView
	passwordField = "password"
)

// Describes names what is said about the field.
func (i *input) Describes() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if len(i.Wrong) > 0 {
		ids = append(ids, i.ID+"-wrong")
	}
	return strings.Join(ids, " ")
}

// form gives the form of a name. Where it was just sent, its fields hold what was typed, and what is wrong with it.
func (p *Portal) form(v *visit, name, to string, fields ...input) form {
	sent := v.Method == http.MethodPost && strings.EqualFold(v.URL.Path, to)
	f := form{To: to, Fields: p.fields(v, name, sent, fields...), Buttons: []choice{{"", p.texts["form."+name+".button"], true}}}
	if !sent {
		return f
	}
	var shown []*input
	for i := range f.Fields {
		in := &f.Fields[i]
		if in.Kind == hiddenField {
			continue
		}
		in.Wrong = textsOf(v.wrong, in.Name)
		shown = append(shown, in)
	}
	f.Wrong = summary(v.wrong, shown...)
	return f
}

// textsOf gives what is wrong with a field.
func textsOf(wrong []fault.Field, name string) (texts []string) {
	for _, w := range wrong {
		if w.Path == name {
			texts = append(texts, w.Text)
		}
	}
	return texts
}

// summary lists all that is wrong: first what is about no field, then field by field as they stand; the first of these is where a keyboard begins.
func summary(wrong []fault.Field, fields ...*input) (list []wrongInput) {
	for _, w := range wrong {
		if !slices.ContainsFunc(fields, func(in *input) bool { return in.Name == w.Path && len(in.Wrong) > 0 }) {
			list = append(list, wrongInput{Text: strings.TrimSpace(w.Path + " " + w.Text)})
		}
	}
	focus := true
	for _, in := range fields {
		for _, text := range in.Wrong {
			in.Focus, focus = in.Focus || focus, false
			list = append(list, wrongInput{in.ID, in.Label, text})
		}
	}
	return list
}

// fields gives fields with their texts, and with what was typed where that is wanted: but for passwords.
func (p *Portal) fields(v *visit, name string, typed bool, fields ...input) []input {
	for i := range fields {
		in := &fields[i]
		key := "form." + name + "." + in.Name
		in.ID, in.Label, in.Hint = name+"-"+in.Name, p.texts[key], p.texts[key+"-hint"]
		if typed && in.Kind != passwordField && in.Kind != hiddenField {
			in.Value = v.form.Get(in.Name)
		}
		for j := range in.Choices {
			c := &in.Choices[j]
			switch {
			case in.Kind == selection:
				c.Chosen = c.Value == in.Value
			case typed:
				c.Chosen = slices.Contains(v.form[in.Name], c.Value)
			}
		}
	}
	return fields
}

// above leads from where a form is sent to its page: a browser stands there after something was typed wrong, and may ask for it.
func (p *Portal) above(v *visit) (any, error) { return redirect(path.Dir(v.URL.EscapedPath()), "") }

// stateOf tells one state of something from another: a form holds the one that it was opened with.
func stateOf(what any) string {
	text, err := json.Marshal(what)
	if err != nil {
		return "" // fits no form
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// meanwhile refuses where something is not what the form was opened with any more.
func (p *Portal) meanwhile(v *visit, state string) error {
	if state != "" && v.form.Get("state") == state {
		return nil
	}
	return p.texts.refuse(fault.Conflict, "form.meanwhile")
}

func hidden(name, value string) input { return input{Name: name, Kind: hiddenField, Value: value} }

package portal

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// pick is what a field names one of: companies, servers or users.
type pick struct {
	count   int
	at      func(i int) (id int64, name string)
	suggest string   // where those are suggested whose names fit what is typed
	absent  string   // what is said of one that is not there
	other   []choice // what else the field may say
}

// pickMax is of how many a list is offered. Of more, one is typed: its number, or its whole name.
const pickMax = 50

// suggestedMax is how many are suggested at a time, and similarMax how many are named where one is not there.
const (
	suggestedMax = 20
	similarMax   = 3
)

func (k *pick) few() bool { return k.count <= pickMax }

// field is the field in which one of these is chosen; none says what an empty one means, and is no choice where it is empty itself. The value of the
// input is a number, or what else it may say.
func (k *pick) field(in input, none string) input {
	if !k.few() {
		in.Suggest, in.Complete, in.Empty, in.Value = k.suggest, "off", none, k.wordsOf(in.Value)
		in.Choices = slices.Clone(k.other)
		for _, s := range k.like("", suggestedMax) {
			in.Choices = append(in.Choices, choice{Name: s.Name})
		}
		return in
	}
	in.Kind = selection
	for i := range k.count {
		id, name := k.at(i)
		in.Choices = append(in.Choices, choice{Value: strconv.FormatInt(id, 10), Name: name})
	}
	sortChoices(in.Choices)
	if none != "" {
		in.Choices = slices.Insert(in.Choices, 0, choice{Name: none})
	}
	in.Choices = append(in.Choices, k.other...)
	return in
}

// wordsOf is what is typed for a value: a name, or the number of what has none, or one that may mean something else.
func (k *pick) wordsOf(value string) string {
	for _, o := range k.other {
		if o.Value == value {
			return o.Name
		}
	}
	for i := range k.count {
		if id, name := k.at(i); strconv.FormatInt(id, 10) == value {
			if k.otherOf(name) != "" || len(k.meant(name)) != 1 {
				return "#" + value
			}
			return name
		}
	}
	return value
}

// otherOf finds what else than one of these a field says; empty: it does not.
func (k *pick) otherOf(text string) string {
	for _, o := range k.other {
		if text != "" && (text == o.Value || !k.few() && strings.EqualFold(text, o.Name)) {
			return o.Value
		}
	}
	return ""
}

// meant are those that a text may mean: by number, and where it was typed, by name. With # before it a number is no name.
func (k *pick) meant(text string) (found []suggestion) {
	digits, numbered := strings.CutPrefix(text, "#")
	n, err := strconv.ParseInt(digits, 10, 64)
	for i := range k.count {
		id, name := k.at(i)
		switch byName := !numbered && strings.EqualFold(name, text); {
		case err == nil && n == id, byName && (err != nil || !k.few()): // a list sends numbers
			found = append(found, suggestion{id, name})
		}
	}
	return found
}

// suggestion is one that fits what is typed.
type suggestion struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// like gives some whose names have a text in them, those first that begin with it.
func (k *pick) like(text string, most int) []suggestion {
	type fit struct {
		suggestion

		folded string
		later  int
	}
	var fits []fit
	text = strings.ToLower(text)
	for i := range k.count {
		id, name := k.at(i)
		folded := strings.ToLower(name)
		if at := strings.Index(folded, text); at >= 0 {
			fits = append(fits, fit{suggestion{id, name}, folded, min(at, 1)})
		}
	}
	slices.SortFunc(fits, func(a, b fit) int { return cmp.Or(cmp.Compare(a.later, b.later), cmp.Compare(a.folded, b.folded)) })
	out := []suggestion{}
	for i := range fits[:min(most, len(fits))] {
		out = append(out, fits[i].suggestion)
	}
	return out
}

// picked reads a field that names one of these; 0: it is empty, or means none or several, which is noted.
func (p *Portal) picked(v *visit, name string, k *pick) (int64, error) {
	text := v.field(name)
	if text == "" {
		return 0, nil
	}
	found := k.meant(text)
	if len(found) == 1 {
		return found[0].ID, nil
	}
	said := p.texts[k.absent]
	key, list := "form.several", found
	if len(found) == 0 {
		if list = k.like(text, similarMax); len(list) == 0 || k.few() {
			v.fail(name, said)
			return 0, nil
		}
		key = "form.similar"
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = "#" + strconv.FormatInt(list[i].ID, 10) + " " + list[i].Name
	}
	more, err := p.texts.say(key, strings.Join(names, ", "))
	if key == "form.similar" {
		more = said + ". " + more
	}
	v.fail(name, more)
	return 0, err
}

// narrowed reads the company that a list is narrowed to; 0: all, or something is wrong. One that was removed, or is not offered, goes by its number.
// The field says then what it says where it is shown.
func (p *Portal) narrowed(v *visit, k *pick) (usage.CompanyID, error) {
	text := v.field("company")
	value := k.otherOf(text)
	if n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64); err == nil && value == "" && len(k.meant(text)) == 0 {
		c, err := p.Companies.Company(v.ctx(), usage.CompanyID(n))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return 0, err
		}
		if err == nil {
			value = c.ID.String()
			k.other = append(k.other, choice{Value: value, Name: c.Name})
		}
	}
	if value == "" {
		id, err := p.picked(v, "company", k)
		if err != nil || id == 0 {
			return 0, err
		}
		value = strconv.FormatInt(id, 10)
	}
	v.form.Set("company", value)
	if !k.few() {
		v.form.Set("company", k.wordsOf(value))
	}
	id, err := strconv.ParseInt(value, 10, 64)
	return usage.CompanyID(id), err
}

// companyPick are the companies that the reader sees.
func (p *Portal) companyPick(v *visit) (*pick, error) {
	all, err := p.Companies.Companies(v.ctx())
	if only := v.only(); only != 0 {
		all = slices.Clone(all)
		all = slices.DeleteFunc(all, func(c fleet.Company) bool { return c.ID != only })
	}
	at := func(i int) (int64, string) { return int64(all[i].ID), all[i].Name }
	return &pick{count: len(all), at: at, suggest: "/companies/suggest", absent: "form.no-company"}, err
}

// serverPick are the servers, for who sees those of all companies.
func (p *Portal) serverPick(v *visit) (*pick, error) {
	all, err := p.Servers.Servers(v.ctx())
	at := func(i int) (int64, string) { return int64(all[i].ID), all[i].Name }
	return &pick{count: len(all), at: at, suggest: "/servers/suggest", absent: "form.no-server"}, err
}

// userPick are the users, for who manages them.
func (p *Portal) userPick(v *visit) (*pick, error) {
	all, err := p.Users.Users(v.ctx())
	at := func(i int) (int64, string) { return int64(all[i].ID), all[i].Name }
	return &pick{count: len(all), at: at, suggest: "/users/suggest", absent: "form.no-user"}, err
}

// suggesting gives an endpoint that suggests those whose names have what is typed in them, for who may do something with all.
func (p *Portal) suggesting(action access.Action, of func(v *visit) (*pick, error)) endpoint {
	return func(v *visit) (any, error) {
		if err := v.allow(action, access.Provider); err != nil {
			return nil, err
		}
		k, err := of(v)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(k.like(v.field("part"), suggestedMax))
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "names cannot be written down")
		}
		return stream{Status: http.StatusOK, ContentType: "application/json", Body: body}, nil
	}
}

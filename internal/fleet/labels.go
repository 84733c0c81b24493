package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Labels tie a company or a server to what is known of it elsewhere. Nothing is counted from them. A map that is there is
// never changed: it may be shared.
type Labels struct {
	ExternalIDs map[string]string `json:"externalIds,omitempty"` // its keys in other programs, as psa, contract, support
	Tags        map[string]string `json:"tags,omitempty"`        // what figures and costs are sorted by, as segment
}

// labelsMax is how many there are of a kind at most.
const labelsMax = 20

var labelKey = regexp.MustCompile(`^[a-z0-9._-]{1,40}$`)

// LabelText is the labels as they are kept: JSON in one form; empty where there are none.
func (l Labels) LabelText() string {
	if len(l.ExternalIDs) == 0 && len(l.Tags) == 0 {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil { // cannot happen: they are texts
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// ReadLabels is the inverse of LabelText. Internal: the text is damaged.
func ReadLabels(text string) (l Labels, err error) {
	if text == "" {
		return l, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Labels{}, fault.Wrap(err, fault.Internal, "external ids and tags that are kept cannot be read")
	}
	return l, nil
}

// WithLabels gives the labels with those that are given put in; an empty value takes one away. It names what is wrong.
func (l Labels) WithLabels(given Labels, fields *[]fault.Field) Labels {
	return Labels{
		ExternalIDs: labelsWith("--external-id", l.ExternalIDs, given.ExternalIDs, fields),
		Tags:        labelsWith("--tag", l.Tags, given.Tags, fields),
	}
}

func labelsWith(path string, have, given map[string]string, fields *[]fault.Field) map[string]string {
	if len(given) == 0 {
		return have
	}
	wrong := func(path, format string, args ...any) {
		*fields = append(*fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	all := maps.Clone(have)
	if all == nil {
		all = make(map[string]string)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name, value := strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(given[key])
		if !labelKey.MatchString(name) {
			wrong(path, "%q is no key: one is made of at most 40 letters a to z, digits, dots, underscores and hyphens", key)
			continue
		}
		if value == "" {
			delete(all, name)
			continue
		}
		if problem := usage.LineProblem(value, nameLengthMax); problem != "" {
			wrong(path+" "+name, "%s", problem)
		}
		all[name] = value
	}
	switch {
	case len(all) > labelsMax:
		wrong(path, "there would be %d, and there are at most %d", len(all), labelsMax)
	case len(all) == 0:
		return nil
	}
	return all
}

// HasLabels reports whether everything that is wanted is there.
func (l Labels) HasLabels(want Labels) bool {
	return contains(l.ExternalIDs, want.ExternalIDs) && contains(l.Tags, want.Tags)
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// labelChanges says for the audit trail what differs.
func labelChanges(d *audit.Detail, was, is Labels) {
	for _, kind := range []struct {
		name    string
		was, is map[string]string
	}{{"external id", was.ExternalIDs, is.ExternalIDs}, {"tag", was.Tags, is.Tags}} {
		keys := slices.Collect(maps.Keys(kind.was))
		keys = slices.AppendSeq(keys, maps.Keys(kind.is))
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			d.Change(kind.name+" "+key, kind.was[key], kind.is[key])
		}
	}
}

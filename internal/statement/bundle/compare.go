package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/statement"
)

// contentProblems says in words where what a statement says is not what its evidence counts to.
func contentProblems(says, counted *statement.Content) []string {
	problems := slices.Concat(
		compareLists("row", rowsOf("", says.Rows), rowsOf("", counted.Rows), rowText),
		compareLists("server", serversOf(says), serversOf(counted), memberText),
		compareLists("issue", issuesOf(says), issuesOf(counted), memberText),
		compareLists("row", classesOf(says), classesOf(counted), rowText),
	)
	a, b := *says, *counted
	for _, c := range []*statement.Content{&a, &b} {
		c.Rows, c.Servers, c.Issues, c.Classes = nil, nil, nil, nil
	}
	if text := memberText(&a, &b); text != "" {
		problems = append(problems, text)
	}
	if len(problems) == 0 && jsonText(says) != jsonText(counted) {
		problems = append(problems, "the same stands in another order than the evidence gives")
	}
	return problems
}

// named is an element of a list by its name.
type named[T any] struct {
	name  string
	value *T
}

func rowsOf(class statement.LicenseClass, rows []statement.Row) (list []named[statement.Row]) {
	for i := range rows {
		r := &rows[i]
		name := fmt.Sprintf("%s %s (%s)", r.Type, r.Unit, r.Product)
		if class != "" {
			name += ", licenses " + string(class)
		}
		list = append(list, named[statement.Row]{name, r})
	}
	return list
}

func classesOf(c *statement.Content) (list []named[statement.Row]) {
	for i := range c.Classes {
		list = append(list, rowsOf(c.Classes[i].Class, c.Classes[i].Rows)...)
	}
	return list
}

func serversOf(c *statement.Content) (list []named[statement.Server]) {
	for i := range c.Servers {
		s := &c.Servers[i]
		list = append(list, named[statement.Server]{fmt.Sprintf("%d (%s)", s.ID, s.Name), s})
	}
	return list
}

func issuesOf(c *statement.Content) (list []named[statement.Issue]) {
	for i := range c.Issues {
		list = append(list, named[statement.Issue]{c.Issues[i].Key, &c.Issues[i]})
	}
	return list
}

// compareLists compares by name; differ gives in words how two elements differ.
func compareLists[T any](what string, says, counted []named[T], differ func(says, counted *T) string) (problems []string) {
	given := make(map[string]*T, len(counted))
	for _, e := range counted {
		given[e.name] = e.value
	}
	for _, e := range says {
		want, there := given[e.name]
		if delete(given, e.name); !there {
			problems = append(problems, fmt.Sprintf("%s %s: the evidence gives none", what, e.name))
		} else if text := differ(e.value, want); text != "" {
			problems = append(problems, fmt.Sprintf("%s %s: %s", what, e.name, text))
		}
	}
	for _, e := range counted {
		if _, left := given[e.name]; left {
			problems = append(problems, fmt.Sprintf("%s %s: the statement leaves it out", what, e.name))
		}
	}
	return problems
}

func rowText(says, counted *statement.Row) string {
	if jsonText(says) == jsonText(counted) {
		return ""
	}
	return fmt.Sprintf("the statement says %s, and the evidence gives %s", figures(says), figures(counted))
}

func figures(r *statement.Row) string {
	text := fmt.Sprintf("used %d (%s units), new %d (%s), rental %d (%s)", r.Used.Count, r.Used.Units, r.New.Count, r.New.Units, r.Rental.Count, r.Rental.Units)
	if r.PeakAt != nil {
		text += " at " + r.PeakAt.UTC().Format(time.RFC3339Nano)
	}
	return text
}

// memberText names the members in which two values differ.
func memberText[T any](says, counted *T) string {
	a, b := members(says), members(counted)
	var texts []string
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if a[path] != b[path] {
			texts = append(texts, fmt.Sprintf("%s is %s, and by the evidence %s", path, a[path], b[path]))
		}
	}
	return strings.Join(texts, ", ")
}

// members gives what a value says in JSON, by the names of its members.
func members[T any](v *T) map[string]string {
	var top map[string]json.RawMessage
	if err := json.Unmarshal([]byte(jsonText(v)), &top); err != nil {
		return map[string]string{"": err.Error()}
	}
	all := make(map[string]string, len(top))
	for name, text := range top {
		all[name] = string(text)
	}
	return all
}

// jsonText gives a value as the statement writes it.
func jsonText[T any](v *T) string {
	text, err := encode(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

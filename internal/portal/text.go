package portal

import (
	_ "embed"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

//go:embed en.toml
var english []byte

// texts are what people read, by their keys: "company.title".
type texts map[string]string

func readTexts(file []byte) (texts, error) {
	var tree map[string]any
	if err := toml.Unmarshal(file, &tree); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the portal's texts are not read: %v", err)
	}
	all := texts{}
	all.add("", tree)
	return all, nil
}

func (t texts) add(prefix string, tree map[string]any) {
	for name, value := range tree {
		switch v := value.(type) {
		case map[string]any:
			t.add(prefix+name+".", v)
		case string:
			t[prefix+name] = v
		}
	}
}

// say gives a text with its arguments. Internal: there is none of that key, or it wants other arguments.
func (t texts) say(key string, args ...any) (string, error) {
	text, known := t[key]
	if !known {
		return "", fault.New(fault.Internal, "the portal has no text %q", key)
	}
	if len(args) == 0 {
		return text, nil
	}
	if !takes(text, args) {
		return "", fault.New(fault.Internal, "the portal's text %q does not take %v", key, args)
	}
	return fmt.Sprintf(text, args...), nil
}

// takes reports whether a text wants these arguments: as many of %s as there are, and %d of whole numbers alone. What stands in them
// is anybody's words, and is not looked at.
func takes(text string, args []any) bool {
	for {
		_, rest, more := strings.Cut(text, "%")
		if !more {
			return len(args) == 0
		}
		switch {
		case strings.HasPrefix(rest, "%"):
		case len(args) > 0 && strings.HasPrefix(rest, verbOf(args[0])):
			args = args[1:]
		default:
			return false
		}
		text = rest[1:]
	}
}

// verbOf is how a text takes a value: d a whole number that does not write itself, s anything else.
func verbOf(v any) string {
	_, writes := v.(fmt.Stringer)
	if k := reflect.ValueOf(v).Kind(); !writes && k >= reflect.Int && k <= reflect.Uint64 {
		return "d"
	}
	return "s"
}

// refuse gives an error in the words of a text. Internal: there is none of that key, or it wants other arguments.
func (t texts) refuse(code fault.Code, key string, args ...any) error {
	text, err := t.say(key, args...)
	if err != nil {
		return err
	}
	return fault.New(code, "%s", text)
}

// count gives the text for one or for another whole number of any type, which stands in it.
func (t texts) count(key string, n any) (string, error) {
	if fmt.Sprint(n) == "1" {
		return t.say(key+".one", n)
	}
	return t.say(key+".other", n)
}

// month names a month: November 2026.
func (p *Portal) month(m usage.Month) string {
	return p.texts["month."+strconv.Itoa(int(m.Month))] + " " + strconv.Itoa(m.Year)
}

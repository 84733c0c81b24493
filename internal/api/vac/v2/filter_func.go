package v2

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// function is one function of the filter language; a null argument makes the result null.
type function struct {
	name      string
	arguments []kind
	least     int // arguments that must be given; 0: all
	result    kind
	whole     bool // of a number: it has no fraction
	apply     func([]value) value
}

func onTime(name string, part func(time.Time) int) function {
	return function{name: name, arguments: []kind{kindTime}, result: kindNumber, whole: true, apply: func(a []value) value {
		return numberValue(float64(part(a[0].time)))
	}}
}

func onNumber(name string, f func(float64) float64) function {
	return function{name: name, arguments: []kind{kindNumber}, result: kindNumber, apply: func(a []value) value {
		return numberValue(f(a[0].number))
	}}
}

func onText(name string, f func(string) string) function {
	return function{name: name, arguments: []kind{kindString}, result: kindString, apply: func(a []value) value {
		return textValue(f(a[0].text))
	}}
}

func onTexts(name string, f func(a, b string) bool) function {
	return function{name: name, arguments: []kind{kindString, kindString}, result: kindBool, apply: func(a []value) value {
		return truthValue(f(a[0].text, a[1].text))
	}}
}

// functions are those of OData v3 and v4 that make sense on these resources (rest-v2.md §8).
var functions = []function{
	onTexts("substringof", func(part, in string) bool { return strings.Contains(in, part) }),
	onTexts("contains", strings.Contains),
	onTexts("startswith", strings.HasPrefix),
	onTexts("endswith", strings.HasSuffix),
	onText("tolower", strings.ToLower),
	onText("toupper", strings.ToUpper),
	onText("trim", strings.TrimSpace),
	{name: "length", arguments: []kind{kindString}, result: kindNumber, whole: true, apply: func(a []value) value {
		return numberValue(float64(utf8.RuneCountInString(a[0].text)))
	}},
	{name: "indexof", arguments: []kind{kindString, kindString}, result: kindNumber, whole: true, apply: indexOf},
	{name: "substring", arguments: []kind{kindString, kindNumber, kindNumber}, least: 2, result: kindString, apply: substring},
	{name: "concat", arguments: []kind{kindString, kindString}, result: kindString, apply: func(a []value) value {
		return textValue(a[0].text + a[1].text)
	}},
	{name: "replace", arguments: []kind{kindString, kindString, kindString}, result: kindString, apply: replace},
	onTime("year", time.Time.Year),
	onTime("month", func(t time.Time) int { return int(t.Month()) }),
	onTime("day", time.Time.Day),
	onTime("hour", time.Time.Hour),
	onTime("minute", time.Time.Minute),
	onTime("second", time.Time.Second),
	{name: "fractionalseconds", arguments: []kind{kindTime}, result: kindNumber, apply: func(a []value) value {
		return numberValue(float64(a[0].time.Nanosecond()) / float64(time.Second))
	}},
	{name: "date", arguments: []kind{kindTime}, result: kindTime, apply: func(a []value) value {
		return value{kind: kindTime, time: a[0].time.Truncate(24 * time.Hour)}
	}},
	onNumber("round", math.Round),
	onNumber("floor", math.Floor),
	onNumber("ceiling", math.Ceil),
}

func indexOf(a []value) value {
	i := strings.Index(a[0].text, a[1].text)
	if i > 0 {
		i = utf8.RuneCountInString(a[0].text[:i])
	}
	return numberValue(float64(i))
}

func substring(a []value) value {
	runes := []rune(a[0].text)
	clamp := func(n float64) int { return int(max(0, min(n, float64(len(runes))))) }
	from, to := clamp(a[1].number), len(runes)
	if len(a) == 3 {
		to = clamp(float64(from) + max(0, a[2].number))
	}
	return textValue(string(runes[from:to]))
}

// replaceMax bounds what replace may build: a filter must not be a way to use up memory.
const replaceMax = 1 << 16

func replace(a []value) value {
	if a[1].text == "" {
		return textValue(a[0].text)
	}
	n := strings.Count(a[0].text, a[1].text)
	if len(a[0].text)+n*len(a[2].text) > replaceMax {
		return value{}
	}
	return textValue(strings.ReplaceAll(a[0].text, a[1].text, a[2].text))
}

func functionNames() string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].name
	}
	return strings.Join(names, ", ")
}

// call parses the arguments of a function, from its "(" on.
func (p *parser) call(name token) (expression, error) {
	if list, all, is := lambdaOf(name); is {
		return p.lambda(name, list, all)
	}
	i := slices.IndexFunc(functions, func(f function) bool { return strings.EqualFold(f.name, name.text) })
	if i < 0 {
		return expression{}, p.wrong(name.at, "there is no function %q; known are %s", name.text, functionNames())
	}
	f := &functions[i]
	arguments, err := p.arguments(f)
	if err != nil {
		return expression{}, err
	}
	return expression{kind: f.result, at: name.at, whole: f.whole, eval: func(v *scope) value {
		values := make([]value, len(arguments))
		for i := range arguments {
			if values[i] = arguments[i].eval(v); values[i].null() {
				return value{}
			}
		}
		return f.apply(values)
	}}, nil
}

func (p *parser) arguments(f *function) ([]expression, error) {
	var list []expression
	for i := range f.arguments {
		if i > 0 && p.token.kind != tokenComma {
			if f.least > 0 && i >= f.least {
				break
			}
			return nil, p.unexpected("a comma: " + f.name + " takes more arguments")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		want := f.arguments[i]
		if e.kind != want && e.kind != kindNull && !(want == kindString && e.kind.textual()) {
			return nil, p.wrong(e.at, "argument %d of %s must be %s; this is %s", i+1, f.name, want, e.kind)
		}
		list = append(list, e)
	}
	if p.token.kind != tokenClose {
		return nil, p.unexpected(") after the arguments of " + f.name)
	}
	return list, p.advance()
}

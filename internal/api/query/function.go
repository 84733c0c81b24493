package query

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
	arguments []Kind
	least     int // arguments that must be given; 0: all
	result    Kind
	whole     bool // of a number: it has no fraction
	apply     func([]Value) Value
}

func onTime(name string, part func(time.Time) int) function {
	return function{name: name, arguments: []Kind{KindTime}, result: KindNumber, whole: true, apply: func(a []Value) Value {
		return NumberValue(float64(part(a[0].Time)))
	}}
}

func onNumber(name string, f func(float64) float64) function {
	return function{name: name, arguments: []Kind{KindNumber}, result: KindNumber, apply: func(a []Value) Value {
		return NumberValue(f(a[0].Number))
	}}
}

func onText(name string, f func(string) string) function {
	return function{name: name, arguments: []Kind{KindString}, result: KindString, apply: func(a []Value) Value {
		return TextValue(f(a[0].Text))
	}}
}

func onTexts(name string, f func(a, b string) bool) function {
	return function{name: name, arguments: []Kind{KindString, KindString}, result: KindBool, apply: func(a []Value) Value {
		return TruthValue(f(a[0].Text, a[1].Text))
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
	{name: "length", arguments: []Kind{KindString}, result: KindNumber, whole: true, apply: func(a []Value) Value {
		return NumberValue(float64(utf8.RuneCountInString(a[0].Text)))
	}},
	{name: "indexof", arguments: []Kind{KindString, KindString}, result: KindNumber, whole: true, apply: indexOf},
	{name: "substring", arguments: []Kind{KindString, KindNumber, KindNumber}, least: 2, result: KindString, apply: substring},
	{name: "concat", arguments: []Kind{KindString, KindString}, result: KindString, apply: func(a []Value) Value {
		return TextValue(a[0].Text + a[1].Text)
	}},
	{name: "replace", arguments: []Kind{KindString, KindString, KindString}, result: KindString, apply: replace},
	onTime("year", time.Time.Year),
	onTime("month", func(t time.Time) int { return int(t.Month()) }),
	onTime("day", time.Time.Day),
	onTime("hour", time.Time.Hour),
	onTime("minute", time.Time.Minute),
	onTime("second", time.Time.Second),
	{name: "fractionalseconds", arguments: []Kind{KindTime}, result: KindNumber, apply: func(a []Value) Value {
		return NumberValue(float64(a[0].Time.Nanosecond()) / float64(time.Second))
	}},
	{name: "date", arguments: []Kind{KindTime}, result: KindTime, apply: func(a []Value) Value {
		return Value{Kind: KindTime, Time: a[0].Time.Truncate(24 * time.Hour)}
	}},
	onNumber("round", math.Round),
	onNumber("floor", math.Floor),
	onNumber("ceiling", math.Ceil),
}

func indexOf(a []Value) Value {
	i := strings.Index(a[0].Text, a[1].Text)
	if i > 0 {
		i = utf8.RuneCountInString(a[0].Text[:i])
	}
	return NumberValue(float64(i))
}

func substring(a []Value) Value {
	runes := []rune(a[0].Text)
	clamp := func(n float64) int { return int(max(0, min(n, float64(len(runes))))) }
	from, to := clamp(a[1].Number), len(runes)
	if len(a) == 3 {
		to = clamp(float64(from) + max(0, a[2].Number))
	}
	return TextValue(string(runes[from:to]))
}

// replaceMax bounds what replace may build: a filter must not be a way to use up memory.
const replaceMax = 1 << 16

func replace(a []Value) Value {
	if a[1].Text == "" {
		return TextValue(a[0].Text)
	}
	n := strings.Count(a[0].Text, a[1].Text)
	if len(a[0].Text)+n*len(a[2].Text) > replaceMax {
		return Value{}
	}
	return TextValue(strings.ReplaceAll(a[0].Text, a[1].Text, a[2].Text))
}

// FunctionNames lists the functions of the filter language.
func FunctionNames() string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].name
	}
	return strings.Join(names, ", ")
}

// call parses the arguments of a function, from its "(" on.
func (p *parser) call(name token) (Expression, error) {
	if list, all, is := lambdaOf(name); is {
		return p.lambda(name, list, all)
	}
	i := slices.IndexFunc(functions, func(f function) bool { return strings.EqualFold(f.name, name.text) })
	if i < 0 {
		return Expression{}, p.wrong(name.at, "there is no function %q; known are %s", name.text, FunctionNames())
	}
	f := &functions[i]
	arguments, err := p.arguments(f)
	if err != nil {
		return Expression{}, err
	}
	return Expression{kind: f.result, at: name.at, whole: f.whole, eval: func(v *scope) Value {
		values := make([]Value, len(arguments))
		for i := range arguments {
			if values[i] = arguments[i].eval(v); values[i].null() {
				return Value{}
			}
		}
		return f.apply(values)
	}}, nil
}

func (p *parser) arguments(f *function) ([]Expression, error) {
	var list []Expression
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
		if e.kind != want && e.kind != KindNull && !(want == KindString && e.kind.textual()) {
			return nil, p.wrong(e.at, "argument %d of %s must be %s; this is %s", i+1, f.name, want, e.kind)
		}
		list = append(list, e)
	}
	if p.token.kind != tokenClose {
		return nil, p.unexpected(") after the arguments of " + f.name)
	}
	return list, p.advance()
}

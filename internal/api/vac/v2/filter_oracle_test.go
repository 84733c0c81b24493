package v2

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// sample is a row with a property of each type of the wire, and some that may be null.
type sample struct {
	Number  int64       `json:"number"`
	Maybe   *int        `json:"maybe"`
	Units   usage.Units `json:"units"`
	Text    string      `json:"text"`
	Note    *string     `json:"note"`
	Truth   bool        `json:"truth"`
	UID     guid        `json:"uid"`
	Edition edition     `json:"edition"`
	At      isoTime     `json:"at"`
	End     *isoTime    `json:"end"`
	Inner   inner       `json:"inner"`
	Words   []string    `json:"words"`
	Parts   []inner     `json:"parts"`
}

type inner struct {
	Size int64   `json:"size"`
	Name *string `json:"name"`
}

var shapeOfSample = query.ShapeOf[sample]()

// The levels at which operators bind, the loosest first.
const (
	levelOr = iota
	levelAnd
	levelNot
	levelEqual
	levelCompare
	levelSum
	levelProduct
	levelPrimary
)

// meant is an expression with what it means, worked out without the parser: on a row, and on the elements that variables
// stand for. It gives nil, a float64, a string, a bool or a time.
type meant struct {
	text   string
	prefix string // the same, each operator before what it joins
	level  int
	whole  bool // a number without a fraction
	eval   func(row *sample, bound []any) any
}

// in writes the expression where operators down to a level may stand without parentheses.
func (m meant) in(level int) string {
	if m.level < level {
		return "(" + m.text + ")"
	}
	return m.text
}

// joined is "a word b", which groups to the left.
func joined(word string, level int, a, b meant, eval func(x, y any) any) meant {
	return meant{
		text: a.in(level) + " " + word + " " + b.in(level+1), level: level, prefix: "(" + word + " " + a.prefix + " " + b.prefix + ")",
		eval: func(row *sample, bound []any) any { return eval(a.eval(row, bound), b.eval(row, bound)) },
	}
}

// called is a function of which each argument must be there.
func called(name string, eval func(args []any) any, args ...meant) meant {
	var texts, prefixes []string
	for _, a := range args {
		texts, prefixes = append(texts, a.text), append(prefixes, a.prefix)
	}
	return meant{
		text: name + "(" + strings.Join(texts, ",") + ")", level: levelPrimary, prefix: "(" + name + " " + strings.Join(prefixes, " ") + ")",
		eval: func(row *sample, bound []any) any {
			values := make([]any, len(args))
			for i := range args {
				if values[i] = args[i].eval(row, bound); values[i] == nil {
					return nil
				}
			}
			return eval(values)
		},
	}
}

func literal(text string, v any) meant {
	return meant{text: text, prefix: text, level: levelPrimary, eval: func(*sample, []any) any { return v }}
}

func prop(name string, read func(*sample) any) meant {
	return meant{text: name, prefix: name, level: levelPrimary, eval: func(row *sample, _ []any) any { return read(row) }}
}

func orNone[T, V any](p *T, of func(T) V) any {
	if p == nil {
		return nil
	}
	return of(*p)
}

// as gives a value whose type the grammar has seen to.
func as[T any](v any) T {
	x, ok := v.(T)
	if !ok {
		panic(fmt.Sprintf("the grammar made a %T of a %T", v, x))
	}
	return x
}

// grammar makes random expressions; bound are the variables in reach.
type grammar struct {
	t     *rapid.T
	bound []string // each stands for an element of parts
}

func pick[T any](g *grammar, list ...T) T { return rapid.SampledFrom(list).Draw(g.t, "pick") }

func (g *grammar) number(depth int) meant {
	whole := func(m meant) meant { m.whole = true; return m }
	leaves := []meant{
		whole(prop("number", func(r *sample) any { return float64(r.Number) })),
		whole(prop("maybe", func(r *sample) any { return orNone(r.Maybe, func(n int) float64 { return float64(n) }) })),
		prop("units", func(r *sample) any { return float64(r.Units) / float64(usage.One) }),
		whole(prop("inner/size", func(r *sample) any { return float64(r.Inner.Size) })),
		whole(literal("0", 0.0)), whole(literal("2", 2.0)), whole(literal("3L", 3.0)), literal("1.5", 1.5), literal("2.0", 2.0),
	}
	for i, name := range g.bound {
		leaves = append(leaves, whole(meant{text: name + "/size", prefix: name + "/size", level: levelPrimary, eval: func(_ *sample, bound []any) any {
			return float64(as[inner](bound[i]).Size)
		}}))
	}
	if depth == 0 {
		return pick(g, leaves...)
	}
	switch pick(g, "leaf", "minus", "join", "join", "join", "length", "indexof", "part", "round") {
	case "minus":
		a := g.number(depth - 1)
		m := meant{text: "-" + a.in(levelPrimary), prefix: "(- " + a.prefix + ")", level: levelPrimary, whole: a.whole, eval: func(row *sample, bound []any) any {
			if v, ok := a.eval(row, bound).(float64); ok {
				return -v
			}
			return nil
		}}
		return m
	case "join":
		word := pick(g, "add", "sub", "mul", "div", "divby", "mod")
		level := levelProduct
		if word == "add" || word == "sub" {
			level = levelSum
		}
		a, b := g.number(depth-1), g.number(depth-1)
		whole := a.whole && b.whole
		m := joined(word, level, a, b, func(x, y any) any { return calculated(word, whole, x, y) })
		m.whole = whole && word != "divby"
		return m
	case "length":
		return whole(called("length", func(a []any) any { return float64(utf8.RuneCountInString(as[string](a[0]))) }, g.text(depth-1)))
	case "indexof":
		return whole(called("indexof", func(a []any) any {
			in, part := []rune(as[string](a[0])), []rune(as[string](a[1]))
			for i := 0; i+len(part) <= len(in); i++ {
				if slices.Equal(in[i:i+len(part)], part) {
					return float64(i)
				}
			}
			return -1.0
		}, g.text(depth-1), g.text(depth-1)))
	case "part":
		name := pick(g, "year", "month", "day", "hour", "minute", "second")
		return whole(called(name, func(a []any) any {
			at := as[time.Time](a[0])
			y, m, d := at.Date()
			return map[string]float64{
				"year": float64(y), "month": float64(m), "day": float64(d),
				"hour": float64(at.Hour()), "minute": float64(at.Minute()), "second": float64(at.Second()),
			}[name]
		}, g.instant(depth-1)))
	case "round":
		name := pick(g, "round", "floor", "ceiling")
		return called(name, func(a []any) any {
			return map[string]func(float64) float64{"round": math.Round, "floor": math.Floor, "ceiling": math.Ceil}[name](as[float64](a[0]))
		}, g.number(depth-1))
	}
	return pick(g, leaves...)
}

// calculated gives nil where there is no number.
func calculated(word string, whole bool, a, b any) any {
	x, ok := a.(float64)
	y, both := b.(float64)
	if !ok || !both || y == 0 && word != "add" && word != "sub" && word != "mul" {
		return nil
	}
	switch word {
	case "add":
		return x + y
	case "sub":
		return x - y
	case "mul":
		return x * y
	case "mod":
		return math.Mod(x, y) // by subtraction it would be off by a rounding
	case "div":
		if whole {
			return math.Trunc(x / y)
		}
	}
	return x / y
}

func (g *grammar) text(depth int) meant {
	leaves := []meant{
		prop("text", func(r *sample) any { return r.Text }), prop("note", func(r *sample) any { return orNone(r.Note, func(s string) string { return s }) }),
		prop("inner/name", func(r *sample) any { return orNone(r.Inner.Name, func(s string) string { return s }) }),
		literal("''", ""), literal("'a'", "a"), literal("'It''s'", "It's"), literal("'öÄ '", "öÄ "),
	}
	if depth == 0 {
		return pick(g, leaves...)
	}
	one := func(name string, f func(string) string) meant {
		return called(name, func(a []any) any { return f(as[string](a[0])) }, g.text(depth-1))
	}
	switch pick(g, "leaf", "tolower", "toupper", "trim", "concat", "substring", "replace") {
	case "tolower":
		return one("tolower", strings.ToLower)
	case "toupper":
		return one("toupper", strings.ToUpper)
	case "trim":
		return one("trim", func(s string) string { return strings.Trim(s, " ") })
	case "concat":
		return called("concat", func(a []any) any { return fmt.Sprint(a[0]) + fmt.Sprint(a[1]) }, g.text(depth-1), g.text(depth-1))
	case "replace":
		return called("replace", func(a []any) any {
			in, old, with := as[string](a[0]), as[string](a[1]), as[string](a[2])
			if old == "" {
				return in
			}
			return strings.Join(strings.Split(in, old), with)
		}, g.text(depth-1), pick(g, leaves...), pick(g, leaves...))
	case "substring":
		n := pick(g, 0, 1, 2, 9)
		return called("substring", func(a []any) any {
			runes := []rune(as[string](a[0]))
			if n >= len(runes) {
				return ""
			}
			return string(runes[n:min(n+2, len(runes))])
		}, g.text(depth-1), literal(fmt.Sprint(n), float64(n)), literal("2", 2.0))
	}
	return pick(g, leaves...)
}

func (g *grammar) instant(depth int) meant {
	leaves := []meant{
		prop("at", func(r *sample) any { return time.Time(r.At) }),
		prop("end", func(r *sample) any { return orNone(r.End, func(t isoTime) time.Time { return time.Time(t) }) }),
		literal("datetime'2026-03-01T12:00:00'", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		literal("2026-03-01T13:00:00+01:00", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	if depth > 0 && pick(g, true, false) {
		return called("date", func(a []any) any {
			y, m, d := as[time.Time](a[0]).Date()
			return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		}, pick(g, leaves...))
	}
	return pick(g, leaves...)
}

// condition is true, false or null.
func (g *grammar) condition(depth int) meant {
	if depth == 0 {
		return pick(g, literal("true", true), literal("false", false), prop("truth", func(r *sample) any { return r.Truth }), g.comparison(0))
	}
	switch pick(g, "compare", "compare", "and", "or", "not", "texts", "in", "null", "truths", "any", "kinds") {
	case "and":
		return joined("and", levelAnd, g.condition(depth-1), g.condition(depth-1), func(x, y any) any {
			switch {
			case x == false || y == false:
				return false
			case x == nil || y == nil:
				return nil
			}
			return true
		})
	case "or":
		return joined("or", levelOr, g.condition(depth-1), g.condition(depth-1), func(x, y any) any {
			switch {
			case x == true || y == true:
				return true
			case x == nil || y == nil:
				return nil
			}
			return false
		})
	case "not":
		a := g.condition(depth - 1)
		return meant{text: "not " + a.in(levelPrimary), prefix: "(not " + a.prefix + ")", level: levelNot, eval: func(row *sample, bound []any) any {
			if v, ok := a.eval(row, bound).(bool); ok {
				return !v
			}
			return nil
		}}
	case "texts":
		name := pick(g, "contains", "startswith", "endswith", "substringof")
		return called(name, func(a []any) any {
			x, y := as[string](a[0]), as[string](a[1])
			switch name {
			case "startswith":
				return len(x) >= len(y) && x[:len(y)] == y
			case "endswith":
				return len(x) >= len(y) && x[len(x)-len(y):] == y
			case "substringof":
				x, y = y, x
			}
			return len(strings.SplitN(x, y, 2)) == 2 || y == ""
		}, g.text(depth-1), g.text(depth-1))
	case "in":
		a := g.number(depth - 1)
		items := []meant{g.number(0), literal("7", 7.0), g.number(0)}
		return meant{
			text:   a.in(levelSum) + " in (" + items[0].text + ", " + items[1].text + "," + items[2].text + ")",
			prefix: "(in " + a.prefix + " " + items[0].prefix + " " + items[1].prefix + " " + items[2].prefix + ")", level: levelCompare,
			eval: func(row *sample, bound []any) any {
				v := a.eval(row, bound)
				return slices.ContainsFunc(items, func(m meant) bool { return m.eval(row, bound) == v })
			},
		}
	case "null":
		a, word := pick(g, g.number(depth-1), g.text(depth-1), g.instant(depth-1)), pick(g, "eq", "ne", "lt", "ge")
		return joined(word, levelOf(word), a, literal("null", nil), func(x, y any) any { return compared(word, x, y) })
	case "truths":
		word := pick(g, "eq", "ne")
		return joined(word, levelEqual, g.condition(depth-1), g.condition(depth-1), func(x, y any) any { return compared(word, x, y) })
	case "any":
		return g.lambda(depth)
	case "kinds":
		return pick(g,
			joined("eq", levelEqual, prop("uid", func(r *sample) any { return strings.ToLower(string(r.UID)) }),
				literal("guid'C0DE0000-0000-4000-8000-00000000000A'", "c0de0000-0000-4000-8000-00000000000a"), func(x, y any) any { return x == y }),
			joined("ne", levelEqual, prop("edition", func(r *sample) any { return strings.Join(strings.Fields(string(r.Edition)), "") }),
				literal("'Enterprise Plus'", "EnterprisePlus"), func(x, y any) any { return x != y }),
		)
	}
	return g.comparison(depth)
}

func (g *grammar) comparison(depth int) meant {
	word := pick(g, "eq", "ne", "gt", "ge", "lt", "le")
	made := pick(g, g.number, g.text, g.instant)
	return joined(word, levelOf(word), made(max(depth-1, 0)), made(max(depth-1, 0)), func(x, y any) any { return compared(word, x, y) })
}

func levelOf(word string) int {
	if word == "eq" || word == "ne" {
		return levelEqual
	}
	return levelCompare
}

func (g *grammar) lambda(depth int) meant {
	if len(g.bound) == 2 || pick(g, true, false) {
		word := pick(g, "any", "all")
		part := pick(g, "a", "ö")
		return meant{
			text: "words/" + word + "(w: contains(w,'" + part + "'))", prefix: "(" + word + " words w (contains w '" + part + "'))", level: levelPrimary,
			eval: func(row *sample, _ []any) any {
				has := func(w string) bool { return strings.Contains(w, part) }
				if word == "any" {
					return slices.ContainsFunc(row.Words, has)
				}
				return !slices.ContainsFunc(row.Words, func(w string) bool { return !has(w) })
			},
		}
	}
	name, word := fmt.Sprint("p", len(g.bound)), pick(g, "any", "all")
	g.bound = append(g.bound, name)
	c := g.condition(depth - 1)
	g.bound = g.bound[:len(g.bound)-1]
	return meant{
		text: "parts/" + word + "(" + name + ": " + c.text + ")", prefix: "(" + word + " parts " + name + " " + c.prefix + ")", level: levelPrimary,
		eval: func(row *sample, bound []any) any {
			for _, p := range row.Parts {
				if holds := c.eval(row, append(slices.Clone(bound), p)) == true; holds != (word == "all") {
					return word == "any"
				}
			}
			return word == "all"
		},
	}
}

// order places null before everything else.
func order(x, y any) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return -1
	case y == nil:
		return 1
	}
	switch a := x.(type) {
	case float64:
		return cmp.Compare(a, as[float64](y))
	case string:
		return cmp.Compare(a, as[string](y))
	case time.Time:
		return a.Compare(as[time.Time](y))
	}
	return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) // false before true
}

// compared knows of null only whether it is one.
func compared(word string, x, y any) any {
	switch word {
	case "eq":
		return order(x, y) == 0
	case "ne":
		return order(x, y) != 0
	}
	if x == nil || y == nil {
		return false
	}
	o := order(x, y)
	return word == "gt" && o > 0 || word == "ge" && o >= 0 || word == "lt" && o < 0 || word == "le" && o <= 0
}

func samples() *rapid.Generator[sample] {
	return rapid.Custom(func(t *rapid.T) sample {
		number := rapid.IntRange(-3, 5)
		text := rapid.SampledFrom([]string{"", "a", "It's", "öÄ ", " x", "Aab"})
		at := rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 12, 31, 23, 59, 58, 0, time.UTC),
		})
		part := rapid.Custom(func(t *rapid.T) inner {
			return inner{int64(number.Draw(t, "size")), rapid.Ptr(text, true).Draw(t, "name")}
		})
		s := sample{
			Number: int64(number.Draw(t, "number")), Maybe: rapid.Ptr(number, true).Draw(t, "maybe"), Units: usage.Units(number.Draw(t, "units")) * usage.One / 4,
			Text: text.Draw(t, "text"), Note: rapid.Ptr(text, true).Draw(t, "note"), Truth: rapid.Bool().Draw(t, "truth"), At: isoTime(at.Draw(t, "at")),
			UID:     guid(rapid.SampledFrom([]string{"c0de0000-0000-4000-8000-00000000000A", "0c0d0000-0000-4000-8000-00000000000b"}).Draw(t, "uid")),
			Edition: edition(rapid.SampledFrom([]string{"Enterprise Plus", "EnterprisePlus", "Standard"}).Draw(t, "edition")),
			Inner:   part.Draw(t, "inner"), Words: rapid.SliceOfN(text, 0, 3).Draw(t, "words"), Parts: rapid.SliceOfN(part, 0, 3).Draw(t, "parts"),
		}
		if rapid.Bool().Draw(t, "ends") {
			end := isoTime(at.Draw(t, "end"))
			s.End = &end
		}
		return s
	})
}

// A filter keeps what it means, and an order places what it means, null first, as a second implementation has it that
// shares nothing with the parser: over all types, operators and functions, with as few parentheses as need be.
func TestQueriesMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := &grammar{t: t}
		rows := rapid.SliceOfN(samples(), 1, 6).Draw(t, "rows")
		for i := range rows {
			rows[i].Inner.Size = int64(i) // by which it is known again
		}
		filter, key := g.condition(3), pick(g, g.number, g.text, g.instant)(2)
		second := g.number(1)
		raw := "$filter=" + url.QueryEscape(filter.text) + "&$orderby=" + url.QueryEscape(key.in(levelSum)+" desc,"+second.in(levelSum)) + "&$select=inner/size"
		q, err := parseQuery(raw, shapeOfSample, true)
		if err != nil {
			t.Fatalf("%s; %s: %v", filter.text, key.text, err)
		}
		body, err := q.Answer(context.Background(), shapeOfSample, reflect.ValueOf(rows))
		if err != nil {
			t.Fatal(err)
		}
		var got []struct{ Inner inner }
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(slices.Clone(rows), func(s sample) bool { return filter.eval(&s, nil) != true })
		slices.SortStableFunc(want, func(a, b sample) int {
			return cmp.Or(-order(key.eval(&a, nil), key.eval(&b, nil)), order(second.eval(&a, nil), second.eval(&b, nil)))
		})
		same := slices.EqualFunc(got, want, func(g struct{ Inner inner }, w sample) bool { return g.Inner.Size == w.Inner.Size })
		if !same {
			t.Fatalf("%s; %s desc, %s: got %s, want %+v", filter.text, key.text, second.text, body, want)
		}
	})
}

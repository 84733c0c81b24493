package query

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Expression is a typed, compiled Expression over records of one shape.
type Expression struct {
	kind  Kind
	at    int
	text  string // of a literal, for coercion
	fixed bool   // a literal
	whole bool   // of a number: it has no fraction, whatever the record
	eval  func(*scope) Value

	late  bool               // of a condition, or a side of and: it names a property that is filled late
	early func(*scope) Value // of a late one: a condition without such properties that holds wherever it does; nil: none is known
}

// Holds evaluates a condition on one record. Where ctx ends first, what it says means nothing.
func (e *Expression) Holds(ctx context.Context, record reflect.Value) bool {
	return e.eval(&scope{record: record, ctx: ctx}).Truth
}

// parser is a recursive-descent parser of the filter language:
//
//	or      = and { "or" and }
//	and     = not { "and" not }
//	not     = "not" not | equal
//	equal   = compare { ("eq"|"ne") compare }
//	compare = sum { ("gt"|"ge"|"lt"|"le") sum | "in" "(" sum { "," sum } ")" }
//	sum     = product { ("add"|"sub") product }
//	product = primary { ("mul"|"div"|"divby"|"mod") primary }
//	primary = literal | path | function "(" [ or { "," or } ] ")" | lambda | "(" or ")" | "-" primary
//	lambda  = path "/any" "(" ")" | path ( "/any" | "/all" ) "(" word ":" or ")"
type parser struct {
	lexer
	shape *Shape
	token token
	depth int
	late  bool     // a property is named that is filled late
	bound []*Field // what the variables of the lambdas around here stand for, the innermost last
}

// depthMax bounds nesting, so that a hostile filter cannot exhaust the stack.
const depthMax = 64

// ParseFilter compiles a condition, as the option of that name has it. Invalid: position and what was expected.
func ParseFilter(option, text string, s *Shape) (condition *Expression, err error) {
	p := &parser{lexer: lexer{option: option, text: text}, shape: s}
	if err := p.advance(); err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.end("and, or, or the end"); err != nil {
		return nil, err
	}
	if e.kind != KindBool {
		return nil, p.wrong(e.at, "a condition is expected, such as name eq 'x'; this is %s", e.kind)
	}
	e.late = p.late
	return &e, nil
}

func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

func (p *parser) end(expected string) error {
	if p.token.kind != tokenEnd {
		return p.unexpected(expected)
	}
	return nil
}

func (p *parser) unexpected(expected string) error {
	found := "the end"
	if p.token.kind != tokenEnd {
		found = fmt.Sprintf("%q", p.token.text)
	}
	return p.wrong(p.token.at, "expected %s, found %s", expected, found)
}

// operator gives the operator word that stands here, if it is one of these.
func (p *parser) operator(words ...string) string {
	if p.token.kind == tokenWord {
		for _, w := range words {
			if strings.EqualFold(p.token.text, w) {
				return w
			}
		}
	}
	return ""
}

func (p *parser) or() (Expression, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > depthMax {
		return Expression{}, p.wrong(p.token.at, "nested more than %d deep", depthMax)
	}
	return p.chain(p.and, func(at int, _ string, a, b Expression) (Expression, error) {
		return p.logical(at, a, b, true)
	}, "or")
}

func (p *parser) and() (Expression, error) {
	return p.chain(p.side, func(at int, _ string, a, b Expression) (Expression, error) {
		joined, err := p.logical(at, a, b, false)
		joined.late = a.late || b.late
		joined.early = bothEarly(a.withoutLate(), b.withoutLate())
		return joined, err
	}, "and")
}

// side parses a side of and, and notes whether it is late.
func (p *parser) side() (Expression, error) {
	before := p.late
	p.late = false
	e, err := p.not()
	e.late = p.late
	p.late = p.late || before
	return e, err
}

// withoutLate gives a condition that holds wherever e does, and costs little; nil: none is known.
func (e *Expression) withoutLate() func(*scope) Value {
	if e.late {
		return e.early
	}
	return e.eval
}

func bothEarly(a, b func(*scope) Value) func(*scope) Value {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	return func(s *scope) Value { return TruthValue(a(s).Truth && b(s).Truth) }
}

func (p *parser) sum() (Expression, error) { return p.chain(p.product, p.arithmetic, "add", "sub") }

func (p *parser) product() (Expression, error) {
	return p.chain(p.primary, p.arithmetic, "mul", "div", "divby", "mod")
}

// chain parses operand { operator operand }, left to right.
func (p *parser) chain(operand func() (Expression, error), join func(int, string, Expression, Expression) (Expression, error), words ...string) (Expression, error) {
	left, err := operand()
	for err == nil {
		word, at := p.operator(words...), p.token.at
		if word == "" {
			break
		}
		if err = p.advance(); err != nil {
			break
		}
		var right Expression
		if right, err = operand(); err == nil {
			left, err = join(at, word, left, right)
		}
	}
	return left, err
}

// logical joins with three values: null with an undecided side stays null.
func (p *parser) logical(at int, a, b Expression, or bool) (Expression, error) {
	for _, side := range []Expression{a, b} {
		if side.kind != KindBool && side.kind != KindNull {
			return Expression{}, p.wrong(side.at, "a condition is expected on both sides of and/or; this is %s", side.kind)
		}
	}
	left, right := a.eval, b.eval
	return Expression{kind: KindBool, at: at, eval: func(v *scope) Value {
		x := left(v)
		if !x.null() && x.Truth == or {
			return x
		}
		y := right(v)
		if !y.null() && y.Truth == or || x.null() == y.null() {
			return y
		}
		return Value{}
	}}, nil
}

func (p *parser) not() (Expression, error) {
	if p.operator("not") == "" {
		return p.equal()
	}
	at := p.token.at
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > depthMax {
		return Expression{}, p.wrong(at, "nested more than %d deep", depthMax)
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.not()
	if err != nil {
		return Expression{}, err
	}
	if e.kind != KindBool {
		return Expression{}, p.wrong(e.at, "not needs a condition; this is %s", e.kind)
	}
	inner := e.eval
	return Expression{kind: KindBool, at: at, eval: func(v *scope) Value {
		x := inner(v)
		if !x.null() {
			x.Truth = !x.Truth
		}
		return x
	}}, nil
}

var comparisons = map[string]func(order int) bool{
	"eq": func(o int) bool { return o == 0 },
	"ne": func(o int) bool { return o != 0 },
	"gt": func(o int) bool { return o > 0 },
	"ge": func(o int) bool { return o >= 0 },
	"lt": func(o int) bool { return o < 0 },
	"le": func(o int) bool { return o <= 0 },
}

func (p *parser) equal() (Expression, error) {
	e, err := p.chain(p.compare, p.comparison, "eq", "ne")
	if err == nil && e.kind != KindBool && p.token.kind == tokenWord && p.operator("and", "or") == "" {
		return e, p.unexpected("an operator (eq, ne, gt, ge, lt, le, in, and, or, add, sub, mul, div, divby, mod) or the end")
	}
	return e, err
}

func (p *parser) compare() (Expression, error) {
	left, err := p.sum()
	for err == nil {
		word, at := p.operator("gt", "ge", "lt", "le", "in"), p.token.at
		if word == "" {
			break
		}
		if err = p.advance(); err != nil {
			break
		}
		if word == "in" {
			left, err = p.in(left)
			continue
		}
		var right Expression
		if right, err = p.sum(); err == nil {
			left, err = p.comparison(at, word, left, right)
		}
	}
	return left, err
}

func (p *parser) comparison(at int, word string, a, b Expression) (Expression, error) {
	a, b = coerce(a, b), coerce(b, a)
	if !comparable2(a.kind, b.kind) {
		return Expression{}, p.wrong(at, "%s cannot be compared with %s", a.kind, b.kind)
	}
	left, right, holds := a.eval, b.eval, comparisons[word]
	equality := word == "eq" || word == "ne"
	return Expression{kind: KindBool, at: a.at, eval: func(v *scope) Value {
		x, y := left(v), right(v)
		if !equality && (x.null() || y.null()) {
			return TruthValue(false)
		}
		return TruthValue(holds(compareValues(x, y)))
	}}, nil
}

// coerce reads a quoted literal as what the other side is: clients quote times, and GUIDs, and booleans.
func coerce(e, other Expression) Expression {
	if !e.fixed || e.kind != KindString {
		return e
	}
	switch other.kind {
	case KindTime:
		if t, ok := parseTimeLiteral(e.text); ok {
			return fixedExpression(t, e.text, e.at)
		}
	case KindBool:
		if strings.EqualFold(e.text, "true") || strings.EqualFold(e.text, "false") {
			return fixedExpression(TruthValue(strings.EqualFold(e.text, "true")), e.text, e.at)
		}
	}
	return e
}

func fixedExpression(v Value, text string, at int) Expression {
	return Expression{kind: v.Kind, at: at, text: text, fixed: true, eval: func(*scope) Value { return v }}
}

func comparable2(a, b Kind) bool {
	if a == KindObject || b == KindObject || a == KindList || b == KindList {
		return false
	}
	return a == b || a == KindNull || b == KindNull || a.textual() && b.textual()
}

// in is "left in (a, b, …)".
func (p *parser) in(left Expression) (Expression, error) {
	if p.token.kind != tokenOpen {
		return left, p.unexpected("( after in")
	}
	var joined Expression
	for first := true; first || p.token.kind == tokenComma; first = false {
		if err := p.advance(); err != nil {
			return left, err
		}
		at := p.token.at
		item, err := p.sum()
		if err != nil {
			return left, err
		}
		one, err := p.comparison(at, "eq", left, item)
		if err != nil {
			return left, err
		}
		if first {
			joined = one
		} else if joined, err = p.logical(at, joined, one, true); err != nil {
			return left, err
		}
	}
	if p.token.kind != tokenClose {
		return left, p.unexpected("a comma or )")
	}
	return joined, p.advance()
}

func (p *parser) arithmetic(at int, word string, a, b Expression) (Expression, error) {
	for _, side := range []Expression{a, b} {
		if side.kind != KindNumber && side.kind != KindNull {
			return Expression{}, p.wrong(side.at, "%s needs numbers; this is %s", word, side.kind)
		}
	}
	left, right := a.eval, b.eval
	whole := a.whole && b.whole && word != "divby"
	return Expression{kind: KindNumber, at: at, whole: whole, eval: func(v *scope) Value {
		x, y := left(v), right(v)
		if x.null() || y.null() {
			return Value{}
		}
		n := calculate(word, x.Number, y.Number)
		if whole && word == "div" {
			n.Number = math.Trunc(n.Number)
		}
		return n
	}}, nil
}

// calculate gives null where there is no number, as for a division by zero.
func calculate(word string, x, y float64) Value {
	var n float64
	switch word {
	case "add":
		n = x + y
	case "sub":
		n = x - y
	case "mul":
		n = x * y
	case "div", "divby":
		n = x / y
	case "mod":
		n = math.Mod(x, y)
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}
	}
	return NumberValue(n)
}

const operandExpected = "a property, a literal, a function or ("

func (p *parser) primary() (Expression, error) {
	t := p.token
	switch t.kind {
	case tokenLiteral:
		e := fixedExpression(t.value, t.text, t.at)
		e.whole = e.kind == KindNumber && !strings.ContainsAny(t.text, ".eEdDfFmM")
		return e, p.advance()
	case tokenOpen:
		return p.group()
	case tokenMinus:
		return p.negative()
	case tokenWord:
		if p.operator("eq", "ne", "gt", "ge", "lt", "le", "in", "and", "or", "not", "add", "sub", "mul", "div", "divby", "mod") != "" {
			return Expression{}, p.unexpected(operandExpected)
		}
		if err := p.advance(); err != nil {
			return Expression{}, err
		}
		if p.token.kind == tokenOpen {
			if f := p.shape.find(t.text); f != nil && f.pairs() {
				return p.pair(t, f)
			}
			return p.call(t)
		}
		return p.path(t)
	default:
		return Expression{}, p.unexpected(operandExpected)
	}
}

func (p *parser) group() (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.or()
	if err != nil {
		return e, err
	}
	if p.token.kind != tokenClose {
		return e, p.unexpected("and, or, or )")
	}
	return e, p.advance()
}

func (p *parser) negative() (Expression, error) {
	at := p.token.at
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > depthMax {
		return Expression{}, p.wrong(at, "nested more than %d deep", depthMax)
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.primary()
	if err != nil {
		return e, err
	}
	zero := fixedExpression(NumberValue(0), "", at)
	zero.whole = true
	return p.arithmetic(at, "sub", zero, e)
}

// reference is where a property lies: in the record, or in what a variable stands for.
type reference struct {
	*Field
	variable int // its number from 0; -1: none
	indices  []int
}

// of gives the property.
func (r *reference) of(s *scope) reflect.Value {
	v := s.record
	if r.variable >= 0 {
		v = s.bound[r.variable]
	}
	for _, i := range r.indices {
		if v.Kind() == reflect.Pointer { // an object that may be null
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// resolve finds a/b/c; each member but the last must be an object, and the first may be a variable.
func (p *parser) resolve(t token) (reference, error) {
	current, variable := p.shape, -1
	var indices []int
	at, text := t.at, t.text
	if first, rest, deeper := strings.Cut(t.text, "/"); p.variable(first) >= 0 {
		variable = p.variable(first)
		e := p.bound[variable]
		if !deeper {
			return reference{e, variable, nil}, nil
		}
		current, text, at = e.Nested, rest, at+len(first)+1
	}
	for part := range strings.SplitSeq(text, "/") {
		f := (*Field)(nil)
		if current != nil {
			f = current.find(part)
		}
		if f == nil {
			known := "it has no properties"
			if current != nil {
				known = "known here: " + current.names()
			}
			return reference{}, p.wrong(at, "there is no property %q; %s", part, known)
		}
		p.late = p.late || f.late
		indices = append(indices, f.index)
		current = nil
		if f.Kind == KindObject {
			current = f.Nested
		}
		at += len(part) + 1
		if at > t.at+len(t.text) {
			return reference{f, variable, indices}, nil
		}
	}
	return reference{}, p.wrong(t.at, "a property is expected")
}

// pairs reports whether it is an object whose members have names that somebody chose.
func (f *Field) pairs() bool { return f.Kind == KindObject && f.Nested == nil }

// pair parses name('member'), from the "(" on.
func (p *parser) pair(t token, f *Field) (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if p.token.kind != tokenLiteral || p.token.value.Kind != KindString {
		return Expression{}, p.unexpected("the name of a member, such as " + t.text + "('segment')")
	}
	name := p.token.text
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if p.token.kind != tokenClose {
		return Expression{}, p.unexpected(")")
	}
	return member(t, f, name), p.advance()
}

// member is the value of a member of pairs; null: there is none of that name.
func member(t token, f *Field, name string) Expression {
	index, name := f.index, strings.ToLower(name) // as labels are kept
	return Expression{kind: KindString, at: t.at, eval: func(s *scope) Value {
		pairs, _ := s.record.Field(index).Interface().(Pairs)
		text, there := pairs[name]
		if !there {
			return Value{}
		}
		return TextValue(text)
	}}
}

// path is the value of a property.
func (p *parser) path(t token) (Expression, error) {
	if first, name, deeper := strings.Cut(t.text, "/"); deeper {
		if f := p.shape.find(first); f != nil && f.pairs() && p.variable(first) < 0 {
			return member(t, f, name), nil
		}
	}
	r, err := p.resolve(t)
	switch {
	case err != nil:
		return Expression{}, err
	case r.Kind == KindList:
		return Expression{}, p.wrong(t.at, "%s is a list: %s/any(x: …) and %s/all(x: …) ask about its elements", t.text, t.text, t.text)
	case r.Kind == KindObject:
		return Expression{}, p.wrong(t.at, "%s is an object: only its members, if any, can be compared", t.text)
	}
	return Expression{kind: r.Kind, at: t.at, whole: r.Whole, eval: func(s *scope) Value { return valueOf(r.of(s)) }}, nil
}

package query

import (
	"context"
	"reflect"
	"slices"
	"strings"
)

// scope is what an expression is evaluated in: a record, and the elements that the lambdas around it are at. It says when
// the work is to end before it is done: what an expression gives then means nothing.
type scope struct {
	record reflect.Value
	bound  []reflect.Value
	ctx    context.Context //nolint:containedctx // it lives as long as one query
	steps  int
	err    error
}

// stepsMax is after how many records and elements the scope looks whether it is to end.
const stepsMax = 64

// goOn counts a step, and reports whether another one is to be done.
func (s *scope) goOn() bool {
	if s.steps++; s.err == nil && s.steps%stepsMax == 0 {
		s.err = s.ctx.Err()
	}
	return s.err == nil
}

// variable gives the number of a variable; -1: there is none of that name.
func (p *parser) variable(name string) int {
	return slices.IndexFunc(p.bound, func(e *Field) bool { return strings.EqualFold(e.Name, name) })
}

// lambdaMax bounds how many lambdas stand in each other: each goes over a list for every element of the one around it.
const lambdaMax = 3

// lambdaOf splits the path before any or all; none: it is no lambda.
func lambdaOf(t token) (list token, all, is bool) {
	at := strings.LastIndexByte(t.text, '/')
	if at < 0 {
		return t, false, false
	}
	word := strings.ToLower(t.text[at+1:])
	list, all = t, word == "all"
	list.text = t.text[:at]
	return list, all, all || word == "any"
}

// lambda parses list/any(x: …), list/all(x: …) and list/any(), from the "(" on: whether a condition holds for some
// element, for each one, and whether there is one. Null is no yes.
func (p *parser) lambda(t, list token, all bool) (Expression, error) {
	r, err := p.resolve(list)
	if err != nil {
		return Expression{}, err
	}
	if r.Kind != KindList {
		return Expression{}, p.wrong(t.at, "%s is no list: it is %s", list.text, r.Kind)
	}
	if len(p.bound) == lambdaMax {
		return Expression{}, p.wrong(t.at, "any and all stand in each other more than %d deep", lambdaMax)
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if p.token.kind == tokenClose && !all {
		return Expression{kind: KindBool, at: t.at, eval: func(s *scope) Value { return TruthValue(length(r.of(s)) > 0) }}, p.advance()
	}
	condition, err := p.condition(&Field{Kind: r.Element, Nested: r.Nested})
	if err != nil {
		return Expression{}, err
	}
	return Expression{kind: KindBool, at: t.at, eval: func(s *scope) Value {
		elements := r.of(s)
		depth := len(s.bound)
		defer func() { s.bound = s.bound[:depth] }()
		for i := range length(elements) {
			if !s.goOn() {
				break
			}
			s.bound = append(s.bound[:depth], elements.Index(i))
			if condition.eval(s).Truth != all {
				return TruthValue(!all)
			}
		}
		return TruthValue(all)
	}}, nil
}

// condition parses "x: …)", in which x stands for an element.
func (p *parser) condition(e *Field) (Expression, error) {
	if p.token.kind != tokenWord || strings.Contains(p.token.text, "/") {
		return Expression{}, p.unexpected("a name for the element, such as x: x eq 'a'")
	}
	if p.variable(p.token.text) >= 0 {
		return Expression{}, p.wrong(p.token.at, "%q stands for the element of another any or all already", p.token.text)
	}
	e.Name = p.token.text
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if p.token.kind != tokenColon {
		return Expression{}, p.unexpected("a colon after the name of the element")
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	p.bound = append(p.bound, e)
	condition, err := p.or()
	p.bound = p.bound[:len(p.bound)-1]
	switch {
	case err != nil:
		return Expression{}, err
	case p.token.kind != tokenClose:
		return Expression{}, p.unexpected("and, or, or )")
	case condition.kind != KindBool:
		return Expression{}, p.wrong(condition.at, "a condition is expected, such as %s eq 'a'; this is %s", e.Name, condition.kind)
	}
	return condition, p.advance()
}

// length is that of a list; one of an object that is null has none.
func length(list reflect.Value) int {
	if !list.IsValid() {
		return 0
	}
	return list.Len()
}

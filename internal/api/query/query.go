package query

import (
	"slices"
	"strings"
)

// OptionMax bounds the text of a condition or an order, in bytes: so it bounds the work that each record takes.
const OptionMax = 8192

// Query is what is asked of a list of records of one shape.
type Query struct {
	Filter  *Expression // a condition; nil: all
	Order   []Ordering
	Top     int // -1: all
	Skip    int
	Counted bool // the number of what the filter keeps is asked for, too
	View    View
}

// late reports whether the order names a property that is filled late.
func (q *Query) late() bool {
	return slices.ContainsFunc(q.Order, func(o Ordering) bool { return o.late })
}

// Ordering is one key of an order.
type Ordering struct {
	Descending bool

	eval func(*scope) Value
	late bool // it names a property that is filled late
}

// orderMax bounds the keys of $orderby: each takes memory for every record.
const orderMax = 16

// ParseOrder compiles an order, as the option of that name has it. Invalid: position and what was expected.
func ParseOrder(option, text string, s *Shape) (list []Ordering, err error) {
	p := &parser{lexer: lexer{option: option, text: text}, shape: s}
	for first := true; first || p.token.kind == tokenComma; first = false {
		if len(list) == orderMax {
			return nil, p.wrong(p.token.at, "more than %d keys", orderMax)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.orderTerm()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, p.end("a comma or the end")
}

func (p *parser) orderTerm() (Ordering, error) {
	p.late = false
	e, err := p.sum()
	if err != nil {
		return Ordering{}, err
	}
	term := Ordering{eval: e.eval, late: p.late}
	switch p.operator("asc", "desc") {
	case "desc":
		term.Descending = true
		return term, p.advance()
	case "asc":
		return term, p.advance()
	}
	if p.token.kind != tokenComma && p.token.kind != tokenEnd {
		return term, p.unexpected("asc, desc, a comma or the end")
	}
	return term, nil
}

// ParseSelect narrows the view to the named properties; "*" leaves it as it is.
func (w *View) ParseSelect(option, text string, s *Shape) error {
	chosen := &selection{children: map[string]*selection{}}
	at := 0
	l := lexer{option: option, text: text}
	for path := range strings.SplitSeq(text, ",") {
		lead := len(path) - len(strings.TrimLeft(path, " "))
		if strings.TrimSpace(path) == "*" {
			return nil
		}
		if err := chosen.add(strings.TrimSpace(path), s, &l, at+lead); err != nil {
			return err
		}
		at += len(path) + 1
	}
	w.selected = chosen
	return nil
}

// add chooses one path; what was chosen as a whole stays whole.
func (c *selection) add(path string, s *Shape, l *lexer, at int) error {
	part, rest, deeper := strings.Cut(path, "/")
	f := s.find(part)
	if f == nil {
		return l.wrong(min(at, len(l.text)), "there is no property %q; known here: %s, %s", part, s.names(), LinksName)
	}
	child, known := c.children[f.Name]
	if !deeper {
		c.children[f.Name] = nil
		return nil
	}
	if f.Nested == nil {
		return l.wrong(at, "%s has no members", f.Name)
	}
	if known && child == nil {
		return nil
	}
	if child == nil {
		child = &selection{children: map[string]*selection{}}
		c.children[f.Name] = child
	}
	return child.add(rest, f.Nested, l, at+len(part)+1)
}

package query

import (
	"cmp"
	"strings"
	"time"
)

// Kind is the static type of an expression.
type Kind int

// The kinds of values.
const (
	KindNull Kind = iota
	KindString
	KindNumber
	KindBool
	KindTime
	KindGUID
	KindEdition
	KindObject
	KindList
)

func (k Kind) String() string {
	return [...]string{
		"null", "a text", "a number", "true or false", "a time", "a GUID", "a text", "an object", "a list",
	}[k]
}

func (k Kind) textual() bool { return k == KindString || k == KindGUID || k == KindEdition }

// Value is what an expression gives; the zero Value is null. Numbers are
// doubles: exact for the whole numbers and the decimals that this wire carries.
type Value struct {
	Kind   Kind
	Text   string
	Number float64
	Truth  bool
	Time   time.Time
}

// TruthValue gives a value of KindBool.
func TruthValue(b bool) Value { return Value{Kind: KindBool, Truth: b} }

// TextValue gives a value of KindString.
func TextValue(s string) Value { return Value{Kind: KindString, Text: s} }

// NumberValue gives a value of KindNumber.
func NumberValue(n float64) Value { return Value{Kind: KindNumber, Number: n} }

func (v Value) null() bool { return v.Kind == KindNull }

// compareValues orders two values of comparable kinds; null comes first, as in OData.
func compareValues(a, b Value) int {
	switch {
	case a.null() || b.null():
		return cmp.Compare(rank(a), rank(b))
	case a.Kind == KindGUID || b.Kind == KindGUID:
		return strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text))
	case a.Kind == KindEdition || b.Kind == KindEdition:
		return strings.Compare(Packed(a.Text), Packed(b.Text))
	case a.Kind == KindNumber:
		return cmp.Compare(a.Number, b.Number)
	case a.Kind == KindTime:
		return a.Time.Compare(b.Time)
	case a.Kind == KindBool:
		return cmp.Compare(truthRank(a.Truth), truthRank(b.Truth))
	default:
		return strings.Compare(a.Text, b.Text)
	}
}

func rank(v Value) int {
	if v.null() {
		return 0
	}
	return 1
}

func truthRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Packed leaves blanks out, as editions are compared.
func Packed(s string) string { return strings.ReplaceAll(s, " ", "") }

package v2

import (
	"cmp"
	"strings"
	"time"
)

// kind is the static type of an expression.
type kind int

const (
	kindNull kind = iota
	kindString
	kindNumber
	kindBool
	kindTime
	kindGUID
	kindEdition
	kindObject
	kindList
)

func (k kind) String() string {
	return [...]string{
		"null", "a text", "a number", "true or false", "a time", "a GUID", "a text", "an object", "a list",
	}[k]
}

func (k kind) textual() bool { return k == kindString || k == kindGUID || k == kindEdition }

// value is what an expression gives; the zero value is null. Numbers are
// doubles: exact for the whole numbers and the decimals that this wire carries.
type value struct {
	kind   kind
	text   string
	number float64
	truth  bool
	time   time.Time
}

func truthValue(b bool) value     { return value{kind: kindBool, truth: b} }
func textValue(s string) value    { return value{kind: kindString, text: s} }
func numberValue(n float64) value { return value{kind: kindNumber, number: n} }

func (v value) null() bool { return v.kind == kindNull }

// compareValues orders two values of comparable kinds; null comes first, as in OData.
func compareValues(a, b value) int {
	switch {
	case a.null() || b.null():
		return cmp.Compare(rank(a), rank(b))
	case a.kind == kindGUID || b.kind == kindGUID:
		return strings.Compare(strings.ToLower(a.text), strings.ToLower(b.text))
	case a.kind == kindEdition || b.kind == kindEdition:
		return strings.Compare(packed(a.text), packed(b.text))
	case a.kind == kindNumber:
		return cmp.Compare(a.number, b.number)
	case a.kind == kindTime:
		return a.time.Compare(b.time)
	case a.kind == kindBool:
		return cmp.Compare(truthRank(a.truth), truthRank(b.truth))
	default:
		return strings.Compare(a.text, b.text)
	}
}

func rank(v value) int {
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

func packed(s string) string { return strings.ReplaceAll(s, " ", "") }

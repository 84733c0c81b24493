package sim

import (
	"strconv"
	"time"
)

// body writes JSON into a byte slice. Order of properties, explicit nulls and
// the form of numbers are part of the wire, so it is written by hand.
type body struct {
	b     []byte
	nulls bool           // absent optional properties are written as null
	zone  *time.Location // in which instants are written
}

// sep puts the comma where one is due.
func (w *body) sep() {
	if n := len(w.b); n > 0 {
		switch w.b[n-1] {
		case '{', '[', ':':
		default:
			w.b = append(w.b, ',')
		}
	}
}

func (w *body) open(c byte)  { w.sep(); w.b = append(w.b, c) }
func (w *body) close(c byte) { w.b = append(w.b, c) }

func (w *body) key(name string) {
	w.sep()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

// object opens the object that is the value of a property.
func (w *body) object(name string) { w.key(name); w.open('{') }

// array opens the array that is the value of a property.
func (w *body) array(name string) { w.key(name); w.open('[') }

func (w *body) text(name, value string) { w.key(name); w.b = appendText(w.b, value) }

func (w *body) null(name string) { w.key(name); w.b = append(w.b, "null"...) }

// absent writes what the shape writes for an optional property that has no value.
func (w *body) absent(name string) {
	if w.nulls {
		w.null(name)
	}
}

func (w *body) flag(name string, value bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, value)
}

func (w *body) whole(name string, value int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, value, 10)
}

// double writes a double as the vendor's serializer does: always with a point.
func (w *body) double(name string, value float64) {
	w.key(name)
	w.b = appendDouble(w.b, value)
}

// raw writes a value as it stands.
func (w *body) raw(name, value string) { w.key(name); w.b = append(w.b, value...) }

func (w *body) uuid(name string, k, part uint64) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = appendUUID(w.b, k, part)
	w.b = append(w.b, '"')
}

func (w *body) instant(name string, t time.Time) {
	w.key(name)
	w.b = append(w.b, '"')
	w.b = t.In(w.zone).AppendFormat(w.b, "2006-01-02T15:04:05.999999Z07:00")
	w.b = append(w.b, '"')
}

func appendDouble(b []byte, v float64) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, 64)
	for _, c := range b[start:] {
		if c == '.' {
			return b
		}
	}
	return append(b, ".0"...)
}

// numberText writes a number as the report's numeric strings do.
func numberText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

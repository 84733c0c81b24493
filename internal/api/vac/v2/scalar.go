package v2

import (
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api/query"
)

// The wire's own scalars.
type (
	guid    string    // compared without regard to case
	edition string    // compared without regard to blanks: "Enterprise Plus" is "EnterprisePlus" (rest-v2.md §6)
	isoTime time.Time // seconds and Z; the zero time is the wire's "never" (rest-v2.md §2.3)
	ticks   time.Time // seven digits of fraction and Z, as alarms have them (rest-v2.md §3.5)
)

func (g guid) AppendJSON(b []byte) []byte { return query.AppendQuoted(b, string(g)) }
func (g guid) Value() query.Value {
	return query.Value{Kind: query.KindGUID, Text: strings.ToLower(string(g))}
}

func (e edition) AppendJSON(b []byte) []byte { return query.AppendQuoted(b, string(e)) }
func (e edition) Value() query.Value         { return query.Value{Kind: query.KindEdition, Text: string(e)} }

func (t isoTime) AppendJSON(b []byte) []byte {
	if time.Time(t).IsZero() {
		return append(b, `"0001-01-01T00:00:00"`...)
	}
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05Z"`)
}

func (t isoTime) Value() query.Value { return query.Value{Kind: query.KindTime, Time: time.Time(t)} }

func (t ticks) AppendJSON(b []byte) []byte {
	return time.Time(t).UTC().AppendFormat(b, `"2006-01-02T15:04:05.0000000Z"`)
}
func (t ticks) Value() query.Value { return query.Value{Kind: query.KindTime, Time: time.Time(t)} }

var _ = []query.Scalar{guid(""), edition(""), isoTime{}, ticks{}, zonedTicks{}}

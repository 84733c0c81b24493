package v1

import (
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// place is where a stream of events stands, and the id of each event: everything up to an entry of the ledger and up to a change
// beside it was told, and of the entry behind that one so many events.
type place struct {
	entry usage.Position
	seq   int64
	part  int
}

func (p place) String() string {
	text := strconv.FormatInt(int64(p.entry), 10) + "." + strconv.FormatInt(p.seq, 10)
	if p.part > 0 {
		text += "." + strconv.Itoa(p.part)
	}
	return text
}

// parsePlace reads the id of an event. Invalid: it is none.
func parsePlace(text string) (p place, err error) {
	numbers := strings.Split(text, ".")
	if n := len(numbers); n == 2 || n == 3 {
		values := [3]int64{}
		for i, number := range numbers {
			v, bad := strconv.ParseUint(number, 10, 31+31*min(2-i, 1)) // of the last one, no more than an int holds
			if bad != nil {
				break
			}
			values[i] = int64(v) //nolint:gosec // of 62 bits
		}
		p = place{usage.Position(values[0]), values[1], int(values[2])}
	}
	if p.String() != text { // each place has one form
		return place{}, fault.New(fault.Invalid, "is no id of an event, as 12.7 is")
	}
	return p, nil
}

package ledger

import (
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Said is what a person says of a step, which is kept with it: a reason, or a name.
type Said struct{ Path, Text string }

// saidMax bounds it, in bytes.
const saidMax = 1000

// CheckSaid refuses what is empty, long, or would spoil a line of text, with all that is wrong. Invalid, with the fields.
func CheckSaid(refusal string, all ...Said) error {
	var fields []fault.Field
	for _, said := range all {
		if problem := usage.LineProblem(said.Text, saidMax); problem != "" {
			fields = append(fields, fault.Field{Path: said.Path, Text: problem})
		}
	}
	return fault.InvalidFields(refusal, fields)
}

package ledger

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Said is what a person says of a step, which is kept with it: a reason, or a name.
type Said struct{ Path, Text string }

// saidMax bounds it, in bytes.
const saidMax = 1000

// CheckSaid refuses what is empty, long, or would spoil a line of text, with all that is wrong. Invalid, with the fields.
func CheckSaid(refusal string, all ...Said) error {
	var fields []fault.Field
	for _, said := range all {
		switch {
		case strings.TrimSpace(said.Text) == "":
			fields = append(fields, fault.Field{Path: said.Path, Text: "is required"})
		case len(said.Text) > saidMax:
			fields = append(fields, fault.Field{Path: said.Path, Text: fmt.Sprintf("is longer than %d bytes", saidMax)})
		case !utf8.ValidString(said.Text) || strings.ContainsFunc(said.Text, unicode.IsControl):
			fields = append(fields, fault.Field{Path: said.Path, Text: "holds a control character or is not valid UTF-8"})
		}
	}
	return fault.InvalidFields(refusal, fields)
}

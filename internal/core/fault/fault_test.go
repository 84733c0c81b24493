package fault_test

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// What a message says is not said again as its cause; what only the cause knows is, and only of a defect.
func TestCauseSaysWhatTheMessageDoesNot(t *testing.T) {
	t.Parallel()
	driver := errors.New("malformed (11)")
	inner := fault.Wrap(driver, fault.Internal, "the file is damaged")
	for _, c := range []struct {
		err  *fault.Error
		want string
	}{
		{inner, "malformed (11)"},
		{fault.Wrap(inner, fault.Internal, "f.db cannot be opened: the file is damaged"), "malformed (11)"},
		{fault.Wrap(inner, fault.Internal, "no backup is kept"), "the file is damaged"},
		{fault.Wrap(driver, fault.Internal, "f.db: malformed (11)"), ""},
		{fault.Wrap(driver, fault.Unavailable, "f.db does not open"), ""},
		{fault.New(fault.Internal, "alone"), ""},
	} {
		if got := c.err.Cause(); got != c.want {
			t.Errorf("%s: %q, not %q", c.err.Message, got, c.want)
		}
	}
}

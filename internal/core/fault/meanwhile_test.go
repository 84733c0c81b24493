package fault_test

import (
	"errors"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	taken := fault.New(fault.Conflict, "the name is taken")
	for quicker, want := range map[int]int{0: 1, 3: 4, 9: 10, 100: 10} {
		tries := 0
		err := fault.Again(func() error {
			if tries++; tries <= quicker {
				return fault.Meanwhile("it")
			}
			return nil
		})
		if tries != want || (err != nil) != (quicker >= want) {
			t.Errorf("%d were quicker: %d tries, %v", quicker, tries, err)
		}
	}
	tries := 0
	if err := fault.Again(func() error { tries++; return taken }); !errors.Is(err, taken) || tries != 1 || fault.IsMeanwhile(err) {
		t.Errorf("another conflict: %d tries, %v", tries, err)
	}
	if err := fault.Meanwhile("company 7"); !fault.Is(err, fault.Conflict) || fault.Text(err) != "company 7 was changed by somebody else meanwhile" {
		t.Error(err)
	}
}

package usage

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// LoadZone gives a time zone that is written in the ledger, by its name. Internal: this machine does not know it.
func LoadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "this machine does not know the time zone %q", name)
	}
	return zone, nil
}

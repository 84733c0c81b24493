package alarm

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// The limits from which on something is an alarm. That of stale figures is the interval of each server (C32).
const (
	// clockOffsetMax is how far a server's clock may be off.
	clockOffsetMax = 5 * time.Minute
	// differsMax is for how long reported and computed may differ (C25).
	differsMax = 24 * time.Hour
	// StatementDueDay is the day of the next month on which the statements of a month should be final, in the zone of the months.
	StatementDueDay = 10
	// A row of a statement may move by less than so many units against the month before, or by at most so many percent.
	FigureUnits   = 10
	FigurePercent = 25
)

// expiries are how long before its end a license, or the support of one, is an alarm, and how bad that is: the shortest
// first.
var expiries = []struct {
	days   int
	status Status
}{{1, StatusError}, {7, StatusWarning}, {14, StatusWarning}, {30, StatusInformation}}

// allowance is by how much more may be used than is licensed: a number of units or a share, whichever is more. Above warn
// the vendor warns, above refuse it refuses to process more.
type allowance struct {
	warn, refuse margin
	// newToo: what was new in the month before may be used beside.
	newToo bool
}

type margin struct {
	units   int64
	percent int64
}

// of gives how many units more than is licensed a margin allows.
func (m margin) of(licensed usage.Units) usage.Units {
	share := licensed / 100 * usage.Units(m.percent)
	return max(usage.Units(m.units)*usage.One, share)
}

// allowances are the vendor's, by product and type of license. For subscriptions of servers they are those of licenses that
// are not renewed by themselves, the narrower ones: which of both holds is not in a reading. Whatever is not listed may not
// be exceeded, nor may what is sold by socket or capacity.
var allowances = map[usage.Product]map[usage.LicenseType]allowance{
	usage.ProductVBR: {
		usage.LicenseRental: {margin{10, 10}, margin{20, 20}, true},
		"Subscription":      {margin{5, 5}, margin{10, 10}, false},
	},
	usage.ProductCloudConnect: {
		usage.LicenseRental: {margin{10, 10}, margin{20, 20}, true},
	},
	usage.ProductConsole: {
		usage.LicenseRental: {margin{0, 0}, margin{0, 20}, false},
		"Subscription":      {margin{0, 0}, margin{0, 10}, false},
	},
}

package portal

import (
	"runtime"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// turnWithin is what TurnWithin is at first.
const turnWithin = 20 * time.Second

// turnsAtOnce is how many pages that count a past are made at a time: more would not be done sooner, and of a company with hundreds of
// thousands of workloads each takes hundreds of megabytes.
func turnsAtOnce() int { return max(2, runtime.GOMAXPROCS(0)) }

// inTurn gives an endpoint that waits until few others count. Unavailable: its turn did not come.
func (p *Portal) inTurn(do endpoint) endpoint {
	return func(v *visit) (any, error) {
		timer := time.NewTimer(p.TurnWithin)
		defer timer.Stop()
		select {
		case p.turns <- struct{}{}:
			defer func() { <-p.turns }()
			return do(v)
		case <-v.ctx().Done():
			return nil, v.ctx().Err()
		case <-timer.C:
			return nil, p.texts.refuse(fault.Unavailable, "problem.turn")
		}
	}
}

// pastInTurn is inTurn where the page is asked for as of an instant: what is kept, or counted now, waits for nobody.
func (p *Portal) pastInTurn(do endpoint) endpoint {
	waiting := p.inTurn(do)
	return func(v *visit) (any, error) {
		if v.field("before") != "" {
			return waiting(v)
		}
		return do(v)
	}
}

package ledger

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Drop forgets all answers.
func (l *Ledger) Drop() { l.projection.forget(&Changes{All: true}) }

// StretchAt is what Life asks of a figure.
var StretchAt = stretchAt

// Same reports whether one stretch only goes on with the other.
func (s *Stretch) Same(o *Stretch) bool { return s.same(o) }

// PagesKept is what is kept for pages, by a company's number.
type PagesKept struct{ paged }

// NewPagesKept gives one that is empty.
func NewPagesKept() *PagesKept { return &PagesKept{} }

// Put keeps a figure.
func (k *PagesKept) Put(company usage.CompanyID) {
	k.put(pagedKey{company: company}, &answer{tally: &metering.Tally{}, until: time.Now().Add(time.Hour)})
}

// Has asks for it.
func (k *PagesKept) Has(company usage.CompanyID) bool {
	return k.get(pagedKey{company: company}, time.Now()) != nil
}

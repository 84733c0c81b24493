package ledger

// Drop forgets all answers.
func (l *Ledger) Drop() { l.projection.forget(&Changes{All: true}) }

// StretchAt is what Life asks of a figure.
var StretchAt = stretchAt

// Same reports whether one stretch only goes on with the other.
func (s *Stretch) Same(o *Stretch) bool { return s.same(o) }

package ledger

// Drop forgets all answers.
func (l *Ledger) Drop() { l.projection.forget(&Changes{All: true}) }

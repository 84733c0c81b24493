package series

// Summarize works out the tip's Summary anew from the readings of a part that are in force.
func (t *Tip) Summarize(p Part) error {
	s, err := p.summary()
	if err == nil {
		t.Summary = s
	}
	return err
}

func (p *Part) summary() (Summary, error) {
	s := Summary{Listed: -1, offset: none}
	numbers, _, err := p.inForce()
	if err != nil || len(numbers) == 0 {
		return s, err
	}
	h, last := p.History, int(numbers[len(numbers)-1])
	if err := h.load(h.tip.readings - 1); err != nil {
		return s, err
	}
	installation := func(number int32) string { return h.tip.installations[h.index[number].installation] }
	r := &h.index[last]
	s.Read, s.Taken, s.offset, s.head, s.Installation = true, r.taken, r.offset, h.head(last), installation(numbers[len(numbers)-1])
	if len(numbers) > 1 {
		s.Previous = installation(numbers[len(numbers)-2])
	}
	snapshot, err := s.Snapshot()
	if err != nil {
		return s, err
	}
	s.Counted = len(snapshot.Counters) > 0
	for i := len(numbers) - 1; i >= 0 && s.Listed < 0; i-- {
		if h.index[numbers[i]].listed {
			state := h.newState()
			state.upTo(int(numbers[i]))
			list, _ := h.list(state)
			s.Listed, s.Tenants = len(list), tenantsOf(list)
		}
	}
	return s, nil
}

package series

import (
	"slices"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Replay gives what Read gives, from every reading whole, one after the other, by the words of counting.md: what is
// answered quickly is held against it. It costs as much as reading all that the parts hold.
func Replay(parts []Part, shared bool) (*Reading, error) {
	r := replay{shared: shared, keys: make(map[usage.WorkloadKey]int32)}
	out := &Reading{}
	for i := range parts {
		last, listed, next, err := r.take(&parts[i])
		if err != nil {
			return nil, err
		}
		if i < len(parts)-1 {
			continue // what an ancestor read is evidence, and nothing else
		}
		out.Last, out.Next = last, next
		if listed != nil {
			out.List = r.list(listed)
		}
	}
	return out, nil
}

// replay is what was read of a chain of parts, by takenAt.
type replay struct {
	shared   bool
	keys     map[usage.WorkloadKey]int32 // numbers of the identities
	readings []replayed
}

// replayed is one reading in force, as far as evidence rests on it.
type replayed struct {
	taken        time.Time
	installation string
	listed       bool
	listsNew     bool
	workloads    []sighting
}

// sighting is a listed identity, and the first protection that is stated for it; nil: none.
type sighting struct {
	key    int32
	stated *time.Time
}

// take reads a part. It gives S without its list, the latest reading with one, and when the next reading counts.
func (r *replay) take(p *Part) (last, listed *usage.Snapshot, next time.Time, err error) {
	until, begin := time.UnixMicro(p.Until), len(r.readings)
	err = p.History.Snapshots(func(position usage.Position, s *usage.Snapshot) error {
		switch {
		case position >= p.Before || p.Revoked[position]:
		case s.TakenAt.After(until):
			if next.IsZero() || s.TakenAt.Before(next) {
				next = s.TakenAt
			}
		default:
			r.readings = append(r.readings, r.replayed(s))
			if s.Workloads != nil && (listed == nil || !s.TakenAt.Before(listed.TakenAt)) {
				listed = s
			}
			if last == nil || !s.TakenAt.Before(last.TakenAt) {
				head := *s
				head.Workloads = nil
				last = &head
			}
		}
		return nil
	})
	slices.SortStableFunc(r.readings[begin:], func(a, b replayed) int { return a.taken.Compare(b.taken) })
	return last, listed, next, err
}

func (r *replay) replayed(s *usage.Snapshot) replayed {
	one := replayed{taken: s.TakenAt, installation: s.Server.InstallationID, listed: s.Workloads != nil, listsNew: s.ListsNew}
	one.workloads = make([]sighting, len(s.Workloads))
	for i := range s.Workloads {
		key := s.Workloads[i].Key(r.shared)
		number, known := r.keys[key]
		if !known {
			number = int32(len(r.keys)) //nolint:gosec // the number of an identity
			r.keys[key] = number
		}
		one.workloads[i] = sighting{number, s.Workloads[i].FirstProtectedAt}
	}
	return one
}

// epoch gives the readings with a list of the epoch of the latest of them (counting.md C9).
func (r *replay) epoch() (epoch []*replayed) {
	changed := false
	for i := range r.readings {
		one := &r.readings[i]
		changed = changed || i > 0 && one.installation != r.readings[i-1].installation
		if !one.listed {
			continue
		}
		if changed {
			epoch, changed = nil, false
		}
		epoch = append(epoch, one)
	}
	return epoch
}

func (r *replay) list(s *usage.Snapshot) *metering.List {
	evidence := make([]metering.Evidence, len(r.keys))
	var before *replayed
	for _, one := range r.epoch() {
		for _, w := range one.workloads {
			e := &evidence[w.key]
			if e.FirstListed.IsZero() {
				e.FirstListed, e.FirstListsNew = one.taken, one.listsNew
				if before != nil {
					e.AbsentBefore = &before.taken
				}
			}
			if w.stated != nil && (e.Stated == nil || w.stated.Before(*e.Stated)) {
				e.Stated = w.stated
			}
		}
		before = one
	}
	list := &metering.List{TakenAt: s.TakenAt, Workloads: s.Workloads, Evidence: make([]metering.Evidence, len(s.Workloads))}
	for i := range s.Workloads {
		list.Evidence[i] = evidence[r.keys[s.Workloads[i].Key(r.shared)]]
	}
	return list
}

package sim

import (
	"math"
	"slices"
)

// view is what the license makes of the workloads at one instant.
type view struct {
	c         *call
	items     []*workload
	standings []standing
	none      bool // no license is installed
}

func (c *call) view() *view {
	v := &view{c: c, items: c.s.workloads}
	if _, v.none = c.s.faults.on(FaultNoLicense, c.at); v.none || !c.s.spec.License.hasInstances() {
		v.items = nil
	}
	v.standings = make([]standing, len(v.items))
	rentalLicense := c.s.spec.License.Type == "Rental"
	for i, w := range v.items {
		v.standings[i] = w.standing(c.now, rentalLicense)
	}
	if f, ok := c.s.faults.on(FaultUnknownType, c.at); ok {
		v.rename(f.Text)
	}
	return v
}

// rename gives the first counted workload a type that nobody knows, on every page alike.
func (v *view) rename(text string) {
	for i, w := range v.items {
		if v.standings[i] != used {
			continue
		}
		renamed := *w
		renamed.words = unknownWords(text, text)
		v.items = slices.Clone(v.items)
		v.items[i] = &renamed
		return
	}
}

// tally adds up the units of one standing.
func (v *view) tally(s standing) float64 {
	total := 0.0
	for i, w := range v.items {
		if v.standings[i] == s {
			total += w.units
		}
	}
	return tidy(total)
}

// tidy takes the noise of adding binary fractions away, as a sum of decimals has none.
func tidy(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// listed gives the workloads that the instances list names.
func (v *view) listed() []*workload {
	out := make([]*workload, 0, len(v.items))
	for i, w := range v.items {
		if v.standings[i] == used || v.standings[i] == fresh && v.c.s.spec.ListsNew {
			out = append(out, w)
		}
	}
	return out
}

// group is a row of the totals or of the report.
type group struct {
	name       string
	multiplier float64
	objects    [used + 1]int64
	units      [used + 1]float64
}

// groups adds up by the name that nameOf gives, in the order in which names first come.
func (v *view) groups(nameOf func(*workload) string) []group {
	type id struct {
		name       string
		multiplier float64
	}
	places := map[id]int{}
	var out []group
	for i, w := range v.items {
		if v.standings[i] < rental {
			continue
		}
		k := id{nameOf(w), w.perUnit}
		at, ok := places[k]
		if !ok {
			at = len(out)
			places[k] = at
			out = append(out, group{name: k.name, multiplier: k.multiplier})
		}
		out[at].objects[v.standings[i]]++
		out[at].units[v.standings[i]] += w.units
	}
	for i := range out {
		for s := range out[i].units {
			out[i].units[s] = tidy(out[i].units[s])
		}
	}
	return out
}

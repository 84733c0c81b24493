package compare

import (
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
)

// names are what types are called on both sides.
type names struct {
	types  *catalog.Catalog
	mapped map[string]string // by the file's folded name: what it is compared as
	groups map[string]string // by our type: as what it is compared, where that is several
	places map[string]int
}

func newNames(f *File, types *catalog.Catalog) names {
	n := names{types: types, mapped: make(map[string]string), groups: make(map[string]string), places: make(map[string]int)}
	written := make(map[string]string) // as the file does
	for i := range f.Lines {
		if name := f.Lines[i].Type; written[fold(name)] == "" {
			written[fold(name)] = strings.TrimSpace(name)
		}
	}
	for name, ours := range f.Mapping.Types {
		if len(ours) == 1 {
			n.mapped[name] = ours[0]
			continue
		}
		label := written[name]
		if label == "" { // the file does not say it: then its types stand for themselves
			continue
		}
		n.mapped[name] = label
		for _, id := range ours {
			n.groups[id] = label
			if t, known := types.Type(id); known && (n.places[label] == 0 || t.Order < n.places[label]) {
				n.places[label] = t.Order
			}
		}
	}
	return n
}

// theirs gives what the file's name of a type is compared as.
func (n *names) theirs(name string) (string, bool) {
	if label, is := n.mapped[fold(name)]; is {
		return n.ours(label), true
	}
	if t, known := n.types.Resolve(name); known {
		return n.ours(t.ID), true
	}
	return name, fold(name) == fold(catalog.UnknownType)
}

// ours gives what a type of ours is compared as.
func (n *names) ours(id string) string {
	if label, is := n.groups[id]; is {
		return label
	}
	return id
}

func (n *names) order(label string) int {
	if t, known := n.types.Type(label); known {
		return t.Order
	}
	if place := n.places[label]; place > 0 {
		return place
	}
	return 1 << 30
}

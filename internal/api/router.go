package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds the route of a path. http.ServeMux is not used: it is strict in
// case, redirects, and answers 404 and 405 in words of its own.
type router struct{ root node }

// node is one segment of the paths that begin alike. Literals win over ids.
type node struct {
	exact   map[string]*node // as the table writes it: no allocation on the usual way
	folded  map[string]*node // in lower case
	id      *node
	methods map[string]*target
	surface Surface // whose path this is; nil where several meet
}

// target is a route in its surface.
type target struct {
	Route
	surface Surface
	names   []string // of the ids, in the order of the path
	meter   Meter
	token   func(*http.Request) string
}

// match is what was found for a path.
type match struct {
	node *node
	ids  []string
}

func (rt *router) add(s Surface, route Route, meter Meter) error {
	n, t := &rt.root, &target{Route: route, surface: s, meter: meter, token: Token}
	if carrier, is := s.(Carrier); is {
		t.token = carrier.Token
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(route.Pattern, "/"), "/") {
		if segment == "" { // of the root
			continue
		}
		if name, isID := strings.CutPrefix(segment, "{"); isID {
			name = strings.TrimSuffix(name, "}")
			if slices.Contains(t.names, name) {
				return fmt.Errorf("two ids named %s in %s", name, route.Pattern)
			}
			t.names = append(t.names, name)
			if n.id == nil {
				n.id = &node{surface: s}
			}
			n = n.id
		} else {
			n = n.literal(segment, s)
		}
		if n.surface != s {
			n.surface = nil
		}
	}
	if route.Pattern == "/" {
		n.surface = s
	}
	if _, twice := n.methods[route.Method]; twice {
		return fmt.Errorf("two routes for %s %s", route.Method, route.Pattern)
	}
	if n.methods == nil {
		n.methods = map[string]*target{}
	}
	n.methods[route.Method] = t
	return nil
}

func (n *node) literal(segment string, s Surface) *node {
	folded := strings.ToLower(segment)
	next := n.folded[folded]
	if next == nil {
		next = &node{surface: s}
		if n.folded == nil {
			n.exact, n.folded = map[string]*node{}, map[string]*node{}
		}
		n.folded[folded] = next
	}
	n.exact[segment] = next
	return next
}

// find walks the escaped path, so that an encoded slash stays inside its
// segment. Where no route is, owner is the surface whose paths begin like it, or nil.
func (rt *router) find(escaped string) (m match, owner Surface) {
	path := strings.Trim(escaped, "/")
	owner = rt.root.walk(path, path == "", &m)
	return m, owner
}

func (n *node) walk(path string, end bool, m *match) (owner Surface) {
	if end {
		if n.methods != nil {
			m.node = n
		}
		return n.surface
	}
	segment, rest, more := strings.Cut(path, "/")
	// An escaped letter is the letter (RFC 3986 §2.4), in literals as in ids.
	text, err := url.PathUnescape(segment)
	if err != nil || text == "" {
		return n.surface
	}
	owner = n.surface
	next := n.exact[text]
	if next == nil && n.folded != nil {
		next = n.folded[strings.ToLower(text)]
	}
	if next != nil {
		owner = next.walk(rest, !more, m)
	}
	if m.node == nil && n.id != nil {
		kept := len(m.ids)
		m.ids = append(m.ids, text)
		if found := n.id.walk(rest, !more, m); m.node != nil || owner == nil {
			owner = found
		}
		if m.node == nil {
			m.ids = m.ids[:kept]
		}
	}
	return owner
}

// of gives the route of a method; HEAD is a GET whose body stays away.
func (n *node) of(method string) *target {
	if t := n.methods[method]; t != nil {
		return t
	}
	if method == http.MethodHead {
		return n.methods[http.MethodGet]
	}
	return nil
}

// allow lists the methods of a path for a 405.
func (n *node) allow() []string {
	var list []string
	for method := range n.methods {
		list = append(list, method)
		if method == http.MethodGet && n.methods[http.MethodHead] == nil {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return list
}

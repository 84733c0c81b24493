package v2

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// emptyList is a list of a resource of which there is no source of data: nothing is in it, and it can be asked about as any
// other (rest-v2.md §8).
func emptyList[T any](pattern string) route {
	none := answer{shape: query.ShapeOf[T](), value: []T{}}
	return empty(pattern, func(*http.Request) (any, error) { return none, nil }, listOf(none.shape))
}

// emptyOf are such a list, one of it, which is never found, and what lies below one. The pattern of one is an id, and the
// others go on from there.
func emptyOf[T any](what, list, one string, below ...string) []route {
	id := strings.Trim(one, "/{}")
	none := func(r *http.Request) (any, error) {
		return nil, fault.New(fault.NotFound, "There is no %s %q.", what, api.PathID(r, id))
	}
	routes := []route{emptyList[T](list), empty(list+one, none, itemOf(query.ShapeOf[T]()))}
	for _, rest := range below {
		routes = append(routes, empty(list+one+rest, none, never))
	}
	return routes
}

func empty(pattern string, handle api.Endpoint, gives gives) route {
	r := get("/v2"+pattern, handle, gives)
	r.Served = api.Empty
	return r
}

// unwritable refuses to write what there is none of.
func unwritable(what string, lines ...string) []route {
	return refused(fmt.Sprintf("There are no %s here to make or change: Tallystick counts license usage.", what), lines...)
}

// ofTenant says that the tenant is unknown, where it is, before anything else.
func (s *Surface) ofTenant(routes []route) []route {
	return behind(routes, func(r *http.Request) error {
		_, err := s.company(r)
		return err
	})
}

// behind asks first, and answers with what is wrong.
func behind(routes []route, first func(*http.Request) error) []route {
	for i := range routes {
		handle := routes[i].Handle
		if handle == nil {
			continue
		}
		routes[i].Handle = func(r *http.Request) (any, error) {
			if err := first(r); err != nil {
				return nil, err
			}
			return handle(r)
		}
	}
	return routes
}

package v1_test

import (
	"net/http"
	"slices"
	"testing"
)

// problemPaths are those that a refusal names.
func (w *world) problemPaths(q request) (paths []string) {
	w.t.Helper()
	p := in[struct{ Errors []struct{ Path string } }](w.t, w.want(http.StatusBadRequest, q))
	for _, e := range p.Errors {
		paths = append(paths, e.Path)
	}
	return paths
}

// An empty text is no host: taken for none, it would send the password elsewhere. None is said as [] or null.
func TestHostsOfASet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusCreated, request{method: "POST", path: "/credentials", body: `{"name":"a","username":"u","password":"p","hosts":["vbr01"]}`})
	hosts := func() []string {
		return in[struct{ Hosts []string }](t, w.get("/credentials/1")).Hosts
	}
	for _, body := range []string{`{"hosts":[""]}`, `{"hosts":["vbr01"," "]}`} {
		if paths := w.problemPaths(request{method: "PATCH", path: "/credentials/1", body: body}); !slices.Equal(paths, []string{"hosts"}) {
			t.Errorf("%s: %v", body, paths)
		}
	}
	if got := hosts(); !slices.Equal(got, []string{"vbr01"}) {
		t.Errorf("%v", got)
	}
	for _, none := range []string{"null", "[]"} {
		w.want(http.StatusOK, request{method: "PATCH", path: "/credentials/1", body: `{"hosts":["vbr01"]}`})
		w.want(http.StatusOK, request{method: "PATCH", path: "/credentials/1", body: `{"hosts":` + none + `}`})
		if got := hosts(); len(got) > 0 {
			t.Errorf("%s: %v", none, got)
		}
	}
}

// Who changes half of an account that a set gives is told both members that are needed.
func TestHalfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(http.StatusCreated, request{method: "POST", path: "/credentials", body: `{"name":"a","username":"u","password":"p"}`})
	w.want(http.StatusOK, request{method: "PATCH", path: "/servers/1", body: `{"connection":{"credential":1}}`})
	paths := w.problemPaths(request{method: "PATCH", path: "/servers/1", body: `{"connection":{"username":"x"}}`})
	slices.Sort(paths)
	if !slices.Equal(paths, []string{"connection.password", "connection.username"}) {
		t.Errorf("%q", paths)
	}
}

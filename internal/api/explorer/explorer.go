package explorer

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5/static"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

//go:embed page.html
var page []byte

//go:embed page.js
var script []byte

// files are what the page loads, with their media types; what is not embedded here is in the library, packed.
var files = []struct {
	name, kind string
	own        []byte
}{
	{"page.js", "text/javascript; charset=utf-8", script},
	{"swagger-ui-bundle.js", "text/javascript; charset=utf-8", nil},
	{"swagger-ui.css", "text/css; charset=utf-8", nil},
	{"favicon-32x32.png", "image/png", nil},
}

// New gives the page and its files, which it reads.
func New() (api.Surface, error) {
	routes := []api.Route{api.Open("/swagger", servePage)}
	for _, f := range files {
		serve, err := serveFile(f.name, f.kind, f.own)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "%s cannot be read", f.name)
		}
		routes = append(routes, api.Open("/swagger/"+f.name, serve))
	}
	return api.NewPlain(routes...), nil
}

// policy lets the page load from the console only. The library draws its icons from data in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// servePage answers at /swagger/; what the page loads is named relative to that, so that a proxy may put a prefix before it.
func servePage(r *http.Request) (any, error) {
	if !strings.HasSuffix(r.URL.Path, "/") {
		return api.Raw{Status: http.StatusTemporaryRedirect, Fields: []api.Field{{Name: "Location", Values: []string{"swagger/"}}}}, nil
	}
	return api.Raw{ContentType: "text/html; charset=utf-8", Body: page, Fields: []api.Field{
		{Name: "Content-Security-Policy", Values: []string{policy}},
		{Name: "Referrer-Policy", Values: []string{"no-referrer"}},
	}}, nil
}

// serveFile answers with a file, packed where the client takes it so.
func serveFile(name, kind string, own []byte) (api.Endpoint, error) {
	packed, plain := []byte(nil), own
	if own == nil {
		var err error
		if packed, plain, err = library(name); err != nil {
			return nil, err
		}
	}
	kept := api.Field{Name: "Cache-Control", Values: []string{"max-age=3600"}}
	return func(r *http.Request) (any, error) {
		if packed != nil && api.TakesGzip(r) {
			return api.Raw{ContentType: kind, Body: packed, Fields: []api.Field{kept, {Name: "Content-Encoding", Values: []string{"gzip"}}, vary}}, nil
		}
		return api.Raw{ContentType: kind, Body: plain, Fields: []api.Field{kept, vary}}, nil
	}, nil
}

var vary = api.Field{Name: "Vary", Values: []string{"Accept-Encoding"}}

// library gives a file of the library's, packed where it is there so.
func library(name string) (packed, plain []byte, err error) {
	if plain, err = static.FS.ReadFile(name); err == nil {
		return nil, plain, nil
	}
	if packed, err = static.FS.ReadFile(name + ".gz"); err != nil {
		return nil, nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, nil, err
	}
	plain, err = io.ReadAll(r)
	return packed, plain, err
}

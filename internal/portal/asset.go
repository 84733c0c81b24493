package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
)

//go:embed static
var static embed.FS

// assets are the files that pages load, packed once. Their address holds a hash of all of them, so that browsers keep them
// for good and an update is seen at once.
type assets struct {
	version string
	files   map[string]asset
}

type asset struct {
	kind          string
	plain, packed []byte
}

func readAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	hash := sha256.New()
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		_, _ = hash.Write(plain) // never fails
		packed, err := pack(plain, gzip.BestCompression)
		a.files[path.Base(name)] = asset{mime.TypeByExtension(path.Ext(name)), plain, packed}
		return err
	})
	a.version = hex.EncodeToString(hash.Sum(nil))[:16]
	return a, err
}

func pack(plain []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// address is where pages find a file.
func (a *assets) address(name string) (string, error) {
	if _, there := a.files[name]; !there {
		return "", fault.New(fault.Internal, "the portal has no file %q", name)
	}
	return "/assets/" + a.version + "/" + name, nil
}

func (p *Portal) asset(r *http.Request) (any, error) {
	a := p.assets
	f, there := a.files[api.PathID(r, "name")]
	if !there {
		return nil, p.texts.refuse(fault.NotFound, "absent.file")
	}
	keep := "public, max-age=31536000, immutable"
	if api.PathID(r, "version") != a.version { // a page that was open during an update gets what there is, and does not keep it
		keep = "no-cache"
	}
	return compressed(r, api.Raw{ContentType: f.kind, Body: f.plain, Fields: []api.Field{field("Cache-Control", keep)}}, f.packed), nil
}

// compressed gives an answer packed where the client takes it so; packed nil: it does not pay.
func compressed(r *http.Request, plain api.Raw, packed []byte) api.Raw {
	if packed == nil {
		return plain
	}
	plain.Fields = append(plain.Fields, field("Vary", "Accept-Encoding"))
	if api.TakesGzip(r) {
		plain.Body = packed
		plain.Fields = append(plain.Fields, field("Content-Encoding", "gzip"))
	}
	return plain
}

func field(name, value string) api.Field { return api.Field{Name: name, Values: []string{value}} }

// clean keeps an address within this site: a path, and nothing that leads elsewhere.
func clean(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

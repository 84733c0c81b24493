package xlsx

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// sortedZip writes the parts of a workbook in the order of their names: the library's own order is another each time.
type sortedZip struct {
	to    io.Writer
	parts []*part
}

type part struct {
	bytes.Buffer
	name string
}

// Create begins a part.
func (z *sortedZip) Create(name string) (io.Writer, error) {
	p := &part{name: name}
	z.parts = append(z.parts, p)
	return p, nil
}

// AddFS is not asked for.
func (*sortedZip) AddFS(fs.FS) error {
	return fault.New(fault.Internal, "a workbook is not made of files")
}

// Close writes all.
func (z *sortedZip) Close() error {
	slices.SortFunc(z.parts, func(a, b *part) int { return strings.Compare(a.name, b.name) }) // [Content_Types].xml is the first
	out := zip.NewWriter(z.to)
	for _, p := range z.parts {
		w, err := out.Create(p.name)
		if err != nil {
			return err
		}
		if _, err := p.WriteTo(w); err != nil {
			return err
		}
	}
	return out.Close()
}

package report

import "io"

// Format writes documents in one form. It decides nothing: figures and marks are the document's.
type Format interface {
	// Name is what people ask for it by: "xlsx".
	Name() string
	MediaType() string
	// Extension is that of its files, with the point: ".xlsx".
	Extension() string
	// Write writes a document. The same one gives the same bytes.
	Write(w io.Writer, d *Document) error
}

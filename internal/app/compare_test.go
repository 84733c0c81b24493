package app_test

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"

	"github.com/tallystick/tallystick/internal/app"
	"github.com/tallystick/tallystick/internal/compare"
)

// A statement that was handed out says what the ledger says: every row of its CSV is equal.
func TestAStatementComparedWithItself(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	made, err := o.Export(t.Context(), o.server.Company, octoberMonth, 0)
	o.check(err)
	archive, err := zip.NewReader(bytes.NewReader(made.Data), int64(len(made.Data)))
	o.check(err)
	f, err := archive.Open("statement.csv")
	o.check(err)
	text, err := io.ReadAll(f)
	o.check(err)
	r, err := o.Compare(t.Context(), app.CompareQuery{Month: octoberMonth, File: app.Named{Name: "statement.csv", Text: text}})
	o.check(err)
	if len(r.Rows) == 0 || len(r.Unmatched) > 0 || len(r.Unnamed) > 0 {
		t.Fatalf("%+v", r)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.State != compare.Equal || row.There.Count == nil || *row.There.Count != 7 {
			t.Errorf("%+v", row)
		}
	}
	other := bytes.Replace(text, []byte(",7,7,"), []byte(",8,7,"), 1)
	if r, err = o.Compare(t.Context(), app.CompareQuery{Month: octoberMonth, File: app.Named{Name: "statement.csv", Text: other}}); err != nil || r.Rows[0].State != compare.Different {
		t.Errorf("one more: %+v, %v", r, err)
	}
}

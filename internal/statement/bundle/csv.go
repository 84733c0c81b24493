package bundle

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"time"

	"github.com/tallystick/tallystick/internal/statement"
)

var csvHead = []string{
	"company", "month", "number", "product", "type", "unit", "used", "usedUnits", "new", "newUnits", "rental", "rentalUnits", "billed", "billedUnits", "peakAt",
}

// toCSV writes the rows of a statement (RFC 4180).
func toCSV(t *statement.Statement) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.Write(csvHead) // a buffer takes everything
	for i := range t.Content.Rows {
		r := &t.Content.Rows[i]
		cells := []string{t.Company.String(), t.Month, strconv.Itoa(t.Number), string(r.Product), r.Type, string(r.Unit)}
		for _, a := range []statement.Amount{r.Used, r.New, r.Rental, t.Billed(r.RowKey)} {
			cells = append(cells, strconv.FormatInt(a.Count, 10), a.Units.String())
		}
		peak := ""
		if r.PeakAt != nil {
			peak = r.PeakAt.UTC().Format(time.RFC3339Nano)
		}
		_ = w.Write(append(cells, peak))
	}
	w.Flush()
	return b.Bytes()
}

package v2

import (
	"bufio"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/api/query"
)

// counted is a row with a property that costs more than the others.
type counted struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Costs int64  `json:"costs" fill:"late"`
}

var shapeOfCounted = query.ShapeOf[counted]()

// costs is how often rows were made and completed.
type costs struct{ made, completed int }

// countedRows is a list of rows, numbered from 0, that counts what it costs; Costs is the number once more.
func countedRows(count int, c *costs) *query.Listed[counted] {
	return &query.Listed[counted]{
		Count: count,
		At: func(i int) (counted, error) {
			c.made++
			return counted{ID: int64(i), Name: "row"}, nil
		},
		Fill: func(shown []*counted) error {
			c.completed += len(shown)
			for _, row := range shown {
				row.Costs = row.ID
			}
			return nil
		},
	}
}

var idSyntax = regexp.MustCompile(`"id":(\d+)`)

func write(t testing.TB, options string, l query.List, w *bufio.Writer) error {
	t.Helper()
	q, err := parseQuery(options, shapeOfCounted, true)
	if err != nil {
		t.Fatal(err)
	}
	return q.Write(t.Context(), shapeOfCounted, l, w)
}

// Rows are made where they are shown or asked about, and completed where what costs more is: of a list of thousands, the
// first row costs what one row costs.
func TestListsCostWhatTheyShow(t *testing.T) {
	t.Parallel()
	const rows = 1000
	for _, c := range []struct {
		options string
		want    costs
		ids     string
	}{
		{"$top=1", costs{1, 1}, "0"},
		{"$top=0", costs{0, 0}, ""},
		{"$skip=500&$top=2", costs{2, 2}, "500 501"},
		{"$skip=999", costs{1, 1}, "999"},
		{"$skip=1000", costs{0, 0}, ""},
		{"$skip=2000&$top=2147483647", costs{0, 0}, ""},
		{"$top=2&$inlinecount=allpages", costs{2, 2}, "0 1"},
		{"$top=3&$select=id", costs{3, 0}, "0 1 2"},
		{"$filter=id eq 7", costs{rows, 1}, "7"},
		{"$filter=id ge 7&$top=2", costs{query.BatchSize, 2}, "7 8"},
		{"$filter=id ge 7&$skip=400&$top=2", costs{4 * query.BatchSize, 2}, "407 408"},
		{"$filter=id ge 7&$top=2&$count=true", costs{rows + 2, 2}, "7 8"},
		{"$filter=costs eq 7", costs{rows, rows}, "7"},
		{"$filter=costs eq 7 and id lt 9", costs{rows, 9}, "7"},
		{"$filter=name eq 'row' and (costs gt 6 and id lt 9)", costs{rows, 9}, "7 8"},
		{"$filter=not (costs eq 7) and id lt 3 or false", costs{rows, rows}, "0 1 2"},
		{"$filter=id lt 9 and (costs eq 7 or id eq 2)", costs{rows, 9}, "2 7"},
		{"$filter=costs lt 3 and (id lt 9 or costs gt 990)", costs{rows, rows}, "0 1 2"},
		{"$orderby=id desc&$top=2", costs{rows + 2, 2}, "999 998"},
		{"$orderby=costs desc&$top=2&$select=id", costs{rows + 2, rows}, "999 998"},
		{"$orderby=costs desc&$filter=id lt 9&$top=2", costs{rows + 2, 9 + 2}, "8 7"},
		{"$orderby=id desc&$filter=costs lt 5&$skip=1&$top=2", costs{rows + 2, rows + 2}, "3 2"},
	} {
		var got costs
		var b strings.Builder
		w := bufio.NewWriter(&b)
		if err := write(t, strings.ReplaceAll(c.options, " ", "%20"), countedRows(rows, &got), w); err != nil {
			t.Errorf("%s: %v", c.options, err)
		}
		_ = w.Flush()
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.options, got, c.want)
		}
		var ids []string
		for _, found := range idSyntax.FindAllStringSubmatch(b.String(), -1) {
			ids = append(ids, found[1])
		}
		if strings.Join(ids, " ") != c.ids {
			t.Errorf("%s: %s, want %s", c.options, b.String(), c.ids)
		}
	}
}

// Of a list, however long, no more than a batch is in memory: rows are made where others were, and what is allocated is a
// little for each batch.
func TestListsTakeConstantMemory(t *testing.T) { //nolint:paralleltest // it counts what is allocated
	for _, options := range []string{"", "$filter=id%20ge%200", "$filter=costs%20ge%200%20and%20name%20eq%20'row'", "$inlinecount=allpages"} {
		allocated := func(rows int) float64 {
			return testing.AllocsPerRun(3, func() {
				if err := write(t, options, countedRows(rows, &costs{}), bufio.NewWriter(io.Discard)); err != nil {
					t.Fatal(err)
				}
			})
		}
		const batches, aBatch = 1000, 3
		if n := allocated(batches * query.BatchSize); n > batches*aBatch {
			t.Errorf("%s: %.0f allocations for %d rows", options, n, batches*query.BatchSize)
		}
	}
}

// What cannot be made or completed ends the list, wherever it is.
func TestListsThatFail(t *testing.T) {
	t.Parallel()
	broken := errors.New("the store is on fire")
	for _, options := range []string{"", "$filter=costs%20ge%200", "$orderby=costs", "$orderby=id", "$filter=id%20ge%200&$count=true"} {
		for at := range 2 {
			l := countedRows(300, &costs{})
			fill, row := l.Fill, l.At
			if at == 0 {
				l.At = func(i int) (counted, error) {
					if i == 299 {
						return counted{}, broken
					}
					return row(i)
				}
			} else {
				l.Fill = func(shown []*counted) error {
					if shown[len(shown)-1].ID == 299 {
						return broken
					}
					return fill(shown)
				}
			}
			if err := write(t, options, l, bufio.NewWriter(io.Discard)); !errors.Is(err, broken) {
				t.Errorf("%s: %v", options, err)
			}
		}
	}
	q, err := parseQuery("", shapeOfCounted, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Write(ctx, shapeOfCounted, countedRows(1000, &costs{}), bufio.NewWriter(io.Discard)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

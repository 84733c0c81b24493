package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/ledger"
)

// The pages of a company with many workloads are the rows of its stream, once and in order; its explanation is sent as it is written, and
// is what it would be in one piece.
func TestWorkloadsOfALargeCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 10_050
	reading := vbrReading(vbr02, "big", count, w.clock.Now())
	must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 2, false, reading))
	stream := w.want(http.StatusOK, request{method: "GET", path: "/workloads?company=3&resource=backupServer", header: http.Header{"Accept": {"application/x-ndjson"}}}).body
	var want, got []string
	type row struct {
		Server int
		ID     string
	}
	for line := range strings.Lines(stream) {
		one := in[row](t, answered{body: line})
		want = append(want, fmt.Sprint(one.Server, one.ID))
	}
	for next := ""; ; {
		p := in[page[row]](t, w.get("/workloads?company=3&limit=1000"+next))
		for _, one := range p.Items {
			if len(got) < count {
				got = append(got, fmt.Sprint(one.Server, one.ID))
			}
		}
		if p.Next == nil {
			break
		}
		next = "&cursor=" + *p.Next
	}
	if len(want) != count || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d in pages, %d in the stream", len(got), len(want))
	}
	sorted := in[page[row]](t, w.get("/workloads?company=3&resource=backupServer&sort=-id&limit=2"))
	if len(sorted.Items) != 2 || sorted.Items[0].ID != "big9999" {
		t.Errorf("%+v", sorted.Items)
	}

	explained := w.want(http.StatusOK, request{method: "GET", path: "/companies/3/usage/backupServer?explain=true"})
	if explained.header.Get("Etag") != "" {
		t.Error("it was put together before it was sent")
	}
	said := in[struct {
		Workloads []figure.Workload
		Counters  []figure.Counter
	}](t, explained)
	tally, err := w.ledger.Usage(t.Context(), ledger.Query{Company: 3, Product: usage.ProductVBR, Members: true})
	if err != nil {
		t.Fatal(err)
	}
	whole := figure.Explain(tally)
	if len(said.Workloads) != count || fmt.Sprint(said.Workloads[count-1].ID, said.Workloads[0].Why) != fmt.Sprint(whole.Workloads[count-1].ID, whole.Workloads[0].Why) {
		t.Errorf("%d workloads", len(said.Workloads))
	}
}

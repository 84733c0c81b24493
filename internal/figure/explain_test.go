package figure_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
)

// An explanation that is written workload by workload is what one in a single piece is, to the byte.
func TestWriteExplained(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	member := func(id string) metering.Member {
		return metering.Member{Server: 1, Key: usage.WorkloadKey{ID: id}, Name: "<" + id + ">", Type: "VBR_vSphere_VM", State: metering.Used, Rule: "C7", Unit: usage.Instances, Units: usage.One, First: &at}
	}
	reported := metering.Source{Server: 1, Name: "VBR & 1", Origin: metering.FromReport, TakenAt: &at, Counters: []metering.Counted{{}}}
	for name, tally := range map[string]*metering.Tally{
		"nothing":  {At: at},
		"a list":   {At: at, Servers: []metering.Source{{Server: 1, Name: "VBR & 1", Origin: metering.FromList}}, Members: []metering.Member{member("a"), member("b")}},
		"counters": {At: at, Servers: []metering.Source{reported}, Members: []metering.Member{member("a")}},
	} {
		said := figure.Of(2, figure.BackupServer, at, tally)
		var bare, whole, parts bytes.Buffer
		for _, into := range []*bytes.Buffer{&bare, &whole} {
			e := json.NewEncoder(into)
			e.SetEscapeHTML(false)
			if err := e.Encode(said); err != nil {
				t.Fatal(err)
			}
			said.Explanation = figure.Explain(tally)
		}
		if err := figure.WriteExplained(&parts, bytes.TrimSpace(bare.Bytes()), tally); err != nil || parts.String() != string(bytes.TrimSpace(whole.Bytes())) {
			t.Errorf("%s: %v\n%s\n%s", name, err, parts.String(), whole.String())
		}
	}
}

package usage_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// The example of a reading in the documentation is one.
func TestDocumentedSnapshot(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/snapshot.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	s, err := usage.ParseSnapshot([]byte(example))
	if err == nil {
		err = s.Normalize(false)
	}
	if err != nil || len(s.Workloads) != 1 || len(s.Counters) != 1 {
		t.Errorf("%v: %+v", err, s)
	}
}

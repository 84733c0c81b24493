package json_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/report/json"
	"github.com/tallystick/tallystick/internal/report/reporttest"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	reporttest.Run(t, reporttest.Case{Format: json.Format{}, Texts: func(t *testing.T, data []byte) (texts []string) {
		t.Helper()
		var v any
		if err := stdjson.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for _, x := range v {
					walk(x)
				}
			case []any:
				for _, x := range v {
					walk(x)
				}
			default:
				texts = append(texts, fmt.Sprint(v))
			}
		}
		walk(v)
		return texts
	}})
}

// The form is kept: programs read it.
func TestForm(t *testing.T) {
	t.Parallel()
	d := reporttest.Sample()
	d.Sections[0].Rows = append(d.Sections[0].Rows[:2:2], d.Sections[0].Rows[len(d.Sections[0].Rows)-1])
	got := reporttest.Write(t, json.Format{}, &d)
	file := filepath.Join("testdata", "report.json")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not what is written now:\n%s", file, got)
	}
}

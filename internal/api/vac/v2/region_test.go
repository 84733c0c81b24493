package v2_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	v2 "github.com/tallystick/tallystick/internal/api/vac/v2"
)

// The golden files pin every number for ever; here are the properties that the tables must have.
func TestRegions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, v2.Profile30)
	code := regexp.MustCompile(`^[A-Z]{2}$`)
	// The few letters with accents are ordered as those without: "Åland Islands" before "Albania".
	plain := strings.NewReplacer("Å", "A", "ç", "c", "é", "e", "ô", "o", "ü", "u")
	for _, c := range []struct {
		path         string
		first, count int
	}{
		{"/v2/misc/countries", 3, 249},
		{"/v2/misc/usaStates", 1, 56},
	} {
		var all []struct {
			ID         int
			Code, Name string
		}
		if err := json.Unmarshal([]byte(w.get(c.path)), &all); err != nil {
			t.Fatal(err)
		}
		if len(all) != c.count {
			t.Errorf("%s: %d, want %d", c.path, len(all), c.count)
		}
		codes := map[string]bool{}
		last := ""
		for i, r := range all {
			if r.ID != c.first+i {
				t.Errorf("%s: %+v, want number %d", c.path, r, c.first+i)
			}
			if codes[r.Code] || !code.MatchString(r.Code) {
				t.Errorf("%s: the code of %+v", c.path, r)
			}
			name := plain.Replace(r.Name)
			if name <= last {
				t.Errorf("%s: %q comes after %q", c.path, name, last)
			}
			codes[r.Code], last = true, name
		}
	}
}

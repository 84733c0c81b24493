package usage

import (
	"strings"
	"testing"
)

// null is missing, everywhere (C44).
func TestNullIsMissing(t *testing.T) {
	t.Parallel()
	sections := func(text string) Snapshot {
		t.Helper()
		s, err := ParseSnapshot([]byte(strings.Replace(example, `"licensed": "100"`, `"licensed": "100", "sections": [`+text+`]`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Normalize(false); err != nil {
			t.Fatal(err)
		}
		return s
	}
	null, missing := sections(`{"kind": "Socket", "licensed": null, "used": null, "expiresAt": null}`), sections(`{"kind": "Socket"}`)
	if null.Digest() != missing.Digest() {
		t.Errorf("%s\n%s", null.Canonical(), missing.Canonical())
	}
}

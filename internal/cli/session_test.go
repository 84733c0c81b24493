package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// A console logs users in; the command line lists that and ends it.
func TestSessions(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	run := func(want int, line ...string) (out, said string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), append(line, "--data", data), strings.NewReader("correct horse battery\n"), &stdout, &stderr); code != want {
			t.Fatalf("%v: %d %s", line, code, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	run(exitDone, "user", "add", "--name", `contoso\jsmith`, "--role", "portal-administrator", "--password-stdin")
	if out, said := run(exitDone, "user", "sessions", `CONTOSO\jsmith`); out != "" || !strings.Contains(said, `User 1 (contoso\jsmith) is not logged in.`) {
		t.Errorf("%s%s", out, said)
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "tallystick.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	console := &access.Service{Users: store, Sessions: store, Now: time.Now}
	var pairs []access.Pair
	for range 3 {
		p, err := console.LoginAny(t.Context(), access.Client{Address: "192.0.2.7", Agent: "curl/8.5"}, access.Credentials{Name: `contoso\jsmith`, Password: "correct horse battery"})
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	out, _ := run(exitDone, "user", "sessions", `contoso\jsmith`)
	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	if !regexp.MustCompile(`(?s)^ID +BEGAN +RENEWED +UNTIL +ADDRESS +CLIENT\n([A-Z2-7]{26}( +` + at + `){3} +192.0.2.7 +curl/8.5\n){3}$`).MatchString(out) {
		t.Error(out)
	}
	out, said := run(exitDone, "user", "sessions", "list", `contoso\jsmith`, "--limit", "2", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 || len(list[0]) != 6 || list[0]["agent"] != "curl/8.5" || !strings.Contains(said, "more than these 2") {
		t.Fatalf("%s%s", out, said)
	}
	for _, p := range pairs {
		if strings.Contains(out, p.Access) || strings.Contains(out, p.Refresh) {
			t.Error("a token is shown")
		}
	}
	id, _ := list[0]["id"].(string)
	if _, said := run(exitDone, "user", "sessions", "revoke", `contoso\jsmith`, strings.ToLower(id)); !strings.Contains(said, "ended: 1.") {
		t.Error(said)
	}
	if _, said := run(exitFailed, "user", "sessions", "revoke", `contoso\jsmith`, id); !strings.Contains(said, `user 1 has no session "`+id) {
		t.Error(said)
	}
	if out, _ := run(exitDone, "user", "sessions", "revoke", `contoso\jsmith`, "--all", "--json"); out != "{\"ended\":2}\n" {
		t.Error(out)
	}
	for _, p := range pairs {
		if _, err := console.Check(t.Context(), p.Access); err == nil {
			t.Error("a token lives on")
		}
	}
	if out, _ := run(exitDone, "audit"); strings.Count(out, "revoked") != 2 || !strings.Contains(out, "session "+id+" revoked") || !strings.Contains(out, "all sessions revoked") {
		t.Error(out)
	}
}

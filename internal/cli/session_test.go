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
	console := &access.Service{Users: store, Sessions: store, APITokens: store, Factors: store, Now: time.Now}
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

// A token that the command line makes opens what it says, and nothing more, until the command line ends it.
func TestTokens(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	run := func(line ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Main(t.Context(), append(line, "--data", data), strings.NewReader("correct horse battery\n"), &stdout, &stderr); code != exitDone {
			t.Fatalf("%v: %d %s", line, code, stderr.String())
		}
		return strings.TrimSpace(stdout.String())
	}
	run("user", "add", "--name", "admin", "--role", "portal-administrator", "--password-stdin")
	run("company", "add", "--name", "a")
	run("company", "add", "--name", "b")
	run("server", "add", "--company", "name:a", "--name", "VBR01", "--installation-id", "installation")
	push := run("user", "token", "add", "--user", "admin", "--name", "push", "--scope", "push", "--server", "1", "--expires", "1d")
	read := run("user", "token", "add", "--user", "admin", "--name", "read", "--scope", "read", "--company", "3", "--expires", "1d")
	other := run("user", "token", "add", "--user", "admin", "--name", "other", "--scope", "read", "--expires", "1d")

	store, err := sqlite.Open(t.Context(), filepath.Join(data, "tallystick.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	console := &access.Service{Users: store, Sessions: store, APITokens: store, Factors: store, Now: time.Now}
	check := func(token string) access.Actor {
		t.Helper()
		console.Forget() // as when it hears that something changed
		a, err := console.Check(t.Context(), token)
		if err != nil {
			t.Error(err)
		}
		return a
	}
	if a := check(push); !access.MayPush(a, 2, 1) || access.MayPush(a, 3, 2) || access.May(a, access.Read, 2) {
		t.Errorf("%+v", a)
	}
	if a := check(read); access.MayPush(a, 3, 2) || !access.May(a, access.Read, 3) || access.May(a, access.Read, 2) {
		t.Errorf("%+v", a)
	}
	run("server", "remove", "1")
	run("company", "remove", "3")
	run("user", "token", "revoke", "3")
	console.Forget()
	for _, token := range []string{push, read, other} {
		if _, err := console.Check(t.Context(), token); err == nil {
			t.Error("a token lives on")
		}
	}
}

package cli

import (
	"bytes"
	"strings"
	"testing"
)

// Exit codes: 0 done, 1 failed, 2 usage (product.md §1); every class of mistake ends in words.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, line := range []string{"company add --name First", "server add --company 2 --name VBR01 --installation-id i"} {
		var out, said bytes.Buffer
		if got := Main(t.Context(), append(strings.Fields(line), "--data", data), strings.NewReader(""), &out, &said); got != exitDone {
			t.Fatalf("%q ends with %d:\n%s", line, got, said.String())
		}
	}
	for line, want := range map[string]int{
		"version":                         exitDone,
		"--help":                          exitDone,
		"":                                exitDone,
		"company add --name Northwind":    exitDone,
		"version --foo":                   exitUsage,
		"bogus":                           exitUsage,
		"usage":                           exitUsage,
		"usage show":                      exitUsage,
		"usage show 2 --resource z":       exitUsage,
		"usage show 2 --as-of=":           exitUsage,
		"usage show 2 --as-of 0001-01-01": exitUsage,
		"usage show 99":                   exitFailed,
		"import":                          exitUsage,
		"import nothing.json":             exitFailed,
		"server add --every 4":            exitUsage,
		"server add --product abacus":     exitUsage,
		"server test 9":                   exitFailed,
		"sim --scenario nothing.toml":     exitUsage,
		"--data= company list":            exitUsage,
		"user add --name x --role king":   exitUsage,
		"user add --name x --role portal-readonly --password-stdin": exitUsage, // the password is too short
		"demo --months 0":   exitUsage,
		"demo --listen foo": exitUsage,
		"sim --scenario first-light --listen 127.0.0.1:99999": exitUsage,
		"serve --listen foo":                                     exitUsage,
		"serve --zone Mars/Phobos":                               exitUsage,
		"usage show 2 --recorded-before 2199-01-01":              exitUsage,
		"reconcile 2 --recorded-before 2199-01-01":               exitUsage,
		"correct 1 --reason=":                                    exitUsage,
		"usage diff 2 --from 2026-10-02 --to 2026-10-01":         exitUsage,
		"usage series 2 --from 2026-10-02 --to 2026-10-01":       exitUsage,
		"usage series 2 --from 2001-10-02 --to 2026-10-01":       exitUsage,
		"server readings 1 --from 2026-10-02 --until 2026-10-01": exitUsage,
		"user sessions nobody":                                   exitFailed,
		"user sessions nobody --limit 0":                         exitUsage,
		"user sessions revoke nobody":                            exitUsage,
		"user sessions revoke nobody X --all":                    exitUsage,
		"user sessions revoke nobody --all":                      exitFailed,
	} {
		args := strings.Fields(line)
		if !strings.HasPrefix(line, "--data=") {
			args = append(args, "--data", data)
		}
		if line == "" {
			args = nil
		}
		var out, said bytes.Buffer
		if got := Main(t.Context(), args, strings.NewReader("x\n"), &out, &said); got != want {
			t.Errorf("%q ends with %d, want %d:\n%s", line, got, want, said.String())
		}
		if want != exitDone && said.Len() == 0 {
			t.Errorf("%q says nothing", line)
		}
	}
}

// A server that cannot be reached: the test fails in words, with 1.
func TestFailedServerTest(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	run := func(stdin string, args ...string) (int, string) {
		var out, said bytes.Buffer
		code := Main(t.Context(), append(args, "--data", data), strings.NewReader(stdin), &out, &said)
		return code, said.String()
	}
	if code, said := run("", "company", "add", "--name", "N"); code != exitDone {
		t.Fatal(said)
	}
	if code, said := run("secret\n", "server", "add", "--company", "2", "--url", "https://127.0.0.1:1", "--username", "u", "--password-stdin", "--insecure"); code != exitDone {
		t.Fatal(said)
	}
	if code, said := run("", "server", "test", "1"); code != exitFailed || !strings.Contains(said, "127.0.0.1:1") {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := run("", "collect"); code != exitFailed || !strings.Contains(said, "left a gap") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// Every command has --help with an example (product.md §1).
func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"serve", "demo", "sim", "company add", "company list", "company show", "company edit", "company disable", "company enable",
		"company remove", "server add", "server list", "server test", "server edit", "server remove", "collect", "import", "usage show",
		"user add", "user list", "user passwd", "user disable", "user enable", "user sessions", "user sessions list", "user sessions revoke", "alarms", "backup", "restore", "migrate", "doctor", "version",
	} {
		var out, said bytes.Buffer
		if code := Main(t.Context(), append(strings.Fields(line), "--help"), strings.NewReader(""), &out, &said); code != exitDone ||
			!strings.Contains(strings.Join(strings.Fields(out.String()), " "), "Example: ") {
			t.Errorf("%s --help: %d\n%s%s", line, code, out.String(), said.String())
		}
	}
}

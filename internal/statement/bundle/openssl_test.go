package bundle

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// auditorGuide is what an auditor reads.
const auditorGuide = "../../../docs/auditor.md"

// The commands of docs/auditor.md do what it says, on a bundle as it is written today: for one that is whole, and for one
// in which a figure was changed.
func TestAuditorsCommands(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"openssl", "sha256sum", "unzip", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("there is no ", program, " here")
		}
	}
	guide, err := os.ReadFile(auditorGuide)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh auditor\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		commands = append(commands, block[1])
	}
	if len(commands) != 4 {
		t.Fatalf("docs/auditor.md has %d commands marked with \"sh auditor\", not 4", len(commands))
	}
	w, c := months(t)
	w.export(c, september, 1)
	second := w.export(c, october, 0)
	dir := t.TempDir()
	write := func(name string, data []byte) {
		w.check(os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	write("tallystick-2-2026-10-1.zip", second.Data)
	write("tallystick-2-2026-09-1.zip", w.export(c, september, 1).Data)
	run := func(script string) (string, error) {
		command := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		command.Dir, command.Env = dir, append(os.Environ(), "LC_ALL=C")
		out, err := command.CombinedOutput()
		return string(out), err
	}
	wants := []string{"extracting: bundle/statement.json", w.fingerprint() + "  -\nSignature Verified Successfully\n", "statement.json: OK\n", second.fieldOfPrevious(t)}
	for i, script := range commands {
		if out, err := run(script); err != nil || !strings.Contains(out, wants[i]) {
			t.Errorf("%s: %v\n%s\nshould say %s", script, err, out, wants[i])
		}
	}
	statement, err := os.ReadFile(filepath.Join(dir, "bundle", statementFile))
	w.check(err)
	write("bundle/"+statementFile, []byte(strings.Replace(string(statement), `"count":7`, `"count":6`, 1)))
	if out, err := run(commands[2]); err == nil || !strings.Contains(out, "statement.json: FAILED") {
		t.Errorf("a changed figure: %v\n%s", err, out)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "bundle", sumsFile))
	w.check(err)
	write("bundle/"+sumsFile, []byte(strings.Replace(string(sums), "0", "1", 1)))
	if out, err := run(commands[1]); err == nil || !strings.Contains(out, "Signature Verification Failure") {
		t.Errorf("a changed checksum: %v\n%s", err, out)
	}
}

// fieldOfPrevious is the SHA-256 of the bundle before it, as it says.
func (m *Made) fieldOfPrevious(t *testing.T) string {
	t.Helper()
	b, err := Read(m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return b.Previous.Before.SHA256
}

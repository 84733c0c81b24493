package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

// What somebody changes in a database with SQL is told by the checks of doctor, each in words that name it.
func TestTamperingIsTold(t *testing.T) {
	t.Parallel()
	whole := seeded(t)
	if found := problems(t, whole); len(found) > 0 {
		t.Fatalf("before: %q", found)
	}
	file := filepath.Join(t.TempDir(), "whole.db")
	if _, err := whole.writer.ExecContext(t.Context(), `VACUUM INTO $1`, file); err != nil {
		t.Fatal(err)
	}
	content := readFile(t, file)
	for statement, word := range map[string]string{
		`DELETE FROM installations WHERE server = 1`:                           "server 1 said the installation id",
		`UPDATE installations SET position = position + 1 WHERE server = 1`:    "server 1 said the installation id",
		`INSERT INTO installations VALUES ('nobody', 2, 3)`:                    `"nobody" of server 2`,
		`UPDATE tips SET installation_id = 'other' WHERE server = 1`:           "latest reading of server 1",
		`UPDATE tips SET body = (SELECT body FROM tips WHERE server = 2)`:      "server 1",
		`DELETE FROM tips WHERE server = 2`:                                    "is not there",
		`DELETE FROM gaps`:                                                     "a gap, is not there",
		`UPDATE gaps SET server = 2`:                                           "a gap of server 1 in the log",
		`DELETE FROM corrections`:                                              "a correction, is not there",
		`UPDATE corrections SET entry = entry - 1`:                             "checksum",
		`DELETE FROM facts WHERE position = (SELECT MAX(position) FROM facts)`: "a fact, is not there",
		`UPDATE facts SET value = '3' WHERE attribute = 'company'`:             "checksum",
		`UPDATE meta SET position = position - 1`:                              "the head says",
		`DELETE FROM log`:                "the log goes from entry 0",
		`UPDATE chunks SET body = X'00'`: "server 1",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			s := openAt(t, copyOf(t, content))
			if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			if found := strings.Join(problems(t, s), "\n"); !strings.Contains(found, word) {
				t.Errorf("told is %q, which does not name %q", found, word)
			}
		})
	}
}

package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/storetest"
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
		`INSERT INTO installations VALUES ('nobody', 2, 3, 0)`:                 `"nobody" of server 2`,
		`UPDATE tips SET installation_id = 'other' WHERE server = 1`:           "end of the history of server 1",
		`UPDATE tips SET body = (SELECT body FROM tips WHERE server = 2)`:      "server 1",
		`DELETE FROM tips WHERE server = 2`:                                    "is not there",
		`DELETE FROM gaps`:                                                     "a gap, is not there",
		`UPDATE gaps SET server = 2`:                                           "a gap of server 1 in the log",
		`DELETE FROM corrections`:                                              "a correction, is not there",
		`UPDATE corrections SET entry = entry - 1`:                             "checksum",
		`DELETE FROM facts WHERE position = (SELECT MAX(position) FROM facts)`: "a fact, is not there",
		`UPDATE facts SET value = '3' WHERE attribute = 'company'`:             "checksum",
		`UPDATE meta SET position = position - 1`:                              "the head has a wrong checksum",
		`DELETE FROM log`:                                          "the log goes from entry 0",
		`UPDATE chunks SET body = X'00'`:                           "the readings of server 1, of which 4 cannot be read",
		`UPDATE companies SET name = 'other' WHERE id = 2`:         "company 2",
		`UPDATE companies SET removed_at = NULL WHERE id = 3`:      "company 3",
		`UPDATE servers SET product = 'console' WHERE id = 1`:      "server 1",
		`UPDATE servers SET tls_insecure = 0 WHERE id = 1`:         "server 1",
		`UPDATE users SET role = 'portal-administrator'`:           "user 1",
		`UPDATE singles SET subject = 'another'`:                   "single sign-on of user 1",
		`UPDATE singles SET issuer = NULL, subject = NULL`:         "single sign-on of user 1",
		`UPDATE sessions SET access_end = access_end + 1`:          "session of user 1",
		`UPDATE sessions SET address = 'elsewhere'`:                "session of user 1",
		`UPDATE api_tokens SET scopes = 'use-v2'`:                  "token 1",
		`UPDATE user_factors SET step = 0`:                         "second factor of user 1 has a wrong checksum",
		`UPDATE user_factors SET recovery = X''`:                   "second factor of user 1 has a wrong checksum",
		`UPDATE once SET status = 200`:                             `key "later" of user 1`,
		`UPDATE feed SET status = 'Resolved' WHERE seq = 1`:        "change 1",
		`UPDATE feed SET month = '2026-09' WHERE number = 1`:       "change",
		`UPDATE events SET status = 'Error'`:                       "event 1",
		`UPDATE events SET company = 3 WHERE company = 2`:          "event 2",
		`UPDATE activations SET message = ''`:                      "an activation of event 1",
		`UPDATE events SET remark = 'other' WHERE id = 2`:          "event 2",
		`UPDATE events SET held = 'Error' WHERE id = 1`:            "event 1",
		`UPDATE steps SET actor = 'other'`:                         "a step of event 2",
		`UPDATE mark SET position = position + 1`:                  "the mark of late facts has a wrong checksum",
		`DELETE FROM mark`:                                         "up to where late facts were looked for",
		`UPDATE gaps SET text = 'other' WHERE position = 13`:       "the gap at entry 13",
		`UPDATE chunks SET base_reading = 1`:                       "a chunk of server 1",
		`UPDATE log SET first_recorded = first_recorded + 1`:       "the log from entry 1",
		`UPDATE statements SET priced = NULL WHERE company = 2`:    "the statement of 2026-10 of company 2 has a wrong checksum",
		`UPDATE statements SET priced = X'7B7D' WHERE company = 2`: "the statement of 2026-10 of company 2 has a wrong checksum",
		`UPDATE bundles SET sha256 = ''`:                           "the bundle of 2026-10 of company 2",
		`UPDATE bundles SET "key" = sha256`:                        "the bundle of 2026-10 of company 2",
		`UPDATE repositories SET present = 0`:                      "repository 1 has a wrong checksum",
		`UPDATE jobs SET duration = NULL`:                          "job 1 has a wrong checksum",
		`UPDATE inventories SET failed = ''`:                       "the inventory of server 1 has a wrong checksum",
		`UPDATE credentials SET hosts = hosts || ' *.evil'`:        "credential set 1 has a wrong checksum",
		`UPDATE credentials SET name_key = 'other'`:                "credential set 1 has a wrong checksum",
		`UPDATE meta SET fleet = fleet + 1`:                        "the head has a wrong checksum",
		`UPDATE catalogs SET body = 'other'`:                       "catalogue 2026-11+own has a wrong checksum",
		`DELETE FROM catalogs`:                                     "the rows of catalogue 2026-11+own, which counts from entry",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			s := openAt(t, copyOf(t, content))
			if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			found := strings.Join(problems(t, s), "\n")
			if !strings.Contains(found, word) {
				t.Errorf("told is %q, which does not name %q", found, word)
			}
			if strings.Contains(found, "cannot be read") && strings.Contains(found, "a snapshot, is not there") {
				t.Errorf("a reading behind the damage is told again: %q", found)
			}
		})
	}
}

// Where a server's readings or what is said of them were lost, nothing is written after them and they are not listed.
func TestLossIsNotAnsweredOver(t *testing.T) {
	t.Parallel()
	whole := seeded(t)
	file := filepath.Join(t.TempDir(), "whole.db")
	if _, err := whole.writer.ExecContext(t.Context(), `VACUUM INTO $1`, file); err != nil {
		t.Fatal(err)
	}
	content := readFile(t, file)
	lost := func(t *testing.T, statement string) *Store {
		t.Helper()
		s := openAt(t, copyOf(t, content))
		if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := func(s *Store, server usage.ServerID) ([]ledger.Entry, error) {
		return s.Entries(t.Context(), server, time.Time{}, storetest.Now().AddDate(1, 0, 0))
	}
	if entries, err := all(whole, 1); err != nil || len(entries) == 0 {
		t.Fatalf("before: %d entries, %v", len(entries), err)
	}
	for _, statement := range []string{
		`DELETE FROM tips WHERE server = 1`, `DELETE FROM gaps`, `DELETE FROM corrections`,
	} {
		if entries, err := all(lost(t, statement), 1); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: %d entries are listed, %v", statement, len(entries), err)
		}
	}
	for _, asked := range []bool{false, true} { // whether the program knows the log already
		s := lost(t, `DELETE FROM tips WHERE server = 1`)
		if asked {
			_, _ = s.Facts(t.Context(), 2, usage.ProductVBR, storetest.Now(), 1<<60)
		}
		next := usage.Snapshot{TakenAt: storetest.Now(), Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "n"}}
		if r, err := s.AppendSnapshot(t.Context(), 1, &next, storetest.Now()); !fault.Is(err, fault.Internal) {
			t.Errorf("asked before: %t: a reading behind the lost ones is entry %d, %v", asked, r.Position, err)
		}
	}
}

package secret

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func TestOpenOrCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	if _, err := OpenOrCreate(path, false); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "put it back from your backup") {
		t.Fatalf("missing, and must not be made: %v", err)
	}
	first, err := OpenOrCreate(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	sealed := mustSeal(t, first, 1, "kept")
	for _, mayCreate := range []bool{false, true} {
		again, err := OpenOrCreate(path, mayCreate)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Unseal(OfServer(1), sealed); err != nil || got != "kept" {
			t.Fatalf("opened again: %q, %v", got, err)
		}
	}
	onlyFile(t, path)
}

// Many at once: one key wins, all have it, and nothing else is left behind.
func TestCreatorsRace(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "secret.key")
		var boxes [8]*Box
		var errs [8]error
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range boxes {
			group.Go(func() {
				<-start
				boxes[i], errs[i] = OpenOrCreate(path, true)
			})
		}
		close(start)
		group.Wait()
		for i := range boxes {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			sealed := mustSeal(t, boxes[0], 4, "shared")
			if got, err := boxes[i].Unseal(OfServer(4), sealed); err != nil || got != "shared" {
				t.Fatalf("creator %d has another key: %q, %v", i, got, err)
			}
		}
		onlyFile(t, path)
	}
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Fatalf("the directory holds %v, %v", entries, err)
	}
}

func TestCreateKeepsAnExistingKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	if err := create(path, newKeyText()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := create(path, newKeyText()); err == nil {
		t.Error("made a second key in its place")
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key file changed: %v", err)
	}
	onlyFile(t, path)
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := keyMark + base64.StdEncoding.EncodeToString(make([]byte, keySize)) + "\n"
	for _, test := range []struct {
		name, text string
		mode       fs.FileMode
		code       fault.Code
		say        string
	}{
		{"empty", "", 0o600, fault.Invalid, "not a key file"},
		{"another file", "-----BEGIN CERTIFICATE-----\n", 0o600, fault.Invalid, "not a key file"},
		{"another version", strings.Replace(good, "v1", "v2", 1), 0o600, fault.Invalid, "not a key file"},
		{"cut", good[:len(good)-9], 0o600, fault.Invalid, "damaged: its key is not 32 bytes in base64 (44 characters, here 36)"},
		{"16 bytes", keyMark + base64.StdEncoding.EncodeToString(make([]byte, 16)), 0o600, fault.Invalid, "not 32 bytes"},
		{"33 bytes", keyMark + base64.StdEncoding.EncodeToString(make([]byte, 33)), 0o600, fault.Invalid, "not 32 bytes"},
		{"text behind", good + good, 0o600, fault.Invalid, "damaged"},
		{"very long", keyMark + strings.Repeat("A", 2*keyFileLimit), 0o600, fault.Invalid, "damaged"},
		{"group may read", good, 0o640, fault.Denied, "(mode 0640). Change that with: chmod 600 '"},
		{"others may read", good, 0o604, fault.Denied, "chmod 600"},
		{"good", good, 0o400, "", ""},
		{"good with CRLF", strings.TrimSuffix(good, "\n") + "\r\n", 0o600, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "secret.key")
			if err := os.WriteFile(path, []byte(test.text), test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if got := fault.CodeOf(err); got != test.code || err != nil && !strings.Contains(err.Error(), test.say) {
				t.Errorf("got %q: %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "AAAA") {
				t.Errorf("the message repeats the key: %v", err)
			}
		})
	}
}

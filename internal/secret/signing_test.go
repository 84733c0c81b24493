package secret

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

func signingKeys(t *testing.T, dir string) []SigningKey {
	t.Helper()
	keys, err := SigningKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A key is made once, by whoever is first, for its owner alone; rotated, the old ones stay and still sign.
func TestSigningKeysRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := SigningKeys(dir); !fault.Is(err, fault.NotFound) {
		t.Fatalf("none yet: %v", err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := CreateSigning(dir); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var made []ed25519.PublicKey // the oldest first
	message := []byte("message")
	var signed [][]byte
	for round := range 4 {
		keys := signingKeys(t, dir)
		if len(keys) != round+1 || keys[0].Number != 0 {
			t.Fatalf("round %d: %d keys, the first has number %d", round, len(keys), keys[0].Number)
		}
		made, signed = append(made, keys[0].Public()), append(signed, keys[0].Sign(message))
		for i, k := range keys {
			age := round - i
			if !k.Public().Equal(made[age]) || i > 0 && k.Number != age+1 || !bytes.Equal(k.Sign(message), signed[age]) {
				t.Errorf("round %d: key %d (%d) is not the one that was made as number %d", round, i, k.Number, age)
			}
			if !ed25519.Verify(made[age], message, k.Sign(message)) {
				t.Error("a signature does not hold")
			}
			if info, err := os.Stat(k.Path); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		}
		if err := RotateSigning(dir); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	// A rotation that ended half-way left the key under both names: it is one key, and the next rotation keeps it.
	if err := os.Link(filepath.Join(dir, SigningFile), filepath.Join(dir, oldSigningFile(5))); err != nil {
		t.Fatal(err)
	}
	before := signingKeys(t, dir)
	if len(before) != 5 {
		t.Errorf("%d keys", len(before))
	}
	if err := RotateSigning(dir); err != nil {
		t.Fatal(err)
	}
	if after := signingKeys(t, dir); !after[1].Public().Equal(before[0].Public()) {
		t.Error("the key that signed until now is lost")
	}
	// One that is lost altogether: a new one is made, and the old ones are still known.
	if err := os.Remove(filepath.Join(dir, SigningFile)); err != nil {
		t.Fatal(err)
	}
	if err := RotateSigning(dir); err != nil {
		t.Fatal(err)
	}
	if after := signingKeys(t, dir); !after[1].Public().Equal(before[0].Public()) && !after[2].Public().Equal(before[0].Public()) {
		t.Error("the old keys are lost")
	}
}

func TestOpenSigningRefuses(t *testing.T) {
	t.Parallel()
	good, err := newSigningText()
	if err != nil {
		t.Fatal(err)
	}
	const rsa = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIFB/x7kCHgDDFHgAxHkCHgDDFHgAxHkCHgDDFHgAxHkA\n-----END PRIVATE KEY-----\n" // X25519
	for _, test := range []struct {
		name, text string
		mode       fs.FileMode
		code       fault.Code
		say        string
	}{
		{"good", good, 0o600, "", ""},
		{"read only", good, 0o400, "", ""},
		{"group may read", good, 0o640, fault.Denied, "chmod 600"},
		{"empty", "", 0o600, fault.Invalid, "no private key"},
		{"of passwords", newKeyText(), 0o600, fault.Invalid, "no private key"},
		{"a certificate", strings.ReplaceAll(good, "PRIVATE KEY", "CERTIFICATE"), 0o600, fault.Invalid, "no private key"},
		{"two keys", good + good, 0o600, fault.Invalid, "no private key"},
		{"another kind", rsa, 0o600, fault.Invalid, "no ed25519 key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, SigningFile), []byte(test.text), test.mode); err != nil {
				t.Fatal(err)
			}
			keys, err := SigningKeys(dir)
			if got := fault.CodeOf(err); got != test.code || err != nil && !strings.Contains(err.Error(), test.say) {
				t.Errorf("got %q: %v", got, err)
			}
			if rotated := RotateSigning(dir); (rotated == nil) != (test.code == "") {
				t.Errorf("rotating: %v", rotated)
			}
			body := strings.Split(good, "\n")[1]
			if text := fmt.Sprintf("%v %+v %#v", keys, keys, err); strings.Contains(text, body) || strings.Contains(text, body[20:40]) {
				t.Errorf("the key is repeated: %s", text)
			}
		})
	}
}

package app

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/secret"
)

// What was sealed by an older console opens still, and for its owner alone: second factors are kept so, and who is between two steps of signing in while
// the console is updated goes on.
func TestSealedBeforeOpens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), keyFile)
	if err := os.WriteFile(path, []byte("tallystick-key/v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	box, err := secret.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	seal := factorSeal{&App{box: box}}
	owners := []access.Owner{{}, {Factor: 7}, {Factor: 8}}
	for owner, sealed := range map[access.Owner]string{
		{}:          "01b5e7d437e5c47c68ded14200cbb23e2b0c3fe71910535e04f54dd74457e9b1939d858979af6ea4a3fe934627b1f0172e64e9be0e",
		{Factor: 7}: "01b5e7d437e5c47c6857038a6d7f4e053e97f51aa76b41be82143af8ff19c37f69e893d44c16e31e4600027953caa4649a0c22c18e",
	} {
		text, err := hex.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range owners {
			got, err := seal.Unseal(of, text)
			if of == owner && (err != nil || got != "JBSWY3DPEHPK3PXP") || of != owner && !fault.Is(err, fault.Invalid) {
				t.Errorf("sealed for %+v, opened for %+v: %q, %v", owner, of, got, err)
			}
		}
	}
}

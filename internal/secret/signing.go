package secret

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// SigningFile is the file of the key that signs now; those that signed before lie beside it, numbered from 1.
const SigningFile = "statement.key"

const signingType = "PRIVATE KEY" // PKCS#8, as openssl reads it

func oldSigningFile(number int) string { return fmt.Sprintf("statement-%d.key", number) }

// SigningKey signs and does not show its key.
type SigningKey struct {
	Path   string
	Number int // 0: it signs now; else of those that did before, the oldest first

	public ed25519.PublicKey
	sign   func(message []byte) []byte
}

// Public gives the key that its signatures are checked with.
func (k SigningKey) Public() ed25519.PublicKey { return k.public }

// Sign gives the signature of a message: the same one each time.
func (k SigningKey) Sign(message []byte) []byte { return k.sign(message) }

func newSigningKey(path string, number int, key ed25519.PrivateKey) SigningKey {
	public := ed25519.PublicKey(bytes.Clone(key[ed25519.PrivateKeySize-ed25519.PublicKeySize:]))
	return SigningKey{path, number, public, func(message []byte) []byte { return ed25519.Sign(key, message) }}
}

// SigningKeys gives the keys of a data directory: the one that signs now, then those before it, the newest first. NotFound:
// none signs now.
func SigningKeys(dir string) ([]SigningKey, error) {
	current, err := openSigning(filepath.Join(dir, SigningFile), 0)
	if err != nil {
		return nil, err
	}
	old, err := oldSigningKeys(dir)
	keys := []SigningKey{current}
	for i := range old {
		if k := old[len(old)-1-i]; !k.public.Equal(current.public) { // a rotation that was interrupted
			keys = append(keys, k)
		}
	}
	return keys, err
}

// oldSigningKeys gives those that signed before, the oldest first.
func oldSigningKeys(dir string) (old []SigningKey, err error) {
	numbers, err := oldNumbers(dir)
	for _, number := range numbers {
		k, err := openSigning(filepath.Join(dir, oldSigningFile(number)), number)
		if err != nil {
			return nil, err
		}
		old = append(old, k)
	}
	return old, err
}

// oldNumbers gives the numbers of the files that are there: some may have been taken away.
func oldNumbers(dir string) (numbers []int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	for _, e := range entries {
		var number int
		if _, err := fmt.Sscanf(e.Name(), "statement-%d.key", &number); err == nil && number > 0 && e.Name() == oldSigningFile(number) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// CreateSigning makes the first key of a data directory, unless there is one by now.
func CreateSigning(dir string) error {
	path := filepath.Join(dir, SigningFile)
	text, err := newSigningText()
	if err == nil {
		err = create(path, text)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fault.Wrap(err, fault.Unavailable, "the key file %s cannot be made: %v", path, err)
	}
	return durable(dir, path)
}

// RotateSigning makes a new key that signs from now on, and keeps the old one beside it. Where the old one is lost, it is
// only the new one that is made.
func RotateSigning(dir string) error {
	path := filepath.Join(dir, SigningFile)
	_, err := openSigning(path, 0)
	lost := fault.Is(err, fault.NotFound)
	if err != nil && !lost {
		return err
	}
	text, err := newSigningText()
	if err != nil {
		return err
	}
	temp, err := writeTemp(path, text)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "a new key cannot be written: %v", err)
	}
	if !lost {
		err = keepOld(dir, path)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return fault.Wrap(errors.Join(err, os.Remove(temp)), fault.Unavailable, "the key stays as it is: %v", err)
	}
	return durable(dir, path)
}

// keepOld gives the key that signs another name, behind all others; it keeps its first until the new key takes that.
func keepOld(dir, path string) error {
	numbers, err := oldNumbers(dir)
	if err != nil {
		return err
	}
	next := 1
	if n := len(numbers); n > 0 {
		next = numbers[n-1] + 1
	}
	return os.Link(path, filepath.Join(dir, oldSigningFile(next)))
}

func durable(dir, path string) error {
	if err := syncDir(dir); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the key file %s cannot be made durable: %v", path, err)
	}
	return nil
}

func newSigningText() (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: signingType, Bytes: der})), err
}

// openSigning reads a key file, under the same guard as that of the passwords. What it read it never repeats.
func openSigning(path string, number int) (SigningKey, error) {
	text, err := readFile(path)
	if err != nil {
		return SigningKey{}, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != signingType || len(bytes.TrimSpace(rest)) > 0 {
		return SigningKey{}, fault.New(fault.Invalid, "%s is not a key file of statements, or it is damaged: it holds no private key in PEM. Put it back from your backup", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return SigningKey{}, fault.New(fault.Invalid, "%s holds no ed25519 key, or it is damaged. Put it back from your backup", path)
	}
	return newSigningKey(path, number, key), nil
}

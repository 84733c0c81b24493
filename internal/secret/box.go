package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

const (
	keySize     = 32 // bytes: AES-256
	version     = 1
	idSize      = 8
	headSize    = 1 + idSize
	overheadGCM = 12 + 16 // nonce and tag
)

// Box seals and unseals with the key of one file. Its methods may be called at the same time.
type Box struct {
	path  string
	head  [headSize]byte // version and key id: how everything that it sealed begins
	aead  cipher.AEAD
	marks [sha256.Size]byte // the key of Mark
}

func newBox(path string, key []byte) (*Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the key in %s cannot be used", path)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the key in %s cannot be used", path)
	}
	b := &Box{path: path, aead: aead}
	b.head[0] = version
	id := sha256.Sum256(append([]byte("tallystick key id\x00"), key...))
	copy(b.head[1:], id[:idSize])
	b.marks = sha256.Sum256(append([]byte("tallystick mark key\x00"), key...))
	return b, nil
}

// Mark tells a text from others, and says nothing of it to whoever has not the key file: the text may hold a password.
func (b *Box) Mark(text []byte) []byte {
	h := hmac.New(sha256.New, b.marks[:])
	h.Write(text)
	return h.Sum(nil)
}

// Owner is what a secret is for: it opens for nothing else.
type Owner struct {
	id   int64
	kind kind
}

// kind is empty for servers, which came first.
type kind string

const (
	credentialSet kind = "credential"
	secondFactor  kind = "second factor"
	halfSignIn    kind = "half a sign-in"
	signInThere   kind = "a sign-in elsewhere"
)

// OfServer is a server with an account of its own.
func OfServer(id usage.ServerID) Owner { return Owner{id: int64(id)} }

// OfCredential is a credential set.
func OfCredential(id int64) Owner { return Owner{id, credentialSet} }

// OfFactor is the second factor of a user.
func OfFactor(user int64) Owner { return Owner{user, secondFactor} }

// OfSignIn is what a browser holds between the steps of signing in.
func OfSignIn() Owner { return Owner{kind: halfSignIn} }

// OfSingle is what a browser holds while somebody signs in elsewhere.
func OfSingle() Owner { return Owner{kind: signInThere} }

func (o Owner) String() string {
	switch o.kind {
	case credentialSet:
		return fmt.Sprintf("the password of credential set %d", o.id)
	case secondFactor:
		return fmt.Sprintf("the second factor of user %d", o.id)
	case halfSignIn, signInThere:
		return "what a browser holds while somebody signs in"
	}
	return fmt.Sprintf("the password of server %d", o.id)
}

// remedy is what to do when it cannot be opened any more.
func (o Owner) remedy() string {
	switch o.kind {
	case credentialSet:
		return fmt.Sprintf("give it again with: tallystick credential edit %d --password-stdin", o.id)
	case secondFactor:
		return "take it off with: tallystick user second-factor NAME --remove"
	case halfSignIn, signInThere:
		return "sign in again"
	}
	return fmt.Sprintf("give it again with: tallystick server edit %d --password-stdin", o.id)
}

// Seal encrypts a text for one owner, in the layout of the package comment; two seals of one text differ.
func (b *Box) Seal(of Owner, password string) ([]byte, error) {
	sealed := make([]byte, headSize, headSize+overheadGCM+len(password))
	copy(sealed, b.head[:])
	return b.aead.Seal(sealed, nil, []byte(password), b.bound(of)), nil //nolint:gosec // G407: this AEAD draws its own nonce
}

// Unseal gives the password that Seal got. Conflict: sealed with another key file. Invalid: damaged, changed, or
// sealed for something else.
func (b *Box) Unseal(of Owner, sealed []byte) (string, error) {
	switch {
	case len(sealed) < headSize+overheadGCM, sealed[0] != version:
		return "", damaged(of, nil)
	case !bytes.Equal(sealed[:headSize], b.head[:]):
		return "", fault.New(fault.Conflict, "the key file %s is not the one that sealed %s: put the right key file back, or %s", b.path, of, of.remedy())
	}
	password, err := b.aead.Open(nil, nil, sealed[headSize:], b.bound(of))
	if err != nil {
		return "", damaged(of, err)
	}
	return string(password), nil
}

// bound is what a sealed text is authenticated with: its head, the number of what it is for, and of what kind that is.
func (b *Box) bound(of Owner) []byte {
	with := binary.BigEndian.AppendUint64(b.head[:], uint64(of.id)) //nolint:gosec // the same bits, not a quantity
	return append(with, of.kind...)
}

func damaged(of Owner, cause error) error {
	return fault.Wrap(cause, fault.Invalid, "%s is damaged, or was copied from elsewhere: %s", of, of.remedy())
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // ends the program rather than fail
	return key
}

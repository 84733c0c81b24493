package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

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
	path string
	head [headSize]byte // version and key id: how everything that it sealed begins
	aead cipher.AEAD
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
	return b, nil
}

// Seal encrypts a password for one server, in the layout of the package comment; two seals of one text differ.
func (b *Box) Seal(server usage.ServerID, password string) ([]byte, error) {
	sealed := make([]byte, headSize, headSize+overheadGCM+len(password))
	copy(sealed, b.head[:])
	return b.aead.Seal(sealed, nil, []byte(password), b.bound(server)), nil //nolint:gosec // G407: this AEAD draws its own nonce
}

// Unseal gives the password that Seal got. Conflict: sealed with another key file. Invalid: damaged, changed, or
// sealed for another server.
func (b *Box) Unseal(server usage.ServerID, sealed []byte) (string, error) {
	switch {
	case len(sealed) < headSize+overheadGCM, sealed[0] != version:
		return "", damaged(server, nil)
	case !bytes.Equal(sealed[:headSize], b.head[:]):
		return "", fault.New(fault.Conflict, "the key file %s is not the one that sealed the password of server %s: put the right key file back, or give the password again with: tallystick server edit %s --password-stdin", b.path, server, server)
	}
	password, err := b.aead.Open(nil, nil, sealed[headSize:], b.bound(server))
	if err != nil {
		return "", damaged(server, err)
	}
	return string(password), nil
}

// bound is what a sealed text is authenticated with: its head and its server.
func (b *Box) bound(server usage.ServerID) []byte {
	return binary.BigEndian.AppendUint64(b.head[:], uint64(server)) //nolint:gosec // the same bits, not a quantity
}

func damaged(server usage.ServerID, cause error) error {
	return fault.Wrap(cause, fault.Invalid, "the sealed password of server %s is damaged, or was copied from another server: give it again with: tallystick server edit %s --password-stdin", server, server)
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // ends the program rather than fail
	return key
}

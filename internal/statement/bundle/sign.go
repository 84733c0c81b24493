package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Signer signs with a key that it does not show.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(message []byte) []byte
}

// Fingerprint names a public key: the SHA-256 of its DER form, in 64 hex digits.
func Fingerprint(key ed25519.PublicKey) string { return Sum(publicDER(key)) }

// Sum is a SHA-256 in 64 hex digits.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func publicDER(key ed25519.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil { // cannot happen: every ed25519 key has a form
		panic(err)
	}
	return der
}

const pemType = "PUBLIC KEY"

func publicPEM(key ed25519.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: publicDER(key)})
}

func parsePublicPEM(text []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, fault.New(fault.Invalid, "%s holds no public key", keyFile)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok || !bytes.Equal(publicPEM(key), text) {
		return nil, fault.Wrap(err, fault.Invalid, "%s does not hold an ed25519 key as Tallystick writes it", keyFile)
	}
	return key, nil
}

// sums writes a line for each file, as sha256sum does.
func sums(files []file) []byte {
	var b []byte
	for _, f := range files {
		b = fmt.Appendf(b, "%s  %s\n", Sum(f.body), f.name)
	}
	return b
}

// sign adds the checksums of all files and the signature of these.
func sign(files []file, by Signer) []file {
	s := sums(files)
	return append(files[:len(files):len(files)], file{sumsFile, s}, file{signatureFile, by.Sign(s)})
}

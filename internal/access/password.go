package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// The bounds of a password: at least what OWASP ASVS 5.0 §6.2.1 asks for, in
// characters; at most what costs nothing to hash, in bytes. No rule of
// composition (§6.2.5), nothing is cut off or changed before hashing (§6.2.8).
const (
	passwordCharactersMin = 8
	passwordBytesMax      = 1024
)

// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const (
	argonMemoryKiB = 19 << 10
	argonPasses    = 2
	argonLanes     = 1
	saltBytes      = 16
	hashBytes      = 32
)

// A hash costs 19 MiB and tens of milliseconds of a core: two at a time are enough.
const hashersMax = 2

// phc is a parsed argon2id hash in PHC form.
type phc struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, hash        []byte
}

func (p *phc) of(password string) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memoryKiB, p.lanes, uint32(len(p.hash))) //nolint:gosec // parsePHC bounds it
}

// matches compares in constant time.
func (p *phc) matches(password string) bool {
	return subtle.ConstantTimeCompare(p.of(password), p.hash) == 1
}

func (p *phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s%s", argon2.Version, p.memoryKiB, p.passes, p.lanes,
		base64.RawStdEncoding.EncodeToString(p.salt), hashEnd(p.hash))
}

func hashEnd(hash []byte) string { return "$" + base64.RawStdEncoding.EncodeToString(hash) }

// newPHC has a new salt and an empty hash.
func newPHC() *phc {
	p := &phc{argonMemoryKiB, argonPasses, argonLanes, make([]byte, saltBytes), make([]byte, hashBytes)}
	_, _ = rand.Read(p.salt) // never fails: it ends the program instead
	return p
}

// parsePHC refuses parameters that would stop the machine, whatever is in the store.
func parsePHC(text string) (*phc, error) {
	var p phc
	var version int
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return nil, fault.New(fault.Internal, "a stored password hash is not argon2id")
	}
	_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
	_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memoryKiB, &p.passes, &p.lanes)
	salt, err3 := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	hash, err4 := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	p.salt, p.hash = salt, hash
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || version != argon2.Version ||
		p.memoryKiB > 1<<20 || p.passes < 1 || p.passes > 16 || p.lanes < 1 || len(salt) < 8 || len(hash) < 16 || len(hash) > 64 {
		return nil, fault.New(fault.Internal, "a stored password hash is damaged")
	}
	return &p, nil
}

// CheckPassword gives what is wrong with a password that somebody chose.
func CheckPassword(password string) (fields []fault.Field) {
	checkPassword(&fields, password)
	return fields
}

func checkPassword(fields *[]fault.Field, password string) {
	switch {
	case utf8.RuneCountInString(password) < passwordCharactersMin:
		*fields = append(*fields, fault.Field{Path: "password", Text: fmt.Sprintf("needs at least %d characters; a sentence of a few words is good", passwordCharactersMin)})
	case len(password) > passwordBytesMax:
		*fields = append(*fields, fault.Field{Path: "password", Text: fmt.Sprintf("is longer than %d bytes", passwordBytesMax)})
	}
}

// hash hashes a password for the store.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if err := s.hasher.enter(ctx, hashersMax); err != nil {
		return "", err
	}
	defer s.hasher.leave()
	p := newPHC()
	p.hash = p.of(password)
	return p.String(), nil
}

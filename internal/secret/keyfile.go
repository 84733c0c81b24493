package secret

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

const (
	keyMark      = "tallystick-key/v1 "
	keyFileLimit = 4096 // bytes read at most; a key file is far smaller
)

// What helps where the key that sealed passwords and second factors is lost. A key file that is there is never replaced.
const (
	sealAnew = "give the passwords of all servers and credential sets again, each with: tallystick server edit SERVER --password-stdin --new-key, or tallystick credential edit NAME --password-stdin --new-key; and take the second factors of users off, each with: tallystick user second-factor NAME --remove"
	putBack  = "Put it back from your backup. Without one, move it away and " + sealAnew
)

// Open reads a key file. NotFound: there is none. Invalid: it is not a key file. Denied: others may read it, or we may not.
func Open(path string) (*Box, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(path, string(text))
	if err != nil {
		return nil, err
	}
	return newBox(path, key)
}

// readFile reads a key file that nobody else may read.
func readFile(path string) ([]byte, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path) //nolint:gosec // the administrator names the directory
	if err != nil {
		return nil, unreadable(path, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, keyFileLimit))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, unreadable(path, err)
	}
	return text, nil
}

// OpenOrCreate reads a key file, or makes one where there is none and mayCreate is set: durable, mode 0600, and
// whole from the moment that it can be seen. When several do so at once, one key wins and all get it.
func OpenOrCreate(path string, mayCreate bool) (*Box, error) {
	box, err := Open(path)
	if fault.Is(err, fault.NotFound) {
		if !mayCreate {
			return nil, fault.Wrap(err, fault.NotFound, "the key file %s is missing, and passwords of servers or second factors of users were sealed with it: put it back from your backup. Without one, %s", path, sealAnew)
		}
		if err := create(path, newKeyText()); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fault.Wrap(err, fault.Unavailable, "the key file %s cannot be made: %v", path, err)
		}
		box, err = Open(path)
	}
	if err != nil || !mayCreate {
		return box, err
	}
	// Also where another process made the file: it may not have come to this yet.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the key file %s cannot be made durable: %v", path, err)
	}
	return box, nil
}

// checkFile looks before opening: opening a pipe would wait for a writer.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.NotFound, "there is no key file %s", path)
	case err != nil:
		return unreadable(path, err)
	case !info.Mode().IsRegular():
		return fault.New(fault.Invalid, "the key file %s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0: // Windows keeps no such bits
		return fault.New(fault.Denied, "the key file %s may be read by others (mode %04o). Change that with: chmod 600 %s", path, info.Mode().Perm(), shellQuote(path))
	}
	return nil
}

func unreadable(path string, err error) error {
	code := fault.Unavailable
	if errors.Is(err, fs.ErrPermission) {
		code = fault.Denied
	}
	return fault.Wrap(err, code, "the key file %s cannot be read: %v", path, err)
}

// parseKey never repeats what it read: the text may be a key, and the message goes to a log.
func parseKey(path, text string) ([]byte, error) {
	encoded, marked := strings.CutPrefix(text, keyMark)
	if !marked {
		return nil, fault.New(fault.Invalid, "%s is not a key file of Tallystick: it begins with something else than %q. %s", path, strings.TrimSpace(keyMark), putBack)
	}
	encoded = strings.TrimRight(encoded, "\r\n")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != keySize || strings.ContainsAny(encoded, "\r\n") {
		return nil, fault.New(fault.Invalid, "the key file %s is damaged: its key is not %d bytes in base64 (%d characters, here %d). %s", path, keySize, base64.StdEncoding.EncodedLen(keySize), len(encoded), putBack)
	}
	return key, nil
}

// create makes a new key file. fs.ErrExist: there is one by now.
// The text is written under another name first and then linked, which fails where the name is taken: so nobody ever
// sees half a key, and nobody's key is replaced.
func create(path, text string) (err error) {
	temp, err := writeTemp(path, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp)) }()
	return os.Link(temp, path)
}

// writeTemp writes a key file beside the place where it shall lie, durable.
func writeTemp(path, text string) (name string, err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // made with mode 0600
	if err != nil {
		return "", err
	}
	_, err = temp.WriteString(text)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return "", errors.Join(err, os.Remove(temp.Name()))
	}
	return temp.Name(), nil
}

func newKeyText() string {
	return keyMark + base64.StdEncoding.EncodeToString(newKey()) + "\n"
}

// syncDir makes a new name in a directory durable: a password must not be stored while its key can still be lost.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a directory
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the administrator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func shellQuote(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

package storetest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tallystick/tallystick/internal/store"
)

// Long is the seed that fills several rows of what others fill one of; its fixtures are zipped.
const Long = "long"

// Seeds are what the fixtures of older schemas hold, by the beginning of their names.
func Seeds() map[string]func(testing.TB, store.Store) {
	return map[string]func(testing.TB, store.Store){"schema": Seed, Long: SeedLong}
}

// fixture is where an engine keeps the dump of a schema with a seed in it.
func fixture(seed string, version int) string {
	path := filepath.Join("testdata", fmt.Sprintf("%s-%04d.sql", seed, version))
	if seed == Long {
		path += zipped
	}
	return path
}

const zipped = ".gz"

// HasFixture reports whether it is there.
func HasFixture(seed string, version int) bool {
	_, err := os.Stat(fixture(seed, version))
	return err == nil
}

// WriteFixture keeps a dump, unless there is one.
func WriteFixture(t testing.TB, seed string, version int, dump []byte) {
	t.Helper()
	if HasFixture(seed, version) {
		return
	}
	path := fixture(seed, version)
	if filepath.Ext(path) == zipped {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		must1(z.Write(dump))(t)
		must(t, z.Close())
		dump = b.Bytes()
	}
	must(t, os.WriteFile(path, dump, 0o600))
}

// ReadFixture gives a dump.
func ReadFixture(seed string, version int) ([]byte, error) {
	path := fixture(seed, version)
	dump, err := os.ReadFile(path) //nolint:gosec // the test names the file
	if err != nil || filepath.Ext(path) != zipped {
		return dump, err
	}
	z, err := gzip.NewReader(bytes.NewReader(dump))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

package catalog

import (
	"bytes"
	"embed"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/internal/core/fault"
)

//go:embed data
var data embed.FS

// versions lists every version that was ever shipped, the oldest first: a ledger may name any of them (C38).
var versions = []string{"2026-11"}

// loaded parses each version once.
var loaded = sync.OnceValues(func() (map[string]*Catalog, error) {
	all := make(map[string]*Catalog, len(versions))
	for _, v := range versions {
		types, weights, err := read(v)
		if err != nil {
			return nil, err
		}
		if all[v], err = Parse(v, bytes.NewReader(types), bytes.NewReader(weights)); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// Known gives every version that this program knows, the oldest first.
func Known() []*Catalog {
	all := make([]*Catalog, len(versions))
	for i, v := range versions {
		c, err := Version(v)
		if err != nil {
			panic(err) // the data is part of the program, and a test parses it
		}
		all[i] = c
	}
	return all
}

// Versions lists the versions that this program knows, the oldest first.
func Versions() []string { return append([]string(nil), versions...) }

// Version gives a catalogue by its version; NotFound when this program does not know it.
func Version(name string) (*Catalog, error) {
	all, err := loaded()
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the built-in catalogue is damaged: %v", err)
	}
	c, ok := all[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no catalogue %q; this program knows %s", name, strings.Join(versions, ", "))
	}
	return c, nil
}

// Text gives the two files that a version is read from; NotFound when this program does not know it.
func Text(version string) (types, weights []byte, err error) {
	if _, err := Version(version); err != nil {
		return nil, nil, err
	}
	return read(version)
}

func read(version string) (types, weights []byte, err error) {
	if types, err = data.ReadFile("data/" + version + ".types"); err == nil {
		weights, err = data.ReadFile("data/" + version + ".weights")
	}
	return types, weights, err
}

// Latest gives the newest catalogue.
func Latest() *Catalog { return Known()[len(versions)-1] }

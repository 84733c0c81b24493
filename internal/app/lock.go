package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Who may have a data directory for itself, in the words of who comes second.
const (
	aConsole = "a console"
	aRestore = "a restore"
	aMove    = "a move to another database"
	aLook    = "another command"
)

// claim makes a data directory, where there is none, and locks it. release gives the lock back; without keep it also takes
// away what claim made, unless something lies in it by then.
func claim(dir, who string) (release func(keep bool), err error) {
	undo, err := makeDir(dir)
	if err != nil {
		return nil, err
	}
	lock := filepath.Join(dir, lockFile)
	if _, err := os.Lstat(lock); errors.Is(err, fs.ErrNotExist) {
		empty := undo
		undo = func() { _ = os.Remove(lock); empty() }
	}
	unlock, err := lockDir(lock, who)
	if err != nil {
		return nil, err
	}
	return func(keep bool) {
		if !keep {
			undo() // with the lock still held: who waits for it makes another
		}
		unlock()
	}, nil
}

// makeDir makes a directory and those above it; undo takes away again what was made and is empty.
func makeDir(dir string) (undo func(), err error) {
	var made []string // the deepest first
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	undo = func() {
		for _, d := range made {
			_ = os.Remove(d) // not where it holds something
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		undo()
		return nil, fault.Wrap(err, fault.Unavailable, "the data directory cannot be made: %v", err)
	}
	return undo, nil
}

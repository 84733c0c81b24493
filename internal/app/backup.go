package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/sqlite"
)

// Work is told how far long work has come: what it is doing, and done of so many rows or answers.
type Work func(doing string, done, of int64)

func (w Work) at(doing string) func(done, of int64) {
	if w == nil {
		return nil
	}
	return func(done, of int64) { w(doing, done, of) }
}

// BackupResult says what is in a backup file.
type BackupResult struct {
	File      string         `json:"file"`
	SizeBytes int64          `json:"sizeBytes"`
	Entries   usage.Position `json:"entries"`
	Rows      int64          `json:"rows"`
	Schema    int64          `json:"schema"`
	Digest    string         `json:"digest"`
	MadeAt    time.Time      `json:"madeAt"`
	Program   string         `json:"program"` // version that made it
	KeyFile   string         `json:"keyFile"` // which is not in it
}

func (o Options) resultOf(file string, m sqlite.Mark) BackupResult {
	return BackupResult{
		File: file, Entries: m.Entries, Rows: m.Rows, Schema: m.Schema, Digest: m.Digest, MadeAt: m.MadeAt, Program: m.Program,
		KeyFile: filepath.Join(o.DataDir, keyFile),
	}
}

// Backup writes one consistent state of the ledger into a new file, also while a console runs and writes. The file
// appears whole, or not at all; passwords in it are sealed, and the key is not in it. What was copied is read again:
// Internal, and no file, where anything in it is not as it was written.
func Backup(ctx context.Context, o Options, file string, work Work) (r BackupResult, err error) {
	o = o.withDefaults()
	a, err := Open(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	draft, err := sqlite.NewDraft(ctx, file)
	if err != nil {
		return r, err
	}
	defer draft.Discard()
	mark, err := draft.Backup(ctx, a.engine.base, o.Now(), Version(), work.at("copying"))
	if err == nil {
		err = draft.Sound(ctx)
	}
	switch {
	case fault.Is(err, fault.Internal): // it is not the draft, which is new
		return r, fault.Wrap(err, fault.Internal, "%s is damaged, so no backup of it is kept: take care of the older ones. All that is wrong: tallystick doctor", a.where)
	case err != nil:
		return r, about("the backup", err)
	}
	if err := draft.Keep(); err != nil {
		return r, err
	}
	r = o.resultOf(file, mark)
	info, err := os.Stat(file)
	if err != nil {
		return r, fault.Wrap(err, fault.Unavailable, "%s was written and is gone: %v", file, err)
	}
	r.SizeBytes = info.Size()
	return r, nil
}

// RestoreResult says what was restored.
type RestoreResult struct {
	BackupResult
	Into     string `json:"into"`
	Migrated int64  `json:"migrated"` // schema that it was brought to; 0: it was the newest
}

// Restore puts a backup into a data directory or database that is empty. The file is checked first, all of it; what
// was restored is compared with what the file says of itself. Whatever goes wrong, nothing is left of it.
func Restore(ctx context.Context, o Options, file string, work Work) (r RestoreResult, err error) {
	o = o.withDefaults()
	where, err := o.database()
	if err != nil {
		return r, err
	}
	undo, err := makeDir(o.DataDir)
	if err != nil {
		return r, err
	}
	r.Into = where.String()
	if where.url != "" {
		err = o.restoreInto(ctx, where, file, work, &r)
	} else {
		err = o.restoreFile(ctx, where, file, work, &r)
	}
	if err != nil {
		undo()
	}
	return r, err
}

func (o Options) restoreFile(ctx context.Context, where database, file string, work Work, r *RestoreResult) (err error) {
	release, err := claim(where.dir(o.DataDir), aRestore)
	if err != nil {
		return err
	}
	defer func() { release(err == nil) }()
	if err := sqlite.NoRemains(where.path); err != nil {
		return err
	}
	draft, err := o.checked(ctx, where.path, file, work, r)
	if err != nil {
		return err
	}
	return draft.Keep()
}

// checked gives a draft for a path, made of a backup that is whole, with the newest schema.
func (o Options) checked(ctx context.Context, path, file string, work Work, r *RestoreResult) (*sqlite.Draft, error) {
	draft, err := sqlite.DraftOf(ctx, path, file)
	if err != nil {
		return nil, err
	}
	if err := o.check(ctx, draft, file, work, r); err != nil {
		draft.Discard()
		return nil, err
	}
	return draft, nil
}

func (o Options) check(ctx context.Context, draft *sqlite.Draft, file string, work Work, r *RestoreResult) error {
	mark, err := draft.Verify(ctx, work.at("checking"))
	if err != nil {
		return about(file, err)
	}
	r.BackupResult = o.resultOf(file, mark)
	if info, err := os.Stat(file); err == nil {
		r.SizeBytes = info.Size()
	}
	if err := draft.Unmark(ctx); err != nil {
		return about(file, err)
	}
	if err := draft.Migrate(ctx); err != nil {
		return err
	}
	schema, err := draft.Inspect(ctx)
	if err != nil {
		return about(file, err)
	}
	if schema.Current != mark.Schema {
		r.Migrated = schema.Current
		return nil // its tables are others now; before that its digest was exact
	}
	digest, err := draft.Digest(ctx, work.at("checking"))
	if err == nil && digest.Sum() != mark.Digest {
		err = fault.New(fault.Internal, "what was restored has the digest %s and should have %s: nothing is kept", digest.Sum(), mark.Digest)
	}
	return err
}

// restoreInto goes over a file in the data directory, where the backup is checked and migrated.
func (o Options) restoreInto(ctx context.Context, where database, file string, work Work, r *RestoreResult) (err error) {
	draft, err := o.checked(ctx, filepath.Join(o.DataDir, "restoring.db"), file, work, r)
	if err != nil {
		return err
	}
	defer draft.Discard()
	target, err := openEngine(ctx, where, o.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	hold, err := target.exclusive(ctx)
	if err != nil {
		return err
	}
	defer hold.Release()
	_, err = draft.CopyTo(ctx, target.base, work.at("copying"))
	return about(where.String(), err)
}

// about says of what a message speaks, in words that begin with "it" or with nothing.
func about(what string, err error) error {
	var f *fault.Error
	if err == nil || !errors.As(err, &f) {
		return err
	}
	text := strings.TrimPrefix(f.Message, "it ")
	if text == f.Message {
		text = ": " + text
	} else {
		text = " " + text
	}
	again := fault.Wrap(f.Unwrap(), f.Code, "%s%s", what, text)
	again.RetryAfter, again.Fields = f.RetryAfter, f.Fields
	return again
}

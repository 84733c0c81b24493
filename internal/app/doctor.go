package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/secret"
	"github.com/tallystick/tallystick/internal/store"
)

// Check is one thing that Doctor looked at.
type Check struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	Text string `json:"text"` // what is there, or what is wrong
}

// doctor collects checks; each goes on where the one before found something wrong.
type doctor struct {
	options Options
	where   database
	work    Work
	found   func(Check)
}

// Doctor looks at everything that the product rests on and gives each check to found as soon as it is known. With
// recount every kept figure is compared with one that is counted freshly. An error means that it was interrupted.
func Doctor(ctx context.Context, o Options, recount bool, work Work, found func(Check)) error {
	o = o.withDefaults()
	where, err := o.database()
	if err != nil {
		return err
	}
	d := &doctor{options: o, where: where, work: work, found: found}
	a := d.opens(ctx)
	if a != nil {
		d.engine(ctx, a)
		d.content(ctx, a)
		d.clock(ctx, a)
		d.signing(ctx, a)
		d.doubles(ctx, a)
	}
	d.key(ctx, a)
	d.certificate()
	d.disk()
	if a != nil && recount {
		d.recount(ctx, a)
	}
	if a != nil {
		err = a.Close()
	}
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Unavailable, "the checks were interrupted")
	}
	return err
}

func (d *doctor) good(name, format string, args ...any) {
	d.found(Check{Name: name, OK: true, Text: fmt.Sprintf(format, args...)})
}

func (d *doctor) bad(name, format string, args ...any) {
	d.found(Check{Name: name, Text: fmt.Sprintf(format, args...)})
}

func (d *doctor) failed(name string, err error) { d.bad(name, "%s", words(err)) }

// words gives a fault's message, and for a defect also its cause: an administrator at the machine may see it.
func words(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	if cause := f.Cause(); cause != "" {
		return f.Message + " (" + cause + ")"
	}
	return f.Message
}

// opens checks schema and opening; nil: it does not open.
func (d *doctor) opens(ctx context.Context) *App {
	schema, err := inspect(ctx, d.where)
	switch {
	case err != nil:
		d.failed("schema", err)
	case schema.Newer():
		d.failed("schema", newerProgram(d.where, schema))
	case schema.Current == 0:
		d.bad("schema", "there is none in %s", d.where)
	case len(schema.Pending) > 0:
		d.good("schema", "version %d; opening it brings it to %d", schema.Current, schema.Newest)
	default:
		d.good("schema", "version %d, the newest", schema.Current)
	}
	a, err := Open(ctx, d.options)
	if err != nil {
		d.failed("store", err)
		return nil
	}
	head, err := a.Store.Head(ctx)
	if err != nil {
		d.failed("store", err)
		return a
	}
	d.good("store", "%s opens; %d entries", d.where, head.Position)
	return a
}

// engine lets the engine look into itself.
func (d *doctor) engine(ctx context.Context, a *App) {
	checker, ok := a.Store.(store.Checker)
	if !ok {
		return
	}
	found, err := checker.Check(ctx)
	switch {
	case err != nil:
		d.failed("engine", err)
	case found.Problem != "":
		d.bad("engine", "%s", found.Problem)
	default:
		d.good("engine", "%s", found.Text)
	}
}

// problemsMax bounds how many problems of one kind are told.
const problemsMax = 20

// content reads every stored thing.
func (d *doctor) content(ctx context.Context, a *App) {
	var problems []string
	more := 0
	err := a.engine.base.Verify(ctx, func(problem string) {
		if len(problems) < problemsMax {
			problems = append(problems, problem)
		} else {
			more++
		}
	})
	if more > 0 {
		problems = append(problems, fmt.Sprintf("and %d more", more))
	}
	switch {
	case err != nil:
		d.failed("content", err)
	case len(problems) > 0:
		d.bad("content", "%s", strings.Join(problems, "; "))
	default:
		d.good("content", "everything that is stored can be read")
	}
}

// clock compares with the newest entry: recordedAt never goes back, so a clock that did shows here.
func (d *doctor) clock(ctx context.Context, a *App) {
	const tolerance = 5 * time.Minute
	head, err := a.Store.Head(ctx)
	now := a.Now()
	switch {
	case err != nil:
		d.failed("clock", err)
	case head.RecordedAt.After(now.Add(tolerance)):
		d.bad("clock", "the newest entry was recorded at %s, and the clock says %s: it went back, or it was wrong then",
			head.RecordedAt.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case head.Position == 0:
		d.good("clock", "%s; there is no entry to compare it with", now.UTC().Format(time.RFC3339))
	default:
		d.good("clock", "%s, after the newest entry", now.UTC().Format(time.RFC3339))
	}
}

// doubles names what is there twice and should be there once. It may be right: servers that were cloned are both counted (C34).
func (d *doctor) doubles(ctx context.Context, a *App) {
	servers, err := a.Store.Servers(ctx)
	if err != nil {
		d.failed("doubles", err)
		return
	}
	companies, err := a.Store.Companies(ctx)
	if err != nil {
		d.failed("doubles", err)
		return
	}
	var doubles []string
	for _, twins := range fleet.InstallationsOf(servers) {
		if len(twins) > 1 {
			doubles = append(doubles, fmt.Sprintf("%d servers have the installation id %s, among them %d (%s) and %d (%s), and each is counted",
				len(twins), twins[0].InstallationID, twins[0].ID, twins[0].Name, twins[1].ID, twins[1].Name))
		}
	}
	for ref, holders := range fleet.ExternalIDs(companies) {
		if len(holders) > 1 {
			doubles = append(doubles, fmt.Sprintf("%d companies have the external id %s, among them %d (%s) and %d (%s)",
				len(holders), ref, holders[0].ID, holders[0].Name, holders[1].ID, holders[1].Name))
		}
	}
	if len(doubles) == 0 {
		d.good("doubles", "no two servers have one installation id, no two companies one external id")
		return
	}
	slices.Sort(doubles)
	if more := len(doubles) - problemsMax; more > 0 {
		doubles = append(doubles[:problemsMax], fmt.Sprintf("and %d more", more))
	}
	d.good("doubles", "%s", strings.Join(doubles, "; "))
}

// key opens every sealed password.
func (d *doctor) key(ctx context.Context, a *App) {
	path := filepath.Join(d.options.DataDir, keyFile)
	if a == nil {
		if _, err := secret.Open(path); err != nil {
			d.failed("key", err)
			return
		}
		d.good("key", "%s can be read; what it opens was not looked at, because the store does not open", path)
		return
	}
	passwords, err := a.sealed(ctx)
	if err != nil {
		d.bad("key", "what it opens cannot be looked at: %s", words(err))
		return
	}
	box, err := secret.OpenOrCreate(path, false)
	switch {
	case fault.Is(err, fault.NotFound) && len(passwords) == 0:
		d.good("key", "there is none yet, and nothing is sealed")
	case err != nil:
		d.failed("key", err)
	default:
		d.unseal(box, path, passwords)
	}
}

func (d *doctor) unseal(box *secret.Box, path string, passwords []sealed) {
	var first error
	opened := 0
	for _, password := range passwords {
		_, err := box.Unseal(password.of, password.text)
		switch {
		case err == nil:
			opened++
		case first == nil:
			first = err
		}
	}
	if first != nil {
		d.bad("key", "%s opens %d of %d sealed secrets; the first that it does not: %s", path, opened, len(passwords), words(first))
		return
	}
	d.good("key", "%s opens %d sealed secrets", path, opened)
}

// certificateWarning is how long before its end a certificate is told.
const certificateWarning = 14 * 24 * time.Hour

// certificate looks at the self-signed one; another is given to serve, and its reader tells.
func (d *doctor) certificate() {
	cert, err := api.SelfSignedLeaf(filepath.Join(d.options.DataDir, tlsDir))
	now := time.Now() // the machine's, which browsers compare with
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.good("certificate", "there is none here: serve makes one, or is given another")
	case err != nil:
		d.failed("certificate", err)
	case now.After(cert.NotAfter.Add(-certificateWarning)), now.Before(cert.NotBefore):
		d.bad("certificate", "the self-signed one is valid from %s until %s: take the folder %s away, and serve makes a new one",
			cert.NotBefore.UTC().Format(time.DateOnly), cert.NotAfter.UTC().Format(time.DateOnly), tlsDir)
	default:
		d.good("certificate", "the self-signed one is valid until %s", validUntil(cert))
	}
}

func validUntil(cert *x509.Certificate) string { return cert.NotAfter.UTC().Format(time.DateOnly) }

// diskMin is what must be free: a journal of 64 MiB, and room to write it back.
const diskMin = 256 << 20

func (d *doctor) disk() {
	dir := d.where.dir(d.options.DataDir)
	free, err := diskFree(dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		d.good("disk", "not known on this system")
	case err != nil:
		d.bad("disk", "%s: %v", dir, err)
	case free < diskMin:
		d.bad("disk", "%d MiB are free in %s; fewer than %d are too few", free>>20, dir, int64(diskMin)>>20)
	default:
		d.good("disk", "%d MiB are free in %s", free>>20, dir)
	}
}

// recount compares the answers for now with what is counted from every reading, replayed by a store that remembers nothing.
func (d *doctor) recount(ctx context.Context, a *App) {
	anew, err := openEngine(ctx, d.where, d.options.Now)
	if err != nil {
		d.failed("recount", err)
		return
	}
	defer func() { _ = anew.Close() }() // it only read
	r, err := a.recount(ctx, anew.base.Replay(), []time.Time{{}}, d.work.at("counting"))
	switch {
	case err != nil:
		d.failed("recount", err)
	case r.text() != "":
		d.bad("recount", "%s", r.text())
	default:
		d.good("recount", "%d figures are the same when they are counted anew", r.figures)
	}
}

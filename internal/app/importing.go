package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tallystick/tallystick/internal/collect/vbr"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// readingSizeMax bounds one reading in a file, unpacked: a million workloads take a third of it.
const readingSizeMax = 1 << 30

// ImportOptions say what to import and who wants to hear about it.
type ImportOptions struct {
	Files  []string // "-" is Stdin
	Stdin  io.Reader
	Server *fleet.Server // nil: found by installation id
	// NewInstallation accepts readings of Server that state another installation id: it was reinstalled (C9).
	NewInstallation bool
	TakenAt         time.Time // for readings that do not state it
	Progress        func(ImportProgress)
	Refused         func(where string, err error) // one reading is refused; the others go on
}

// ImportProgress is how far an import has come.
type ImportProgress struct {
	File      string
	ReadBytes int64 // of the file as it lies on disk
	SizeBytes int64 // 0 when unknown
	Readings  int
	Rows      int
}

// ImportResult is what an import did.
type ImportResult struct {
	Appended   int `json:"appended"`
	Duplicates int `json:"duplicates"`
	Refused    int `json:"refused"`
	Rows       int `json:"rows"` // workload rows of the appended readings
}

// seen counts the readings that were met so far.
func (r *ImportResult) seen() int { return r.Appended + r.Duplicates + r.Refused }

// Import puts saved readings into the ledger: each one whole or not at all, and
// durable before the next. It can be interrupted and repeated: what is there
// already is a duplicate and changes nothing (C44).
func (a *App) Import(ctx context.Context, o ImportOptions) (ImportResult, error) {
	im := importer{app: a, options: o, servers: map[string]fleet.Server{}, touched: map[usage.ServerID]bool{}}
	for _, name := range o.Files {
		before := im.result.seen()
		err := im.file(ctx, name)
		if err == nil && im.result.seen() == before {
			err = fault.New(fault.Invalid, "%s is empty: it holds no reading", name)
		}
		if err != nil {
			return im.result, errors.Join(err, im.settle(context.WithoutCancel(ctx)))
		}
	}
	return im.result, im.settle(ctx)
}

type importer struct {
	app      *App
	options  ImportOptions
	result   ImportResult
	progress ImportProgress
	servers  map[string]fleet.Server // by installation id
	touched  map[usage.ServerID]bool
}

// settle checks the alarms of every server that got a reading, and whether one came too late.
func (im *importer) settle(ctx context.Context) error {
	for id := range im.touched {
		if err := im.app.Alarms.Check(ctx, id); err != nil {
			return err
		}
	}
	return im.app.Alarms.CheckFinals(ctx)
}

func (im *importer) file(ctx context.Context, name string) error {
	in := im.options.Stdin
	im.progress = ImportProgress{File: name, Readings: im.progress.Readings, Rows: im.progress.Rows}
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // the administrator names the file
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
		}
		defer f.Close() //nolint:errcheck // only read
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			im.progress.SizeBytes = info.Size()
		}
		in = f
	}
	counted := &countingReader{r: in, n: &im.progress.ReadBytes}
	buffered := bufio.NewReaderSize(counted, 1<<16)
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "%s: the gzip header is damaged", name)
		}
		buffered = bufio.NewReaderSize(unpacked, 1<<16)
	}
	return im.readings(ctx, name, buffered)
}

// readings takes one reading a line; a text whose first line is not a whole
// JSON value is one reading.
func (im *importer) readings(ctx context.Context, name string, in *bufio.Reader) error {
	for number := 1; ; number++ {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return im.broken(name, number, err)
		}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			if !json.Valid(line) {
				return im.whole(ctx, name, line, in)
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := im.one(ctx, fmt.Sprintf("%s:%d", name, number), line); err != nil {
			return err
		}
	}
}

// broken is a file that ends in the middle: what came before it is in the ledger.
func (im *importer) broken(name string, line int, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return fault.Wrap(err, f.Code, "%s:%d: %s", name, line, f.Message)
	}
	return fault.Wrap(err, fault.Invalid, "%s:%d: the file is damaged or cut off here (%v); %d readings before it are in the ledger",
		name, line, err, im.result.Appended+im.result.Duplicates)
}

func (im *importer) whole(ctx context.Context, name string, first []byte, in io.Reader) error {
	limit := int64(readingSizeMax - len(first))
	rest, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return im.broken(name, 1, err)
	}
	if int64(len(rest)) > limit {
		return im.broken(name, 1, errTooLarge())
	}
	return im.one(ctx, name, append(append(first, '\n'), rest...))
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > readingSizeMax {
			return nil, errTooLarge()
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimRight(line, "\r\n"), eofAfter(err, len(part))
		}
	}
}

// eofAfter hides the end of the file behind a last line without a line break.
func eofAfter(err error, n int) error {
	if errors.Is(err, io.EOF) && n > 0 {
		return nil
	}
	return err
}

func errTooLarge() error {
	return fault.New(fault.Invalid, "one reading is larger than %d MiB", readingSizeMax>>20)
}

// one appends one reading. A refusal is reported and does not end the import;
// what makes every further step pointless (an interrupt, a full disk) does.
func (im *importer) one(ctx context.Context, where string, body []byte) error {
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Unavailable,
			"interrupted after %d readings; repeat the same command to complete it", im.result.Appended+im.result.Duplicates)
	}
	err := im.append(ctx, body)
	switch fault.CodeOf(err) {
	case "":
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Unsupported:
		im.result.Refused++
		if im.options.Refused != nil {
			im.options.Refused(where, err)
		}
	default:
		if ctx.Err() != nil {
			return im.one(ctx, where, nil)
		}
		return err
	}
	if im.options.Progress != nil {
		im.options.Progress(im.progress)
	}
	return nil
}

// append appends what one body holds: a snapshot, or one for each installation that a report names.
func (im *importer) append(ctx context.Context, body []byte) error {
	snapshots, err := im.snapshots(body)
	if err != nil {
		return err
	}
	for i := range snapshots {
		if err := im.appendOne(ctx, snapshots[i]); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) appendOne(ctx context.Context, s usage.Snapshot) error {
	server, err := im.owner(ctx, &s)
	if err != nil {
		return err
	}
	if s.Product != server.Product {
		return fault.New(fault.Invalid, "the reading is of product %s, server %d (%s) is a %s", s.Product, server.ID, server.Name, server.Product)
	}
	receipt, err := im.app.Ledger.AppendSnapshot(ctx, server.ID, server.Shared, s)
	if err != nil {
		return err
	}
	im.touched[server.ID] = true
	im.progress.Readings++
	im.progress.Rows += len(s.Workloads)
	if receipt.Duplicate {
		im.result.Duplicates++
	} else {
		im.result.Appended++
		im.result.Rows += len(s.Workloads)
	}
	return nil
}

// snapshots recognises a body by its content (product.md §1). What it lacks must have been given.
func (im *importer) snapshots(body []byte) ([]usage.Snapshot, error) {
	switch vbr.Recognise(body) {
	case vbr.KindLicense:
		s, err := vbr.FromLicenseBody(body, im.meta())
		return []usage.Snapshot{s}, err
	case vbr.KindReport:
		return vbr.FromReport(body, im.meta())
	case vbr.KindSnapshot, vbr.KindUnknown: // the parser says what is missing
	}
	s, err := usage.ParseSnapshot(body)
	return []usage.Snapshot{s}, err
}

// meta is what the options say about a saved body of the vendor's.
func (im *importer) meta() vbr.Meta {
	m := vbr.Meta{TakenAt: im.options.TakenAt, Product: usage.ProductVBR, Types: im.app.types}
	if s := im.options.Server; s != nil {
		m.ServerName, m.InstallationID, m.Product, m.Shared = s.Name, s.InstallationID, s.Product, s.Shared
	}
	return m
}

// owner finds the server that a snapshot belongs to.
func (im *importer) owner(ctx context.Context, s *usage.Snapshot) (fleet.Server, error) {
	id := s.Server.InstallationID
	if given := im.options.Server; given != nil {
		if known := given.InstallationID; known != "" && id != known && !im.options.NewInstallation {
			return fleet.Server{}, fault.New(fault.Conflict, "the reading is of installation %s, but server %d (%s) is %s: "+
				"if it was reinstalled, say so with --new-installation", id, given.ID, given.Name, known)
		}
		return *given, nil
	}
	if server, ok := im.servers[id]; ok {
		return server, nil
	}
	server, err := im.app.Fleet.ByInstallation(ctx, id)
	if err != nil {
		return server, err
	}
	im.servers[id] = server
	if len(im.servers) == manyServers {
		err = im.learn(ctx)
	}
	return server, err
}

// manyServers is from how many servers on an import asks for all at once: each question looks through all of them.
const manyServers = 16

// learn notes all servers whose installation id no other one has. Who is not among them is asked for.
func (im *importer) learn(ctx context.Context) error {
	servers, err := im.app.Fleet.Servers.Servers(ctx)
	have := make(map[string]int, len(servers))
	for i := range servers {
		have[servers[i].InstallationID]++
	}
	for i := range servers {
		if id := servers[i].InstallationID; id != "" && have[id] == 1 {
			im.servers[id] = servers[i]
		}
	}
	return err
}

type countingReader struct {
	r io.Reader
	n *int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

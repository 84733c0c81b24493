package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/statement"
)

// The files of a bundle. They stand in this order, with the catalogues behind the periods.
const (
	readmeFile    = "README.txt"
	statementFile = "statement.json"
	csvFile       = "statement.csv"
	workloadsFile = "workloads.ndjson"
	datedFile     = "facts.ndjson"
	readingsFile  = "evidence/readings.ndjson"
	rowsFile      = "evidence/workloads.ndjson"
	listsFile     = "evidence/lists.ndjson"
	factsFile     = "evidence/facts.ndjson"
	periodsFile   = "evidence/periods.ndjson"
	catalogueDir  = "catalogue/"
	previousFile  = "previous.json"
	keyFile       = "public-key.pem"
	sumsFile      = "SHA256SUMS"
	signatureFile = "SHA256SUMS.sig"
)

var (
	filesBefore = []string{
		readmeFile, statementFile, csvFile, workloadsFile, datedFile, readingsFile, rowsFile, listsFile, factsFile, periodsFile,
	}
	filesAfter = []string{previousFile, keyFile, sumsFile, signatureFile}
)

// Link names a bundle of the same company by its content.
type Link struct {
	Month  string `json:"month"`
	Number int    `json:"number"`
	SHA256 string `json:"sha256"`
}

// Previous are the bundles that a bundle stands behind.
type Previous struct {
	Before   *Link `json:"before"`   // of the month before; nil: it is the company's first
	Replaces *Link `json:"replaces"` // with a superseding statement: that which it replaces
}

// Contents are what a bundle is made of.
type Contents struct {
	Statement statement.Statement // final
	// Evidence lets visit count from what it was counted from.
	Evidence func(ctx context.Context, visit func(statement.Evidence) error) error
	Policy   fleet.PolicyStore // knows the dated facts, and own catalogue rows
	Previous Previous
	Signer   Signer
}

// Write makes a bundle: the same contents make the same bytes. Conflict: the statement is not final. Internal: it does not
// follow from the evidence, or there is more of that than a bundle can hold.
func Write(ctx context.Context, c Contents) ([]byte, error) {
	files, err := c.files(ctx)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range files {
		size += len(files[i].body) + 2*nameMax
	}
	if size > SizeMax {
		return nil, fault.New(fault.Internal, "the bundle would be larger than %d MiB", SizeMax>>20)
	}
	data := pack(sign(files, c.Signer))
	// What does not hold here would not hold elsewhere: nothing is signed that cannot be checked.
	if r := Verify(ctx, data, Fingerprint(c.Signer.Public())); !r.OK() {
		return nil, fault.New(fault.Internal, "the statement of company %d for %s cannot be exported, because its bundle would not hold: %s. Run doctor",
			c.Statement.Company, c.Statement.Month, strings.Join(r.wrong(), "; "))
	}
	return data, nil
}

// files gives all but the checksums and the signature.
func (c *Contents) files(ctx context.Context) ([]file, error) {
	t := &c.Statement
	if err := needFinal(t); err != nil {
		return nil, err
	}
	var r *recorder
	var lines []byte
	err := c.Evidence(ctx, func(evidence statement.Evidence) error {
		r = record(evidence, t)
		_, workloads, err := statement.CountFrom(ctx, r, t.Company, t.Key().Month, noTime)
		lines = statement.Lines(workloads)
		return err
	})
	if err != nil {
		return nil, err
	}
	body, err := t.Encode()
	if err != nil {
		return nil, err
	}
	previous, err := encode(c.Previous)
	if err != nil {
		return nil, err
	}
	dated, err := c.dated(ctx, r.subjects(t.Company))
	if err != nil {
		return nil, err
	}
	files := []file{
		{readmeFile, []byte(readme)},
		{statementFile, body},
		{csvFile, toCSV(t)},
		{workloadsFile, lines},
		{datedFile, dated},
		{readingsFile, r.readings.text.Bytes()},
		{rowsFile, r.rows.text.Bytes()},
		{listsFile, r.lists.text.Bytes()},
		{factsFile, r.facts.text.Bytes()},
		{periodsFile, r.periods.text.Bytes()},
	}
	catalogues, err := catalogueFiles(ctx, c.Policy, r.catalogs)
	files = append(append(files, catalogues...), file{previousFile, previous}, file{keyFile, publicPEM(c.Signer.Public())})
	return files, err
}

func needFinal(t *statement.Statement) error {
	if t.State == statement.Final {
		return nil
	}
	return fault.New(fault.Conflict, "the statement of company %d for %s is %s: only a final one is exported", t.Company, t.Month, t.State)
}

// dated writes the facts that concern the company, in the order of what they are about, then of their positions.
func (c *Contents) dated(ctx context.Context, about []subject) ([]byte, error) {
	var all []byte
	for _, s := range about {
		facts, err := c.Policy.SubjectFacts(ctx, s.of, s.attribute)
		if err != nil {
			return nil, err
		}
		for _, f := range facts {
			if f.Position >= c.Statement.Cutoff {
				continue
			}
			line, err := encode(factLine{f.Position, f.Subject, f.Attribute, f.Value, instant{f.ValidFrom}})
			if err != nil {
				return nil, err
			}
			all = append(append(all, line...), '\n')
		}
	}
	return all, nil
}

// Bundle is a bundle that was read. That it can be read proves nothing: Verify does.
type Bundle struct {
	Statement statement.Statement
	Previous  Previous
	Key       ed25519.PublicKey

	files    map[string]file
	evidence *evidence
}

// Read reads a bundle, whoever made it. Invalid, in words: it is none, or one of its parts cannot be read.
func Read(data []byte) (*Bundle, error) {
	files, err := open(data)
	if err != nil {
		return nil, err
	}
	return parse(files)
}

// open reads the archive, which must hold the files of a bundle in their order.
func open(data []byte) ([]file, error) {
	files, err := unpack(data)
	if err != nil {
		return nil, err
	}
	rest := files
	for _, name := range filesBefore {
		if rest, err = next(rest, name); err != nil {
			return nil, err
		}
	}
	for last := ""; len(rest) > 0 && strings.HasPrefix(rest[0].name, catalogueDir); rest = rest[1:] {
		if rest[0].name <= last {
			return nil, fault.New(fault.Invalid, "%s is not in its place", rest[0].name)
		}
		last = rest[0].name
	}
	for _, name := range filesAfter {
		if rest, err = next(rest, name); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, fault.New(fault.Invalid, "%s does not belong into a bundle", rest[0].name)
	}
	return files, nil
}

func next(files []file, name string) ([]file, error) {
	if len(files) == 0 || files[0].name != name {
		return nil, fault.New(fault.Invalid, "%s is not there, or not in its place", name)
	}
	return files[1:], nil
}

// parse reads the parts.
func parse(files []file) (*Bundle, error) {
	b := &Bundle{files: make(map[string]file, len(files))}
	for _, f := range files {
		b.files[f.name] = f
	}
	err := firstOf(b.readStatement,
		func() (err error) {
			b.Previous, err = decode[Previous](previousFile, b.files[previousFile].body)
			return err
		},
		func() (err error) {
			b.Key, err = parsePublicPEM(b.files[keyFile].body)
			return err
		},
		func() (err error) {
			b.evidence, err = readEvidence(b.files)
			return err
		},
		func() (err error) {
			b.evidence.company = b.Statement.Company
			b.evidence.catalogs, err = readCatalogues(b.files)
			return err
		})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bundle) readStatement() (err error) {
	body := b.files[statementFile].body
	if b.Statement, err = statement.Decode(body); err != nil {
		return fault.Wrap(err, fault.Invalid, "%s cannot be read: %v", statementFile, err)
	}
	again, err := b.Statement.Encode()
	if err == nil && !bytes.Equal(again, body) {
		err = notOurs(statementFile)
	}
	return err
}

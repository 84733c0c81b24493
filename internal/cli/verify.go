package cli

import (
	"io"
	"os"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/statement/bundle"
)

type verifyCmd struct {
	File string `arg:"" help:"What tallystick statement export wrote."`
	Key  string `help:"The fingerprint of the provider's key, as the provider gave it to you in another way than the file." required:"" placeholder:"FINGERPRINT"`
}

// verifyJSON is the answer of verify --json.
type verifyJSON struct {
	OK     bool             `json:"ok"`
	SHA256 string           `json:"sha256"` // of the file: what the next bundle says of this one
	Checks []bundle.Finding `json:"checks"`
}

// Run needs no ledger, and opens none.
func (c *verifyCmd) Run(e *env) error {
	fingerprint := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(c.Key))
	if len(fingerprint) != 64 || strings.Trim(fingerprint, "0123456789abcdef") != "" {
		return mistake("--key", "is not a fingerprint: 64 hex digits, as statement key show prints them")
	}
	data, err := readBundle(c.File)
	if err != nil {
		return err
	}
	r := bundle.Verify(e.ctx, data, fingerprint)
	if e.json {
		err = e.printJSON(verifyJSON{r.OK(), bundle.Sum(data), r.Findings})
	} else {
		err = e.printFindings(c.File, data, &r)
	}
	if err == nil && !r.OK() {
		return exitRequest(exitFailed) // everything is said
	}
	return err
}

// readBundle reads no more than a bundle may hold, and a byte, by which what is too large shows.
func readBundle(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fault.Wrap(err, fault.NotFound, "%s cannot be read: %v", path, cause(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, bundle.SizeMax+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "%s cannot be read: %v", path, cause(err))
	}
	return data, nil
}

func (e *env) printFindings(path string, data []byte, r *bundle.Report) error {
	for _, f := range r.Findings {
		if err := e.print("%-7s %-12s %s\n", verdict(f.OK), f.Name, visible(f.Text)); err != nil {
			return err
		}
	}
	if !r.OK() {
		return e.print("\n%s does NOT hold.\n", path)
	}
	return e.print("\n%s holds. Its SHA-256, which the company's next bundle must name, is\n  %s\n", path, bundle.Sum(data))
}

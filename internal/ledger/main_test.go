package ledger_test

import (
	"flag"
	"os"
	"testing"
)

// randomLedgers is the number of random pairs of processes that are tried unless -rapid.checks says otherwise: each
// has a database of its own.
const randomLedgers = "15"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", randomLedgers); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

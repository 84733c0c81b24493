package roster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/roster"
)

// benchRows is how many rows the files of the benchmarks have.
const benchRows = 10_000

func benchFile(header, row string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range benchRows {
		fmt.Fprintf(&b, row+"\n", i)
	}
	return b.String()
}

// BenchmarkCompanies takes ten thousand companies: as new ones, and again.
func BenchmarkCompanies(b *testing.B) {
	file := benchFile("name,cloudTenants,email,externalId.psa,tag.segment", "Company %[1]d,t%[1]d,ops%[1]d@example.com,psa-%[1]d,gold")
	benchTwice(b, func(b *testing.B, o *office) { o.companies(b, file, roster.CompanyOptions{}) }, func(*office) {})
}

// BenchmarkServers takes a server for each of them.
func BenchmarkServers(b *testing.B) {
	companies := benchFile("name", "Company %d")
	servers := benchFile("company,url,credential,tag.site", "Company %[1]d,https://vbr%[1]d,readers,berlin")
	benchTwice(b, func(b *testing.B, o *office) { o.servers(b, servers) }, func(o *office) {
		must(o.directory.AddCredential(b.Context(), fleet.NewCredential{Name: "readers", Username: "u", Password: "p"}))(b)
		o.companies(b, companies, roster.CompanyOptions{})
	})
}

func benchTwice(b *testing.B, take func(*testing.B, *office), before func(*office)) {
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			o := open(b)
			before(o)
			b.StartTimer()
			take(b, o)
		}
	})
	b.Run("again", func(b *testing.B) {
		o := open(b)
		before(o)
		take(b, o)
		for b.Loop() {
			take(b, o)
		}
	})
}

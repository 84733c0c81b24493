package sqlstore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// unlisted are the statements with an order that nobody waits for: they read a table to its end, once.
var unlisted = []string{
	"allLogSQL", "allTipsSQL", "allGapsSQL", "allCorrectionsSQL", "allFactsSQL", "allInstalledSQL", "activationsSQL", "allStepsSQL", "allStatementsSQL", "allBundlesSQL",
	"allRepositoriesSQL", "allJobsSQL", "allAuditSQL", "allRecordsSQL", "allOnceSQL", "allFeedSQL", // doctor
	"oldEntriesSQL",                                                                // migration 0003
	"bareCompaniesSQL", "bareServersSQL", "serverEventsOnlySQL", "bareSessionsSQL", // migration 0005
}

// Every statement that promises an order is in Ordered, which the engines hold against their indexes.
func TestEveryOrderIsListed(t *testing.T) {
	t.Parallel()
	listed := read(t, "ordered.go")
	found := 0
	for name, text := range statements(t) {
		if !strings.Contains(text, "ORDER BY") || slices.Contains(unlisted, name) {
			continue
		}
		found++
		if !strings.Contains(listed, ", "+name+", ") {
			t.Errorf("%s has an order and is not in Ordered", name)
		}
	}
	if found < 15 {
		t.Errorf("only %d statements were found", found)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// statements gives the texts of the package's constants, as far as they stand in literals, by name.
func statements(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, value := range spec.Values {
				ast.Inspect(value, func(n ast.Node) bool {
					if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
						texts[spec.Names[i].Name] += l.Value
					}
					return true
				})
			}
			return true
		})
	}
	return texts
}

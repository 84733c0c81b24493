// Package tallystick holds no code: only the test that keeps the tree as ARCHITECTURE.md says.
package tallystick

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tallystick/tallystick"

// TestArchitecture checks the tree against the import table of ARCHITECTURE.md and the list of CONTRIBUTING.md.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	for _, problem := range checkTree(os.DirFS(".")) {
		t.Error(problem)
	}
}

// checkTree gives everything that is wrong, in words that say what to do about it.
func checkTree(tree fs.FS) []string {
	text, err := fs.ReadFile(tree, "ARCHITECTURE.md")
	if err != nil {
		return []string{err.Error()}
	}
	table, problems := parseTable(string(text))
	guide, err := fs.ReadFile(tree, "CONTRIBUTING.md")
	if err != nil {
		return append(problems, err.Error())
	}
	packages, err := scan(tree)
	if err != nil {
		return append(problems, err.Error())
	}
	problems = append(problems, checkPackages(table, packages, string(guide))...)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		for _, f := range packages[name] {
			problems = append(problems, table.checkFile(name, f)...)
		}
	}
	return problems
}

// ---- the table

// row is one line of the import table.
type row struct {
	ring     string   // "0", "1", "2", "socket", "shared", "plug", "kit", "rim", "app"; empty where the row is a rule for many
	imports  []string // names of packages, and "rings 0–2"
	anything bool
	bans     []string // "net" (and all below it), "time.Now", "third parties"
}

// importTable is the table: rows by the first cell, which is a package, "dir/...", "ring N" or "*_test.go".
type importTable map[string]row

const testRow = "*_test.go"

var (
	tableHead = regexp.MustCompile(`(?m)^\| package \| ring \| may import \| must not use \|\n\|[-| ]+\|\n((?:\|.*\n)+)`)
	quoted    = regexp.MustCompile("`([^`]+)`")
	rings     = regexp.MustCompile(`\brings? (\d)(?:–(\d))?\b`)
)

func parseTable(text string) (importTable, []string) {
	found := tableHead.FindStringSubmatch(text)
	if found == nil {
		return importTable{}, []string{"ARCHITECTURE.md has no table with the columns package, ring, may import, must not use"}
	}
	table := importTable{}
	var problems []string
	for line := range strings.Lines(found[1]) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 {
			problems = append(problems, "ARCHITECTURE.md: a row of the import table has not four cells: "+line)
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		if _, twice := table[name]; twice {
			problems = append(problems, "ARCHITECTURE.md: the import table has two rows for "+name)
		}
		table[name] = parseRow(cells)
	}
	return table, append(problems, table.checkItself()...)
}

func parseRow(cells []string) row {
	r := row{ring: cells[1], anything: cells[2] == "everything"}
	for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
		r.imports = append(r.imports, m[1])
	}
	if strings.Contains(cells[2], "all kits") {
		r.imports = append(r.imports, "ring kit")
	}
	if m := rings.FindStringSubmatch(cells[2]); m != nil {
		first, last := m[1][0], m[1][0]
		if m[2] != "" {
			last = m[2][0]
		}
		for n := first; n <= last; n++ {
			r.imports = append(r.imports, "ring "+string(n))
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
		r.bans = append(r.bans, m[1])
	}
	if strings.Contains(cells[3], "third parties") {
		r.bans = append(r.bans, "third parties")
	}
	return r
}

// checkItself keeps the table from allowing what no table may allow.
func (t importTable) checkItself() []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		r := t[name]
		for _, imported := range r.imports {
			target, known := t[imported]
			switch {
			case strings.HasPrefix(imported, "ring "):
			case !known:
				problems = append(problems, fmt.Sprintf("ARCHITECTURE.md: the row of %s allows %s, which has no row itself", name, imported))
			case target.ring == "plug" && name != testRow:
				problems = append(problems, fmt.Sprintf("ARCHITECTURE.md: the row of %s allows the plug %s: only app names plugs; use the contract of its socket", name, imported))
			}
		}
	}
	return problems
}

// allows reports whether package name may import another one, in a test file or not.
func (t importTable) allows(name, imported string, test bool) bool {
	if imported == name { // a test of package x_test
		return true
	}
	r := t[name]
	ring := t[imported].ring
	lists := func(r row) bool {
		return slices.Contains(r.imports, imported) || slices.Contains(r.imports, "ring "+ring)
	}
	if test && lists(t[testRow]) {
		return true
	}
	if ring == "kit" && !test && r.ring != "kit" {
		return false
	}
	return r.anything || lists(r)
}

// bans gives what the package's own row, its ring's and those of the folders above it forbid.
func (t importTable) bans(name string) []string {
	bans := slices.Concat(t[name].bans, t["ring "+t[name].ring].bans)
	for above := path.Dir(name); above != "."; above = path.Dir(above) {
		bans = append(bans, t[above+"/..."].bans...)
	}
	return bans
}

// ---- the tree

// source is what is checked of one file.
type source struct {
	path    string
	clause  string // the package's name
	imports []string
	uses    []string // "time.Now": members of imported packages
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// scan reads all Go files of internal and cmd, by package: the folder below internal, or cmd/… as it stands.
func scan(tree fs.FS) (map[string][]source, error) {
	packages := map[string][]source{}
	for _, top := range []string{"internal", "cmd"} {
		err := fs.WalkDir(tree, top, func(file string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
				return fs.SkipDir
			case entry.IsDir() || path.Ext(file) != ".go":
				return nil
			}
			text, err := fs.ReadFile(tree, file)
			if err != nil {
				return err
			}
			parsed, err := parseSource(file, text)
			name := packageName(path.Dir(file))
			packages[name] = append(packages[name], parsed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return packages, nil
}

func packageName(folder string) string { return strings.TrimPrefix(folder, "internal/") }

func parseSource(file string, text []byte) (source, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{path: file, clause: parsed.Name.Name}
	local := map[string]string{} // the name in this file -> import path
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, imported)
		if spec.Name != nil {
			local[spec.Name.Name] = imported
		} else {
			local[path.Base(imported)] = imported
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := selector.X.(*ast.Ident); ok && local[of.Name] != "" {
				s.uses = append(s.uses, local[of.Name]+"."+selector.Sel.Name)
			}
		}
		return true
	})
	return s, nil
}

// ---- the rules

var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "type", "types", "misc"}

func checkPackages(table importTable, packages map[string][]source, guide string) []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		folder := path.Dir(packages[name][0].path)
		if slices.Contains(emptyNames, path.Base(name)) || slices.Contains(emptyNames, packages[name][0].clause) {
			problems = append(problems, folder+": the name says nothing: call the package by the noun that it holds")
		}
		if _, ok := table[name]; !ok {
			problems = append(problems, fmt.Sprintf("%s has no row in the import table of ARCHITECTURE.md: add one for %#q", folder, name))
		}
		if !strings.HasPrefix(folder, "internal/") {
			continue
		}
		if !slices.ContainsFunc(packages[name], func(s source) bool { return path.Base(s.path) == "doc.go" }) {
			problems = append(problems, folder+" has no doc.go: say what the package is, its rule, and its place in the data's way")
		}
		if !strings.Contains(guide, "\n- `"+name+"` ") {
			problems = append(problems, fmt.Sprintf("%s has no line in CONTRIBUTING.md: add one beginning with \"- %#q \"", folder, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if _, exists := packages[name]; !exists && table[name].ring != "" {
			problems = append(problems, fmt.Sprintf("ARCHITECTURE.md: the import table names %s, which does not exist: delete the row", name))
		}
	}
	return problems
}

func (t importTable) checkFile(name string, s source) []string {
	var problems []string
	add := func(format string, args ...any) {
		problems = append(problems, s.path+" "+fmt.Sprintf(format, args...))
	}
	for _, imported := range s.imports {
		ours, isOurs := strings.CutPrefix(imported, module+"/")
		ours = packageName(ours)
		switch {
		case !isOurs || t.allows(name, ours, s.test()):
		case t[ours].ring == "kit" && !s.test():
			add("imports the kit %s: kits are for _test.go files", ours)
		default:
			add("imports %s, and the table in ARCHITECTURE.md does not allow that to %s: let the caller declare the interface that it needs, or move the code (changing the table wants a decision record)", ours, name)
		}
	}
	if s.test() {
		return problems
	}
	for _, ban := range t.bans(name) {
		for _, used := range slices.Concat(s.imports, s.uses) {
			if banned(ban, used) {
				add("uses %s, and the table in ARCHITECTURE.md forbids %s to %s: take the value as an argument, or move the code to the rim", used, ban, name)
			}
		}
	}
	return problems
}

// banned: a folder of the standard library bans all below it, a member bans only itself.
func banned(ban, used string) bool {
	if ban == "third parties" {
		first, _, _ := strings.Cut(used, "/")
		return strings.Contains(first, ".") && strings.Contains(used, "/") && !strings.HasPrefix(used, module+"/")
	}
	return used == ban || strings.HasPrefix(used, ban+"/")
}

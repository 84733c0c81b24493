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
	"strings"
	"testing"
	"testing/fstest"
)

// TestLessonsAreTested fails when docs/lessons.md names a test that does not exist, or a bug without one.
func TestLessonsAreTested(t *testing.T) {
	t.Parallel()
	for _, problem := range checkLessons(os.DirFS(".")) {
		t.Error(problem)
	}
}

const lessonsFile = "docs/lessons.md"

var lessonsTable = regexp.MustCompile(`(?m)^\| bug \| seen in \| tests \|\n\|[-| ]+\|\n((?:\|.*\n)+)`)

// checkLessons gives everything that is wrong, in words that say what to do about it.
func checkLessons(tree fs.FS) (problems []string) {
	text, err := fs.ReadFile(tree, lessonsFile)
	if err != nil {
		return []string{err.Error()}
	}
	table := lessonsTable.FindSubmatch(text)
	if table == nil {
		return []string{lessonsFile + " has no table with the columns bug, seen in, tests"}
	}
	known := map[string][]string{} // package -> its tests
	for line := range strings.Lines(string(table[1])) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			problems = append(problems, fmt.Sprintf("%s: a row has not three cells: %s", lessonsFile, line))
			continue
		}
		problems = append(problems, checkLesson(tree, cells, known)...)
	}
	return problems
}

// checkLesson looks for the tests of one row: a package, and the tests in it, until the next package.
func checkLesson(tree fs.FS, cells []string, known map[string][]string) (problems []string) {
	bug := strings.TrimSpace(cells[0])
	in, named := "", 0
	for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
		name := m[1]
		if !strings.HasPrefix(name, "Test") {
			in = name
			continue
		}
		named++
		if _, read := known[in]; !read {
			tests, err := testsOf(tree, path.Join("internal", in))
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", lessonsFile, err))
			}
			known[in] = tests
		}
		if !slices.Contains(known[in], name) {
			problems = append(problems, fmt.Sprintf("%s names %s, which is not in internal/%s: put the test back, or name the one that proves this now: %s", lessonsFile, name, in, bug))
		}
	}
	if named == 0 {
		problems = append(problems, fmt.Sprintf("%s names no test: %s", lessonsFile, bug))
	}
	return problems
}

// testsOf gives the names of a folder's tests.
func testsOf(tree fs.FS, folder string) (tests []string, err error) {
	files, err := fs.Glob(tree, folder+"/*_test.go")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests = append(tests, f.Name.Name)
			}
		}
	}
	return tests, nil
}

// Every way in which the table can be wrong is told.
func TestLessonsRefuse(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		lessonsFile:                     "# Lessons\n\n| bug | seen in | tests |\n|---|---|---|\n| It lied. | X #1 | `core/count` `TestTruth`; `book` `TestOther`, `TestMore` |\n\nText `TestGone`.\n",
		"internal/core/count/a_test.go": "package count\nfunc TestTruth() {}\n",
		"internal/book/b_test.go":       "package book\nfunc TestOther() {}\nfunc TestMore() {}\n",
	}
	for name, c := range map[string]struct {
		file, text string
		want       string // empty: nothing
	}{
		"in order":          {"", "", ""},
		"a test that went":  {"internal/core/count/a_test.go", "package count\nfunc TestLies() {}\n", "names TestTruth, which is not in internal/core/count"},
		"in another folder": {"internal/book/b_test.go", "package book\nfunc TestOther() {}\nfunc TestTruth() {}\n", "names TestMore, which is not in internal/book"},
		"a method":          {"internal/core/count/a_test.go", "package count\nfunc (x) TestTruth() {}\n", "names TestTruth"},
		"no test":           {lessonsFile, strings.Replace(good[lessonsFile], "`core/count` `TestTruth`; `book` `TestOther`, `TestMore`", "none", 1), "names no test: It lied."},
		"a cell too many":   {lessonsFile, strings.Replace(good[lessonsFile], "X #1", "X | #1", 1), "not three cells"},
		"no table":          {lessonsFile, "# Lessons\n", "has no table"},
		"no file":           {lessonsFile, "", lessonsFile},
		"not Go":            {"internal/book/b_test.go", "package", "internal/book/b_test.go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(good)
			if c.file != "" {
				files[c.file] = c.text
			}
			tree := fstest.MapFS{}
			for file, text := range files {
				if text != "" {
					tree[file] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			problems := strings.Join(checkLessons(tree), "\n")
			if c.want == "" && problems != "" || !strings.Contains(problems, c.want) {
				t.Errorf("want %q, told:\n%s", c.want, problems)
			}
		})
	}
}

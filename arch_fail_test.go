package tallystick

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const sampleTable = `
| package | ring | may import | must not use |
|---|---|---|---|
| ` + "`core/word`" + ` | 0 | nothing | |
| ` + "`core/count`" + ` | 1 | ring 0 | |
| ` + "`core/...`" + ` | | | ` + "`net`, `os`, `time.Now`" + `, third parties |
| ` + "`book`" + ` | 2 | rings 0–1 | |
| ring 2 | | | ` + "`database/sql`" + ` |
| ` + "`store`" + ` | socket | rings 0–2 | |
| ` + "`store/lite`" + ` | plug | ` + "`store`" + `, rings 0–2 | |
| ` + "`store/big`" + ` | plug | ` + "`store`" + `, rings 0–2 | |
| ` + "`store/kit`" + ` | kit | ` + "`store`" + ` | |
| ` + "`sim`" + ` | rim | ring 0 | |
| ` + "`app`" + ` | app | everything | |
| ` + "`cmd/prog`" + ` | rim | ` + "`app`" + ` | |
| ` + "`*_test.go`" + ` | | all kits, ` + "`sim`, `store/lite`" + ` | |

Text behind it.
`

// sample is a small tree that is in order.
func sample() map[string]string {
	const guide = "# Guide\n- `core/word` x\n- `core/count` x\n- `book` x\n- `store` x\n- `store/lite` x\n- `store/big` x\n- `store/kit` x\n- `sim` x\n- `app` x\n"
	files := map[string]string{
		"ARCHITECTURE.md":  sampleTable,
		"CONTRIBUTING.md":  guide,
		"cmd/prog/main.go": "package main\n" + imports("app"),
	}
	for _, name := range []string{"core/word", "core/count", "book", "store", "store/lite", "store/big", "store/kit", "sim", "app"} {
		files["internal/"+name+"/doc.go"] = "package x\n"
	}
	files["internal/core/count/count.go"] = "package count\nimport \"time\"\n" + imports("core/word") + "var T time.Time\n"
	files["internal/core/count/count_test.go"] = "package count\nimport (\"os\"; \"time\")\nvar _, _ = os.Args, time.Now\n"
	files["internal/book/book_test.go"] = "package book_test\n" + imports("book", "sim", "store/kit", "store/lite")
	files["internal/store/lite/lite.go"] = "package lite\nimport (\"database/sql\"; \"modernc.org/sqlite\")\n" + imports("store", "book", "core/word")
	files["internal/store/big/testdata/x.go"] = "this is no Go"
	files["internal/app/app.go"] = "package app\n" + imports("store/lite", "store/big", "sim", "core/count")
	return files
}

func imports(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("import _ \"" + module + "/internal/" + name + "\"\n")
	}
	return b.String()
}

func check(files map[string]string) []string {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return checkTree(tree)
}

func TestArchitectureAcceptsWhatItAllows(t *testing.T) {
	t.Parallel()
	if problems := check(sample()); len(problems) != 0 {
		t.Errorf("a tree in order is refused:\n%s", strings.Join(problems, "\n"))
	}
}

// Every rule is broken once, and a problem must name it.
func TestArchitectureRefuses(t *testing.T) {
	t.Parallel()
	inTable := func(old, changed string) map[string]string {
		if !strings.Contains(sampleTable, old) {
			t.Fatal("not in the table: " + old)
		}
		return map[string]string{"ARCHITECTURE.md": strings.Replace(sampleTable, old, changed, 1)}
	}
	for name, test := range map[string]struct {
		change map[string]string // files put in; an empty text takes one away
		want   string
	}{
		"an inner ring imports an outer one": {map[string]string{"internal/core/word/a.go": "package word\n" + imports("book")}, "internal/core/word/a.go imports book"},
		"also in its tests":                  {map[string]string{"internal/core/word/a_test.go": "package word\n" + imports("book")}, "internal/core/word/a_test.go imports book"},
		"ring 2 imports the store":           {map[string]string{"internal/book/a.go": "package book\n" + imports("store")}, "imports store"},
		"a plug imports another":             {map[string]string{"internal/store/big/a.go": "package big\n" + imports("store/lite")}, "imports store/lite"},
		"main skips the wiring":              {map[string]string{"cmd/prog/b.go": "package main\n" + imports("store")}, "cmd/prog/b.go imports store"},
		"a kit outside tests":                {map[string]string{"internal/app/a.go": "package app\n" + imports("store/kit")}, "imports the kit store/kit"},
		"the simulator outside its users":    {map[string]string{"internal/book/a.go": "package book\n" + imports("sim")}, "imports sim"},
		"SQL in ring 2":                      {map[string]string{"internal/book/a.go": "package book\nimport \"database/sql\"\n"}, "uses database/sql"},
		"the machine in core":                {map[string]string{"internal/core/word/a.go": "package word\nimport \"os/exec\"\n"}, "uses os/exec"},
		"the clock in core":                  {map[string]string{"internal/core/word/a.go": "package word\nimport clock \"time\"\nvar now = clock.Now\n"}, "uses time.Now"},
		"a third party in core":              {map[string]string{"internal/core/word/a.go": "package word\nimport \"example.org/lib\"\n"}, "uses example.org/lib"},
		"a package without doc.go":           {map[string]string{"internal/sim/doc.go": "", "internal/sim/sim.go": "package sim\n"}, "internal/sim has no doc.go"},
		"a package without a line":           {map[string]string{"CONTRIBUTING.md": strings.Replace(sample()["CONTRIBUTING.md"], "- `sim` x\n", "", 1)}, "internal/sim has no line in CONTRIBUTING.md"},
		"a package without a row":            {inTable("| `sim` | rim | ring 0 | |\n| `app` | app | everything | |\n| `cmd/prog` | rim | `app` | |\n| `*_test.go` | | all kits, `sim`, `store/lite` | |", "| `app` | app | everything | |\n| `cmd/prog` | rim | `app` | |\n| `*_test.go` | | all kits, `store/lite`, `core/word` | |"), "internal/sim has no row"},
		"a row without a package":            {inTable("| `store/kit`", "| `store/gone` | plug | nothing | |\n| `store/kit`"), "names store/gone, which does not exist"},
		"a name that says nothing":           {map[string]string{"internal/app/a.go": "package app\n", "internal/util/doc.go": "package util\n"}, "internal/util: the name says nothing"},
		"a row that allows a plug":           {inTable("| `store/big` | plug | `store`,", "| `store/big` | plug | `store`, `store/lite`,"), "the row of store/big allows the plug store/lite"},
		"a row that allows what is not":      {inTable("| `sim` | rim | ring 0", "| `sim` | rim | `gone`, ring 0"), "the row of sim allows gone"},
		"a row that is there twice":          {inTable("| `sim` | rim | ring 0 | |", "| `sim` | rim | ring 0 | |\n| `sim` | rim | ring 0 | |"), "two rows for sim"},
		"a row with a cell too many":         {inTable("| `sim` | rim | ring 0 | |", "| `sim` | rim | ring 0 | |\n| `x` | | | | |"), "not four cells"},
		"no table":                           {map[string]string{"ARCHITECTURE.md": "# Nothing\n"}, "has no table"},
		"no architecture":                    {map[string]string{"ARCHITECTURE.md": ""}, "ARCHITECTURE.md"},
		"a file that is not Go":              {map[string]string{"internal/sim/a.go": "package\n"}, "internal/sim/a.go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := sample()
			maps.Copy(files, test.change)
			maps.DeleteFunc(files, func(_, text string) bool { return text == "" })
			problems := check(files)
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, test.want) }) {
				t.Errorf("no problem says %q; all that were found:\n%s", test.want, strings.Join(problems, "\n"))
			}
		})
	}
}

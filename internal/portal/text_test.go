package portal

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
)

var (
	called    = regexp.MustCompile(`\{\{[^}]*\}\}`)
	keyed     = regexp.MustCompile(`\b[tn] "([^"]+)"`)
	built     = regexp.MustCompile(`\(print "([^"]+)"`)
	tags      = regexp.MustCompile(`(?s)<[^>]*>`)
	namedText = regexp.MustCompile(`"([a-z-]+(?:\.[a-z-]+)*\.?)"`)
	letter    = regexp.MustCompile(`[A-Za-z]{2,}`)
	refused   = regexp.MustCompile(`(?:fault\.(?:New|Wrap)\((?:err, )?fault\.(\w+)|NewStatusError\([^"]*|\.fail\([^,]+), "([^"]*)"`)
)

// What people read stands in en.toml, all of it, and nothing else does.
func TestTexts(t *testing.T) {
	t.Parallel()
	all, err := readTexts(english)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var prefixes []string
	sources := map[string]string{}
	names, err := fs.Glob(templates, "template/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := templates.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = string(text)
		bare := tags.ReplaceAllString(called.ReplaceAllString(string(text), ""), "")
		if found := letter.FindString(bare); found != "" {
			t.Errorf("%s: %q is written into the template", name, found)
		}
		for _, m := range keyed.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		for _, m := range built.FindAllStringSubmatch(string(text), -1) {
			prefixes = append(prefixes, m[1])
		}
	}
	for key := range used {
		if _, plain := all[key]; !plain && (all[key+".one"] == "" || all[key+".other"] == "") {
			t.Errorf("the templates use %q, which is no text", key)
		}
	}
	named, begun := inCode(t)
	prefixes = append(prefixes, begun...)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if !used[key] && !used[base] && !named[key] && !named[base] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("nothing uses the text %q", key)
		}
	}
}

// inCode gives the texts that the package's code names, and the beginnings that it puts words behind.
func inCode(t *testing.T) (named map[string]bool, begun []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named = make(map[string]bool)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range refused.FindAllStringSubmatch(string(text), -1) {
			if m[1] != "Internal" && letter.MatchString(m[2]) {
				t.Errorf("%s: %q is written into the code", name, m[2])
			}
		}
		for _, m := range namedText.FindAllStringSubmatch(string(text), -1) {
			if named[m[1]] = true; strings.HasSuffix(m[1], ".") {
				begun = append(begun, m[1])
			}
		}
	}
	return named, begun
}

func TestTextArguments(t *testing.T) {
	t.Parallel()
	all := texts{"a": "%d of %s", "b.one": "%d thing", "b.other": "%d things"}
	for _, c := range []struct {
		got  func() (string, error)
		want string
	}{
		{func() (string, error) { return all.say("a", 3, "x") }, "3 of x"},
		{func() (string, error) { return all.say("a", 3) }, ""},
		{func() (string, error) { return all.say("c") }, ""},
		{func() (string, error) { return all.count("b", 1) }, "1 thing"},
		{func() (string, error) { return all.count("b", 0) }, "0 things"},
	} {
		if got, err := c.got(); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, plain, signed string }{
		{"0", "0", "±0"}, {"7", "7", "+7"}, {"1234567.25", "1\u202f234\u202f567.25", "+1\u202f234\u202f567.25"}, {"-1000", "\u22121\u202f000", "\u22121\u202f000"}, {"-0.5", "\u22120.5", "\u22120.5"}, {"999", "999", "+999"},
	} {
		if got := number(c.text); got != c.plain {
			t.Errorf("number %s: %q", c.text, got)
		}
		if got := signed(c.text); got != c.signed {
			t.Errorf("signed %s: %q", c.text, got)
		}
	}
}

// What comes out of other packages has its words, too.
func TestWordsOfOthers(t *testing.T) {
	t.Parallel()
	all, err := readTexts(english)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range access.Actions() {
		if all["scope."+string(action)] == "" {
			t.Errorf("the scope %q has no text", action)
		}
	}
	for _, action := range audit.Actions() {
		if all["audit-action."+action] == "" {
			t.Errorf("the action %q has no text", action)
		}
	}
	for _, role := range access.Roles() {
		if all["role."+string(role)] == "" {
			t.Errorf("the role %q has no text", role)
		}
	}
	for month := 1; month <= 12; month++ {
		if all["month."+strconv.Itoa(month)] == "" {
			t.Errorf("month %d has no text", month)
		}
	}
}

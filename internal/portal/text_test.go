package portal

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/access"
)

var (
	called = regexp.MustCompile(`\{\{[^}]*\}\}`)
	keyed  = regexp.MustCompile(`\b[tn] "([^"]+)"`)
	built  = regexp.MustCompile(`\(print "([^"]+)"`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
	letter = regexp.MustCompile(`[A-Za-z]{2,}`)
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
	for _, key := range slices.Sorted(maps.Keys(all)) {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if !used[key] && !used[base] && !inCode[key] && !inCode[base] && !slices.ContainsFunc(append(prefixes, "told.", "plain.", "flag.", "span.", "freshness.", "product-kind.", "nav.", "month.", "weekday.", "form.", "audit-action.", "month-filter.", "file."), func(p string) bool { return strings.HasPrefix(key, p) }) {
			t.Errorf("nothing uses the text %q", key)
		}
	}
}

// inCode are the texts that endpoints use.
var inCode = map[string]bool{
	"sign-in.title": true, "sign-in.wrong": true, "sign-in.not-single": true, "users.forget": true, "users.no-password": true, "account.title": true, "problem.title": true, "problem.cross": true, "problem.address": true, "problem.denied": true, "problem.or": true, "overview.title": true,
	"companies.title": true, "companies.name": true, "companies.before": true, "companies.complete": true, "why.title": true, "note.unknown": true, "note.stale": true,
	"company.figure": true, "company.trend": true, "company.changes": true, "company.statements": true, "statements.without": true, "statements.drafts": true, "trend.day-step": true, "trend.month-step": true,
	"any-company": true, "alarms.title": true, "alarms.standing": true, "alarms.all": true, "alarms.any-kind": true, "alarms.acknowledge": true, "alarms.resolve": true,
	"account.wrong": true, "product": true, "sign-in.wrong-code": true, "second.title": true, "changes.listed": true, "users.own": true, "users.own-factor": true, "sign-in.single-broken": true, "second.codes": true, "users.title": true, "users.add": true, "users.no-company": true, "users.made": true, "users.made-text": true, "users.made-label": true,
	"users.sure": true, "users.last": true, "tokens.title": true, "tokens.text": true, "tokens.add": true, "tokens.every-company": true, "tokens.every-server": true,
	"tokens.made": true, "tokens.made-text": true, "tokens.made-label": true, "settings.title": true, "settings.zone": true, "settings.licensees": true,
	"catalogue.title": true, "catalogue.no-month": true, "catalogue.own": true, "catalogue.check": true, "catalogue.set": true, "audit.title": true, "audit.any-action": true,
	"company.servers": true, "companies.add": true, "companies.enabled": true, "companies.remove-text": true, "servers.any-state": true,
	"servers.untrusted": true, "servers.confirm-first": true, "servers.another-certificate": true, "servers.choose-company": true, "servers.own-account": true, "servers.insecure": true,
	"servers.remove-text": true, "server.address": true, "server.state": true, "server.last": true, "server.next": true,
	"server.readings-count": true, "server.gaps-count": true, "workloads.title": true, "statements.one": true, "statements.of": true, "behind.head": true, "why.every-type": true, "credentials.no-test": true, "credentials.remove-text": true,
	"unit": true, "change": true, "state.used": true, "state.new": true, "state.rental": true,
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

package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// noTime: a final statement's month was over when it was counted.
var noTime time.Time

// Finding is one thing that was looked at.
type Finding struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	Text string `json:"text"` // what fits, or what does not
}

// Report is what was found in a bundle.
type Report struct {
	Findings []Finding
	Bundle   *Bundle // nil: it was not worth reading
}

// OK reports whether everything fits: only then is anything proven.
func (r *Report) OK() bool { return len(r.Findings) > 0 && len(r.wrong()) == 0 }

func (r *Report) wrong() (texts []string) {
	for _, f := range r.Findings {
		if !f.OK {
			texts = append(texts, f.Name+": "+f.Text)
		}
	}
	return texts
}

func (r *Report) good(name, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{name, true, fmt.Sprintf(format, args...)})
}

func (r *Report) bad(name, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{name, false, fmt.Sprintf(format, args...)})
}

// take notes problems, or where there are none, what fits.
func (r *Report) take(name string, problems []string, format string, args ...any) {
	const most = 10
	if len(problems) == 0 {
		r.good(name, format, args...)
		return
	}
	if more := len(problems) - most; more > 0 {
		problems = append(problems[:most:most], fmt.Sprintf("and %d more", more))
	}
	r.bad(name, "%s", strings.Join(problems, "; "))
}

// Verify checks a bundle against the fingerprint of the key that must have signed it. Of what that key did not sign
// nothing else is looked at: it proves nothing.
func Verify(ctx context.Context, data []byte, fingerprint string) (r Report) {
	files, err := open(data)
	if err != nil {
		r.bad("form", "%s", fault.Text(err))
		return r
	}
	r.good("form", "%d files, written as Tallystick writes them", len(files))
	if !r.signed(files, fingerprint) {
		return r
	}
	b, err := parse(files)
	if err != nil {
		r.bad("parts", "%s", fault.Text(err))
		return r
	}
	r.good("parts", "every part can be read")
	r.Bundle = b
	r.content(ctx)
	return r
}

// signed checks key, signature and checksums.
func (r *Report) signed(files []file, fingerprint string) bool {
	n := len(files) - 2 // the last two are the checksums and the signature
	key, err := parsePublicPEM(files[n-1].body)
	if err != nil {
		r.bad("key", "%s", fault.Text(err))
		return false
	}
	if got := Fingerprint(key); got != fingerprint {
		r.bad("key", "it was signed with the key %s, and not with %s", got, fingerprint)
		return false
	}
	r.good("key", "%s, the one that was named", fingerprint)
	if !ed25519.Verify(key, files[n].body, files[n+1].body) {
		r.bad("signature", "%s is not the signature of %s by that key", signatureFile, sumsFile)
		return false
	}
	r.good("signature", "%s is signed with that key", sumsFile)
	problems := sumProblems(files[:n], files[n].body)
	r.take("checksums", problems, "all %d files are what %s says", n, sumsFile)
	return len(problems) == 0
}

// sumProblems compares line by line.
func sumProblems(files []file, said []byte) (problems []string) {
	if bytes.Equal(sums(files), said) {
		return nil
	}
	for i := range files {
		if !bytes.Contains(said, sums(files[i:i+1])) {
			problems = append(problems, files[i].name+" is not what "+sumsFile+" says")
		}
	}
	if len(problems) == 0 {
		problems = append(problems, sumsFile+" names other files than there are, or is not written as Tallystick writes it")
	}
	return problems
}

// content checks what follows from what.
func (r *Report) content(ctx context.Context) {
	t := &r.Bundle.Statement
	counted, workloads, err := statement.CountFrom(ctx, r.Bundle.evidence, t.Company, t.Key().Month, noTime)
	if err != nil {
		r.bad("recount", "the evidence cannot be counted: %s", fault.Text(err))
	} else {
		r.take("recount", contentProblems(&t.Content, &counted), "counted again from the evidence, everything is the same: %s", summary(t))
		r.take("workloads", r.Bundle.workloadProblems(t, workloads), "%d workloads are behind it, each with the state that follows from the evidence", t.Content.Workloads)
	}
	r.take("evidence", r.Bundle.evidence.problems(t), "the evidence fits the dated facts, and no instant that counts is left out")
	r.take("statement", t.Problems(workloads), "adjustments, reasons and the trail of %d steps fit each other; it became final %s", len(t.Trail), finalText(t))
	r.take("rows", lineProblems(csvFile, r.Bundle.files[csvFile].body, toCSV(t)), "%s says the same", csvFile)
	r.take("readme", lineProblems(readmeFile, r.Bundle.files[readmeFile].body, []byte(readme)), "%s is the usual one", readmeFile)
	r.catalogues()
	r.take("chain", r.Bundle.chainProblems(), "%s", r.Bundle.chainText())
}

func summary(t *statement.Statement) string {
	return fmt.Sprintf("company %d (%s), %s, statement %d: %d rows, %d servers", t.Company, t.CompanyName, t.Month, t.Number, len(t.Content.Rows), len(t.Content.Servers))
}

func finalText(t *statement.Statement) string {
	if at, ok := t.FinalisedAt(); ok {
		return at.UTC().Format(time.RFC3339)
	}
	return "never"
}

// lineProblems names the first line that differs.
func lineProblems(name string, got, want []byte) []string {
	if bytes.Equal(got, want) {
		return nil
	}
	a, b := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	at := 0
	for at < len(a) && at < len(b) && bytes.Equal(a[at], b[at]) {
		at++
	}
	return []string{fmt.Sprintf("%s is not what follows from the rest, from line %d on", name, at+1)}
}

// workloadProblems: what is listed is what the statement's digest is of, and what the evidence gives.
func (b *Bundle) workloadProblems(t *statement.Statement, counted []statement.Workload) (problems []string) {
	listed := b.files[workloadsFile].body
	if Sum(listed) != t.Content.Digest {
		problems = append(problems, workloadsFile+" does not have the SHA-256 that the statement gives for it")
	}
	return append(problems, lineProblems(workloadsFile, listed, statement.Lines(counted))...)
}

// problems compares the evidence with the dated facts, and looks for what is left out.
func (e *evidence) problems(t *statement.Statement) (problems []string) {
	seen := make(map[string]bool)
	wrong := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !seen[text] {
			seen[text] = true
			problems = append(problems, text)
		}
	}
	for i := range e.dated {
		if f := &e.dated[i]; f.Position < 1 || f.Position >= t.Cutoff {
			wrong("the dated fact at %d is not one of those before %d that were counted", f.Position, t.Cutoff)
		}
	}
	for i := range e.facts {
		e.compare(&e.facts[i], wrong)
	}
	for i := range t.Content.Servers {
		if s := &t.Content.Servers[i]; s.Product == usage.ProductConsole {
			e.examined(s.ID, wrong)
		}
	}
	return problems
}

// examined looks for a reading at which a peak may lie and of which nothing is said (C37): one of a server that was the
// company's then.
func (e *evidence) examined(server usage.ServerID, wrong func(string, ...any)) {
	of := usage.ServerSubject(server)
	for _, at := range e.periods[server].Taken {
		owner, _ := usage.ValueAt(e.about(of, usage.AttrCompany), at.Time)
		if _, known := e.at[moment{usage.ProductConsole, at.UnixMicro()}]; !known && owner == e.company.String() {
			wrong("server %d was read at %s, and what was used then is left out", server, at.Format(time.RFC3339))
		}
	}
}

// compare holds what was known at an instant against the dated facts that were valid then.
func (e *evidence) compare(l *factsLine, wrong func(string, ...any)) {
	check := func(of usage.Subject, attribute usage.Attribute, says string) {
		if value, dated := usage.ValueAt(e.about(of, attribute), l.At.Time); dated && value != says {
			wrong("%s of %s is %q in the evidence and %q by the dated facts", attribute, of, says, value)
		}
	}
	check(usage.PolicySubject, usage.AttrZone, l.Zone)
	check(usage.PolicySubject, usage.AttrCatalog, l.Catalog)
	for i := range l.Servers {
		s := &l.Servers[i]
		of, owner := usage.ServerSubject(s.ID), e.company
		if s.Shared {
			owner = 0
		}
		if s.Shared || owner != usage.Unassigned { // to which also belongs what a removed company had
			check(of, usage.AttrCompany, owner.String())
		}
		check(of, usage.AttrDomain, s.Domain)
		check(of, usage.AttrAuthority, s.Authority)
		check(of, usage.AttrInterval, fmt.Sprint(s.Interval))
		check(of, usage.AttrRemoved, "false")
	}
}

// chainProblems: it says what it must of the bundles before it.
func (b *Bundle) chainProblems() (problems []string) {
	t := &b.Statement
	if l := b.Previous.Before; l != nil && (!l.good() || l.month().Next() != t.Key().Month) {
		problems = append(problems, "what it names is not the bundle of the month before")
	}
	switch l := b.Previous.Replaces; {
	case (l == nil) != (t.Supersedes == 0):
		problems = append(problems, "it does not name the bundle of the statement that it supersedes, or supersedes none")
	case l != nil && (!l.good() || l.Month != t.Month || l.Number != t.Supersedes):
		problems = append(problems, "what it names is not the bundle that it replaces")
	}
	return problems
}

func (l *Link) month() usage.Month {
	m, _ := usage.ParseMonth(l.Month)
	return m
}

func (l *Link) good() bool {
	_, err := usage.ParseMonth(l.Month)
	return err == nil && l.Number > 0 && len(l.SHA256) == 64 && strings.Trim(l.SHA256, "0123456789abcdef") == ""
}

func (b *Bundle) chainText() string {
	text := "it says that it is the company's first bundle"
	if l := b.Previous.Before; l != nil {
		text = fmt.Sprintf("it stands behind the bundle of %s, statement %d, SHA-256 %s", l.Month, l.Number, l.SHA256)
	}
	if l := b.Previous.Replaces; l != nil {
		text += fmt.Sprintf("; it replaces that of statement %d, SHA-256 %s", l.Number, l.SHA256)
	}
	return text
}

package bundle

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/statement"
)

// forge changes files of a bundle and signs everything anew, with the provider's own key.
func forge(t *testing.T, data []byte, key Signer, change func(body func(name string) *[]byte)) []byte {
	t.Helper()
	files, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	files = slices.Clone(files[:len(files)-2])
	change(func(name string) *[]byte {
		at := slices.IndexFunc(files, func(f file) bool { return f.name == name })
		return &files[at].body
	})
	return pack(sign(files, key))
}

// replaced is one text for another, which must be there.
func replaced(t *testing.T, body *[]byte, old, now string) {
	t.Helper()
	if !bytes.Contains(*body, []byte(old)) {
		t.Fatalf("%q is not in it: %s", old, *body)
	}
	*body = bytes.Replace(*body, []byte(old), []byte(now), 1)
}

// without leaves out the first line that holds a text.
func without(t *testing.T, body *[]byte, text string) {
	t.Helper()
	lines := bytes.SplitAfter(*body, []byte("\n"))
	at := slices.IndexFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte(text)) })
	if at < 0 {
		t.Fatalf("%q is not in it: %s", text, *body)
	}
	*body = bytes.Join(slices.Delete(lines, at, at+1), nil)
}

// Also who has the key cannot make a bundle say what does not follow from it: what does not fit is told, by what it is.
func TestForgeries(t *testing.T) {
	t.Parallel()
	w, c := rich(t)
	data := w.export(c, september, 0).Data
	first := w.export(c, september, 1).Statement
	peak := first.Content.Rows[slices.IndexFunc(first.Content.Rows, func(r statement.Row) bool { return r.PeakAt != nil })].PeakAt.Format(`"at":"2006-01-02T15:04:05Z"`)
	swap := func(name, old, now string) func(*testing.T, func(string) *[]byte) {
		return func(t *testing.T, body func(string) *[]byte) { t.Helper(); replaced(t, body(name), old, now) }
	}
	drop := func(name, text string) func(*testing.T, func(string) *[]byte) {
		return func(t *testing.T, body func(string) *[]byte) { t.Helper(); without(t, body(name), text) }
	}
	edit := func(change func(*statement.Statement)) func(*testing.T, func(string) *[]byte) {
		return func(t *testing.T, body func(string) *[]byte) {
			t.Helper()
			s, err := statement.Decode(*body(statementFile))
			w.check(err)
			change(&s)
			*body(statementFile), err = s.Encode()
			w.check(err)
		}
	}
	twice := func(name string) func(*testing.T, func(string) *[]byte) {
		return func(_ *testing.T, body func(string) *[]byte) {
			b := body(name)
			*b = append(bytes.Clone((*b)[:bytes.IndexByte(*b, '\n')+1]), *b...)
		}
	}
	for name, test := range map[string]struct {
		change func(*testing.T, func(string) *[]byte)
		says   []string
	}{
		"a row": {
			swap(statementFile, `"VBR_vSphere_VM","unit":"Instances","used":{"count":7,"units":7}`, `"VBR_vSphere_VM","unit":"Instances","used":{"count":6,"units":6}`),
			[]string{"recount: row VBR_vSphere_VM Instances (vbr): the statement says used 6 (6 units)", "gives used 7 (7 units)", "rows: statement.csv is not what follows from the rest, from line 2 on"},
		},
		"a row that is left out": {
			edit(func(s *statement.Statement) { s.Content.Rows = slices.Delete(s.Content.Rows, 0, 1) }),
			[]string{"recount: row VBR_vSphere_VM Instances (vbr): the statement leaves it out"},
		},
		"a server's hours": {swap(statementFile, `"hoursWithout":7`, `"hoursWithout":6`), []string{"recount: server 1 (LISTED): readings is {"}},
		"an issue":         {swap(statementFile, `{"key":"unknown/6"`, `{"key":"unknown/7"`), []string{"recount: issue unknown/7: the evidence gives none", "issue unknown/6: the statement leaves it out"}},
		"a license class":  {swap(statementFile, `"class":"foreign","rows"`, `"class":"free","rows"`), []string{"recount: row VBR_vSphere_VM Instances (vbr), licenses free: the evidence gives none", "licenses foreign: the statement leaves it out"}},
		"the digest":       {swap(statementFile, `"workloadsSha256":"`, `"workloadsSha256":"00`), []string{"workloads: workloads.ndjson does not have the SHA-256", "recount: workloadsSha256 is "}},
		"a line of CSV":    {swap(csvFile, "6,6,\r\n", "5,5,\r\n"), []string{"rows: statement.csv is not what follows from the rest, from line 2 on"}},
		"a workload":       {swap(workloadsFile, `"state":"used"`, `"state":"lapsed"`), []string{"workloads: workloads.ndjson does not have the SHA-256", "from line 1 on"}},
		"a listed machine": {drop(rowsFile, "VBR_vSphere_VM-03"), []string{"parts: evidence/lists.ndjson"}},
		"a machine's age": {
			func(_ *testing.T, body func(string) *[]byte) {
				b := body(rowsFile)
				*b = bytes.ReplaceAll(*b, []byte(`"stated":"2020-01-01T02:00:00Z"`), []byte(`"stated":"2026-09-29T02:00:00Z"`))
			},
			[]string{"recount: row VBR_vSphere_VM Instances (vbr): the statement says used 7 (7 units), new 1 (1)", "workloads: "},
		},
		"a license": {swap(readingsFile, `"type":"Subscription"`, `"type":"NFR"`), []string{`recount: server 2 (REPORTED): license is {"type":"Subscription"`, "row VBR_HyperV_VM Instances (vbr), licenses free: the statement leaves it out"}},
		"a counter": {swap(readingsFile, `"used":7`, `"used":8`), []string{"recount: row VBR_HyperV_VM Instances (vbr)"}},
		"a peak that is left out": {
			drop(factsFile, peak), []string{"recount: row VAC_Server_Agent Instances (console)", "evidence: server 4 was read at 2026-09-13T02:00:00Z, and what was used then is left out"},
		},
		"the end of the month": {drop(factsFile, `"product":"cloudConnect","at":"2026-10-01T03:59:59.999999Z"`), []string{"recount: the evidence cannot be counted: the evidence says nothing of cloudConnect at 2026-10-01T03:59:59.999999Z"}},
		"a reading":            {swap(periodsFile, `"2026-09-03T02:00:00Z",`, ``), []string{"recount: server 4 (VAC01)"}},
		"a gap":                {swap(periodsFile, `"reason":"tls"`, `"reason":"other"`), []string{"recount: server 1 (LISTED)"}},
		"how a server was read": {
			drop(periodsFile, `{"server":6`), []string{"recount: the evidence cannot be counted: the evidence does not say how server 6 was read"},
		},
		"a weight":      {swap(catalogueDir+"2026-11"+weightsEnd, "Instances   *                    1  ", "Instances   *                    2  "), []string{"recount: row VBR_vSphere_VM", "catalogue: catalogue/2026-11.weights is not what follows"}},
		"an own weight": {swap(catalogueDir+"2026-11+d2dc81f8f2c1c7e1"+ownEnd, "1.5", "1.6"), []string{"parts: catalogue/2026-11+d2dc81f8f2c1c7e1.own does not hold the rows that its name is of"}},
		"a source":      {swap(catalogueDir+"2026-11"+weightsEnd, "34 used", "35 used"), []string{"catalogue: catalogue/2026-11.weights"}},
		"a domain":      {swap(datedFile, `"domain","value":"em"`, `"domain","value":""`), []string{`evidence: domain of server/1 is "em" in the evidence and "" by the dated facts`}},
		"an owner":      {swap(datedFile, `"server/1","attribute":"company","value":"2"`, `"server/1","attribute":"company","value":"3"`), []string{`evidence: company of server/1`}},
		"a zone":        {swap(datedFile, `"America/New_York"`, `"America/Chicago"`), []string{"evidence: zone of policy"}},
		"a name":        {swap(datedFile, `"value":"Provider Ltd"`, `"value":"Somebody"`), []string{"recount: "}},
		"the cutoff":    {swap(statementFile, `"cutoff":`, `"cutoff":-`), []string{"evidence: the dated fact at"}},
		"the state":     {swap(statementFile, `"state":"final"`, `"state":"approved"`), []string{`statement: the trail leads to "final", and the statement says "approved"`}},
		"the number":    {swap(statementFile, `"number":1`, `"number":2`), []string{"statement: statement 2 of company 2", "rows: "}},
		"a month":       {swap(statementFile, `"month":"2026-09"`, `"month":"2026-08"`), []string{"recount: the evidence cannot be counted"}},
		"a reason":      {swap(statementFile, `{"issue":"unknown/6","text":"looked at"}`, `{"issue":"unknown/6x","text":"looked at"}`), []string{"statement: there is no reason for the issue unknown/6"}},
		"an adjustment": {
			swap(statementFile, `"amount":{"count":2,"units":2}`, `"amount":{"count":3,"units":2}`), []string{"statement: adjustment 2 takes 3 (2 units) from VBR_HyperV_VM, and what it names is 3 (3 units)"},
		},
		"who adjusted":           {swap(statementFile, `"actor":"jane","at"`, `"actor":"june","at"`), []string{"statement: adjustment 1 is not in the trail"}},
		"what is not billed":     {swap(statementFile, `"id":"VAC_Server_Agent-02"`, `"id":"VAC_Server_Agent-12"`), []string{"statement: adjustment 3 does not fit"}},
		"the trail, a step less": {swap(statementFile, `"did":"approved"`, `"did":"adjusted"`), []string{`statement: step 6 of the trail, "finalised", cannot follow`}},
		"the trail, a step more": {swap(statementFile, `"did":"finalised"}`, `"did":"finalised"},{"at":"2026-10-02T01:00:00Z","actor":"x","did":"reopened"}`), []string{`statement: step 7 of the trail, "reopened", cannot follow`}},
		"the trail, an unknown":  {swap(statementFile, `"did":"drafted"`, `"did":"dreamed"`), []string{`statement: step 1 of the trail, "dreamed", cannot follow`}},
		"a difference":           {swap(statementFile, `"differences":[]`, `"differences":[{"product":"vbr","type":"x","unit":"Points","before":{"used":{"count":0,"units":0},"new":{"count":0,"units":0},"rental":{"count":0,"units":0},"billed":{"count":0,"units":0}},"after":{"used":{"count":0,"units":0},"new":{"count":0,"units":0},"rental":{"count":0,"units":0},"billed":{"count":0,"units":0}}}]`), []string{"statement: what is said of how x Points (vbr) differs"}},
		"a member":               {swap(statementFile, `"schema"`, `"more":1,"schema"`), []string{"parts: statement.json is not written as Tallystick writes it"}},
		"an evidence member":     {swap(factsFile, `"zone"`, `"more":1,"zone"`), []string{"parts: evidence/facts.ndjson, line 1, cannot be read"}},
		"a member twice":         {swap(factsFile, `"zone"`, `"zone":"UTC","zone"`), []string{"parts: evidence/facts.ndjson, line 1, is not written"}},
		"facts twice":            {twice(factsFile), []string{"parts: evidence/facts.ndjson, line 2, says a second thing of vbr"}},
		"a period twice":         {twice(periodsFile), []string{"parts: evidence/periods.ndjson, line 2, is a second one of server 1"}},
		"a fact twice":           {twice(datedFile), []string{"parts: facts.ndjson, line 2, is not behind the fact before it"}},
		"a row twice":            {swap(listsFile, `"rows":[0`, `"rows":[0,0`), []string{"parts: evidence/lists.ndjson, line 1, names row 0"}},
		"a row below none":       {swap(listsFile, `"rows":[0`, `"rows":[-1`), []string{"parts: evidence/lists.ndjson, line 1, names row -1"}},
		"a server twice":         {swap(factsFile, `{"id":2,`, `{"id":1,`), []string{"parts: evidence/facts.ndjson, line 1, names server 1 twice"}},
		"an interval":            {swap(factsFile, `"intervalSeconds":86400`, `"intervalSeconds":-86400`), []string{"is read every -86400 s"}},
		"a list alone":           {swap(factsFile, `"reading":0,`, `"reading":null,`), []string{"parts: evidence/facts.ndjson, line 1, names a reading or a list of server 1"}},
		"a line cut":             {func(_ *testing.T, body func(string) *[]byte) { b := body(periodsFile); *b = (*b)[:len(*b)-1] }, []string{"is cut off"}},
		"an empty list":          {swap(readingsFile, `"listsNew":true`, `"listsNew":true,"counters":[]`), []string{"parts: evidence/readings.ndjson, line 1, is not written"}},
		"an empty text":          {swap(rowsFile, `"type":`, `"host":"","type":`), []string{"parts: evidence/workloads.ndjson, line 1, is not written"}},
		"two machines":           {swap(rowsFile, `{"workload":{"id":`, `{"workload":{"id":"x","name":"x","type":"x"},{"id":`), []string{"parts: evidence/workloads.ndjson, line 1,"}},
		"the order of rows": {
			edit(func(s *statement.Statement) { slices.Reverse(s.Content.Rows) }), []string{"recount: the same stands in another order than the evidence gives"},
		},
		"an adjustment that is not in the trail": {swap(statementFile, `"did":"adjusted"`, `"did":"redrafted"`), []string{"the trail leaves 2 adjustments, and the statement has 3"}},
		"the same adjustment twice": {
			edit(func(s *statement.Statement) {
				s.Adjustments = append(s.Adjustments, s.Adjustments[2])
				s.Trail = slices.Insert(s.Trail, 3, s.Trail[3])
			}), []string{`adjustment 4 does not fit: workload "VAC_Server_Agent-02" of server 4 is taken out already`},
		},
		"a product":               {swap(readingsFile, `"product":"vbr"`, `"product":"vbs"`), []string{"parts: evidence/readings.ndjson, line 1, cannot be read"}},
		"the instructions":        {swap(readmeFile, "must print", "may print"), []string{"readme: README.txt is not what follows"}},
		"the chain":               {swap(previousFile, `"before":null`, `"before":{"month":"2026-07","number":1,"sha256":"`+strings.Repeat("0", 64)+`"}`), []string{"chain: what it names is not the bundle of the month before"}},
		"what it replaces":        {swap(previousFile, `"replaces":null`, `"replaces":{"month":"2026-09","number":1,"sha256":"`+strings.Repeat("0", 64)+`"}`), []string{"chain: it does not name the bundle of the statement that it supersedes"}},
		"a reading of nobody":     {swap(factsFile, `"reading":0`, `"reading":99`), []string{"parts: evidence/facts.ndjson, line 1, names a reading"}},
		"a zone that is nowhere":  {swap(factsFile, `"zone":"America/New_York"`, `"zone":"Local"`), []string{"recount: the evidence cannot be counted: this machine does not know the time zone"}},
		"a catalogue that is not": {swap(factsFile, `"catalog":"2026-11+`, `"catalog":"2026-12+`), []string{"recount: the evidence cannot be counted: the bundle holds no catalogue"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forged := forge(t, data, w.keys[0], func(body func(string) *[]byte) {
				test.change(t, func(name string) *[]byte {
					b := body(name)
					*b = bytes.Clone(*b)
					return b
				})
			})
			r := Verify(t.Context(), forged, w.fingerprint())
			text := strings.Join(r.wrong(), "\n")
			for _, says := range test.says {
				if !strings.Contains(text, says) {
					t.Errorf("it does not say %q, but\n%s", says, text)
				}
			}
		})
	}
}

// What is no bundle, or one with other files, is refused by its form.
func TestOtherArchives(t *testing.T) {
	t.Parallel()
	w, c := small(t)
	data := w.export(c, september, 0).Data
	files, err := open(data)
	w.check(err)
	with := func(change func([]file) []file) []byte { return pack(change(slices.Clone(files))) }
	many := slices.Repeat([]file{{"a", nil}}, filesMax+1)
	for name, test := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":           {nil, "does not begin as a bundle"},
		"a text":            {[]byte(readme), "does not begin as a bundle"},
		"a file less":       {with(func(f []file) []file { return slices.Delete(f, 2, 3) }), csvFile + " is not there"},
		"a file more":       {with(func(f []file) []file { return append(f, file{"x", nil}) }), "x does not belong into a bundle"},
		"two exchanged":     {with(func(f []file) []file { f[1], f[2] = f[2], f[1]; return f }), statementFile + " is not there, or not in its place"},
		"a catalogue twice": {with(func(f []file) []file { return slices.Insert(f, 12, f[10], f[11]) }), "catalogue/2026-11.types is not in its place"},
		"a file elsewhere":  {pack([]file{{"../x", nil}}), "whose name is damaged"},
		"an absolute name":  {pack([]file{{"/x", nil}}), "whose name is damaged"},
		"a long name":       {pack([]file{{strings.Repeat("x", nameMax+1), nil}}), "whose name is damaged"},
		"many files":        {pack(many), "more than 100 files"},
		"a large size":      {append(bytes.Clone(data[:sizeAt]), bytes.Repeat([]byte{0xff}, 60)...), "a size in it is damaged"},
		"cut":               {data[:10000], "is cut off"},
		"no end":            {data[:len(data)-1], "not written as Tallystick writes it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Verify(t.Context(), test.data, w.fingerprint())
			if text := strings.Join(r.wrong(), "\n"); len(r.Findings) != 1 || !strings.HasPrefix(text, "form: ") || !strings.Contains(text, test.says) {
				t.Errorf("%s", text)
			}
			if _, err := Read(test.data); err == nil {
				t.Error("it can be read")
			}
		})
	}
}

// A catalogue is whole, or it is none.
func TestHalfACatalogue(t *testing.T) {
	t.Parallel()
	w, c := rich(t)
	files, err := open(w.export(c, september, 0).Data)
	w.check(err)
	for gone, says := range map[string]string{
		"2026-11" + typesEnd:                "2026-11+d2dc81f8f2c1c7e1.own does not hold the rows",
		"2026-11" + weightsEnd:              "2026-11.types has no weights beside it",
		"2026-11+d2dc81f8f2c1c7e1" + ownEnd: `recount: the evidence cannot be counted: the bundle holds no catalogue "2026-11+d2dc81f8f2c1c7e1"`,
	} {
		left := slices.DeleteFunc(slices.Clone(files[:len(files)-2]), func(f file) bool { return f.name == catalogueDir+gone })
		r := Verify(t.Context(), pack(sign(left, w.keys[0])), w.fingerprint())
		if text := strings.Join(r.wrong(), "\n"); !strings.Contains(text, says) {
			t.Errorf("without %s: %s", gone, text)
		}
	}
	at := slices.IndexFunc(files, func(f file) bool { return f.name == previousFile })
	more := slices.Insert(slices.Clone(files[:len(files)-2]), at, file{catalogueDir + "more", nil})
	r := Verify(t.Context(), pack(sign(more, w.keys[0])), w.fingerprint())
	if text := strings.Join(r.wrong(), "\n"); text != "parts: catalogue/ holds 1 files that are no whole catalogues" {
		t.Errorf("with more: %s", text)
	}
}

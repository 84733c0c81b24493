package roster_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/roster"
)

// inUTF16 writes a text as spreadsheets write "Unicode text".
func inUTF16(text string, bigEndian bool) string {
	var b bytes.Buffer
	for _, unit := range utf16.Encode([]rune(text)) {
		pair := []byte{byte(unit), byte(unit >> 8)}
		if bigEndian {
			pair[0], pair[1] = pair[1], pair[0]
		}
		b.Write(pair)
	}
	return b.String()
}

func TestFilesThatAreRead(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"commas":                   "name,tag.a\nX,1\nY,2\n",
		"semicolons":               "name;tag.a\nX;1\nY;2\n",
		"tabs":                     "name\ttag.a\nX\t1\nY\t2",
		"a byte order mark":        "\xef\xbb\xbfname,tag.a\r\nX,1\r\nY,2\r\n",
		"old line ends":            "name,tag.a\rX,1\rY,2\r",
		"blanks and empty lines":   "\n name , Tag.A \n\n X , 1 \n , \n Y , 2 \n\n",
		"quotation marks":          "\"name\", \"tag.a\"\n\"X\", \"1\"\n\"Y\",\"2\"\n",
		"columns that are empty":   "name,tag.a,,\nX,1,,\nY,2,,\n",
		"another order":            "tag.a,name\n1,X\n2,Y\n",
		"a comma in a header cell": "\"name\";\"tag.a\"\n\"X\";1\nY;2\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.companies(t, file, roster.CompanyOptions{})
			got := must(o.store.Companies(t.Context()))(t)
			if len(got) != 2 || got[0].Name != "X" || got[0].Tags["a"] != "1" || got[1].Name != "Y" || got[1].Tags["a"] != "2" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	const good = "name,plan\nX,\n"
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"empty", "", []string{"the file is empty"}},
		{"only a byte order mark", "\xef\xbb\xbf\n", []string{"the file is empty"}},
		{"no row", "name,plan\n,\n", []string{"the file has no row below its header, which is for example name,plan"}},
		{"UTF-16, little endian", inUTF16("\ufeff"+good, false), []string{"the file is in UTF-16"}},
		{"UTF-16, big endian", inUTF16("\ufeff"+good, true), []string{"the file is in UTF-16"}},
		{"UTF-16 without a mark", inUTF16(good, false), []string{"the file is in UTF-16"}},
		{"UTF-16 without a mark, big endian", inUTF16(good, true), []string{"the file is in UTF-16"}},
		{"a workbook", "PK\x03\x04rest", []string{"the file is a workbook and no CSV"}},
		{"ISO 8859-1", "name\nX\nM\xfcller\nY\nSch\xf6n\n", []string{"line 3: is not in UTF-8; ISO 8859-1", "line 5: is not in UTF-8"}},
		{"NUL", "name\nX\nY\x00\n", []string{"line 3: holds a NUL byte"}},
		{"too large", "name\n" + strings.Repeat("x", 32<<20), []string{"the file is larger than 32 MiB"}},
		{"too many rows", "name\n" + strings.Repeat("x\n", 100_001), []string{"the file has more than 100000 rows"}},
		{"a quotation mark that does not end", "name,plan\nX,\n\"Y,\nZ,\n", []string{"line 3: has a cell in quotation marks that does not end"}},
		{"more behind a quotation mark", "name,plan\n\"X\"y,\n", []string{"line 2: has a cell in quotation marks that does not end, or behind whose end there is more"}},
		{"a quotation mark within", "name,plan\nX,\nthe \"big\" one,\n", []string{"line 3: has a quotation mark in a cell that does not begin with one"}},
		{"another delimiter", "name|plan\nX|\n", []string{
			`line 1, column "name|plan": there is no such column; there are name, uid, enabled, cloudTenants, plan, title, description, firstName`, `line 1: the header lacks the column "name"`,
		}},
		{"columns that are not known", "name,colour,externalId.,externalId\nX,,,\n", []string{
			`line 1, column "colour": there is no such column`, `line 1, column "externalId.": there is no such column`, `line 1, column "externalId": there is no such column`,
		}},
		{"a key that is none", "name,tag.a b\nX,\n", []string{`line 1, column "tag.a b": "a b" is no key`}},
		{"a column twice", "name,Plan,NAME,tag.a,TAG.A\nX,,,,\n", []string{`line 1, column "NAME": stands there twice`, `line 1, column "TAG.A": stands there twice`}},
		{"a column without a name", "name,,plan\nX,,\n", []string{"line 1: column 2 has no name"}},
		{"no name", "plan\n1\n", []string{`line 1: the header lacks the column "name"; it is for example`}},
		{"fewer cells", "name,plan\nX\nY,\n", []string{"line 2: the number of cells is 1, and the header names 2 columns"}},
		{"more cells", "name,plan\nX,,,more\n", []string{"line 2: the number of cells is 4, and the header names 2 columns"}},
		{"lines behind a cell of several", "name,notes,plan\nX,\"a\nb\",\nY,,none\n", []string{`line 4, column "plan": there is no plan "none"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			same(t, test.name, o.refused(t, func(ctx context.Context) error {
				_, err := o.Companies(ctx, strings.NewReader(test.file), roster.CompanyOptions{})
				return err
			}), test.want...)
		})
	}
	broken := errors.New("the disk is gone")
	_, err := o.Companies(t.Context(), io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)), roster.CompanyOptions{})
	if !fault.Is(err, fault.Invalid) || !errors.Is(err, broken) {
		t.Errorf("a file that breaks off: %v", err)
	}
}

// A file of endless columns is refused at its header, and what is said of a file is short whatever its cells hold.
func TestBoundsOfFiles(t *testing.T) {
	t.Parallel()
	o := open(t)
	companies := func(file string) []string {
		return o.refused(t, func(ctx context.Context) error {
			_, err := o.Companies(ctx, strings.NewReader(file), roster.CompanyOptions{Match: "psa"})
			return err
		})
	}
	servers := func(file string) []string {
		return o.refused(t, func(ctx context.Context) error {
			_, err := o.Servers(ctx, strings.NewReader(file), roster.ServerOptions{ManagesSets: true})
			return err
		})
	}
	columns := func(n int) string {
		var b strings.Builder
		b.WriteString("name,externalId.psa")
		for i := 2; i < n; i++ {
			b.WriteString(",tag.k" + strconv.Itoa(i))
		}
		return b.String() + "\nX" + strings.Repeat(",", n-1) + "\n"
	}
	const many = "line 1: the number of columns is 201, and there are at most 200: divide the file"
	same(t, "201 columns", companies(columns(201)), many)
	if _, err := o.Companies(t.Context(), strings.NewReader(columns(200)), roster.CompanyOptions{Match: "psa", DryRun: true}); err != nil {
		t.Errorf("200 columns: %v", err)
	}
	start := time.Now()
	same(t, "a million columns", companies("name"+strings.Repeat(",a", 1_000_000)+"\nX\n"), "line 1: the number of columns is 1000001, and there are at most 200: divide the file")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("a million columns took %s", took)
	}

	long := strings.Repeat("ä\u202e", 5000)
	o.companies(t, "name,externalId.psa\nTaken,1\n", roster.CompanyOptions{Match: "psa"})
	lines := slices.Concat(
		companies("name,"+long+",externalId.psa,tag."+long+"\nX,,1,\n"),
		companies("name,externalId.psa,uid,plan,cloudTenants,enabled\nX,1,"+long+",,,\n"),
		companies("name,externalId.psa,plan,cloudTenants,email\nX,"+long+","+long+",,"+long+"\n"+long+","+long+",,"+long+",\n"+long+",3,,"+long+",\n"),
		servers("company,url,every,credential\n"+long+",https://v1,,\nshared,https://"+long+",,\nshared,https://v2,"+long+",\nshared,https://v3,,"+long+"\npsa:"+long+",https://v4,,\n"),
		servers("company,url\nshared,https://"+strings.Repeat("v", 5000)+"\nshared,https://"+strings.Repeat("v", 5000)+"\n"),
		servers("company,name,installationId,product\nshared,"+long+",,"+long+"\nshared,"+long+","+long+",\n"),
	)
	if len(lines) < 15 {
		t.Errorf("too little is said: %q", lines)
	}
	cut := 0
	for _, line := range lines {
		if len(line) > 3000 {
			t.Errorf("%d bytes are said: %.300s", len(line), line)
		}
		if strings.Contains(line, `…"`) {
			cut++
		}
	}
	if cut < 10 {
		t.Errorf("%d lines say that a cell goes on:\n%s", cut, strings.Join(lines, "\n"))
	}
}

// Whatever a file holds: it is taken, or refused with a fault that says why, and never half.
func FuzzCompanies(f *testing.F) {
	f.Add("name,plan,externalId.psa,tag.a\nX,,1,2\n")
	f.Add("\xef\xbb\xbfname;cloudTenants\r\n\"a \"\"b\"\" c\";x|y\r\n")
	f.Add("name\tuid\tenabled\n=cmd|' /C calc'!A0\t\tyes\n")
	f.Add("name\r\xff\x00\r")
	o := open(f)
	f.Fuzz(func(t *testing.T, file string) {
		result, err := o.Companies(t.Context(), strings.NewReader(file), roster.CompanyOptions{DryRun: true})
		if err != nil && !fault.Is(err, fault.Invalid) || err == nil && result.Added == 0 {
			t.Fatalf("%q: %+v, %v", file, result, err)
		}
	})
}

package bundle

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/tallystick/tallystick/internal/statement"
)

func goldenBundle(f *testing.F) []byte {
	f.Helper()
	data, err := os.ReadFile(golden)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// Whatever is given for a bundle: it is one, written as we write it, or it is refused; and nothing but what was signed
// holds.
func FuzzBundle(f *testing.F) {
	data := goldenBundle(f)
	f.Add([]byte(localMark))
	f.Add(pack([]file{{"a", []byte("b")}}))
	signed, err := open(data) // short ones: the engine spends its time on making long ones shorter
	if err != nil {
		f.Fatal(err)
	}
	for i := range signed[:len(signed)-2] {
		if signed[i].name != keyFile {
			signed[i].body = signed[i].body[:0]
		}
	}
	short := pack(sign(signed[:len(signed)-2], newSigner(1)))
	f.Add(short)
	f.Add(short[:len(short)-30])
	key := Fingerprint(newSigner(1).Public())
	f.Fuzz(func(t *testing.T, given []byte) {
		files, err := unpack(given)
		if err == nil && !bytes.Equal(pack(files), given) {
			t.Error("it is read, and would be written otherwise")
		}
		if r := Verify(t.Context(), given, key); r.OK() && !bytes.Equal(given, data) {
			t.Error("it holds, and nobody signed it")
		}
	})
}

// Whatever stands in one of its parts, signed or not: it can be read and counted, or is refused in words.
func FuzzParts(f *testing.F) {
	files, err := open(goldenBundle(f))
	if err != nil {
		f.Fatal(err)
	}
	for i := range files {
		if body := files[i].body; len(body) < 3000 {
			f.Add(uint8(i), body)
		} else {
			f.Add(uint8(i), body[:bytes.IndexByte(body, '\n')+1])
		}
	}
	f.Fuzz(func(t *testing.T, at uint8, body []byte) {
		changed := slices.Clone(files)
		changed[int(at)%len(files)].body = body
		b, err := Read(pack(changed))
		if err != nil {
			if err.Error() == "" {
				t.Error("it is refused without words")
			}
			return
		}
		r := Report{Bundle: b}
		r.content(t.Context())
		if name := changed[int(at)%len(files)].name; name == statementFile {
			text, err := b.Statement.Encode()
			if s, again := statement.Decode(text); err != nil || again != nil || s.Month != b.Statement.Month || !bytes.Equal(text, body) {
				t.Errorf("it is read, and would be written otherwise: %s", text)
			}
		}
	})
}

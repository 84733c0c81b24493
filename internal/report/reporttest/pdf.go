package reporttest

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"testing"
	"unicode/utf16"
)

var (
	streams = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)
	shown   = regexp.MustCompile(`(?s)\(((?:\\.|[^\\()])*)\) ?Tj`)
)

// PDFText reads the texts of a PDF in the order in which they are drawn: those of pages whose letters are numbered as Unicode
// numbers them, as ours are.
func PDFText(t testing.TB, data []byte) (texts []string) {
	t.Helper()
	for _, s := range streams.FindAllSubmatch(data, -1) {
		body := s[1]
		if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			if plain, err := io.ReadAll(z); err == nil {
				body = plain
			}
		}
		if !bytes.Contains(body, []byte("BT ")) {
			continue
		}
		for _, m := range shown.FindAllSubmatch(body, -1) {
			texts = append(texts, fromUTF16(unescape(m[1])))
		}
	}
	if len(texts) == 0 {
		t.Fatal("there is no text in it")
	}
	return texts
}

func unescape(text []byte) (plain []byte) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			if text[i] == 'r' {
				plain = append(plain, '\r')
				continue
			}
		}
		plain = append(plain, text[i])
	}
	return plain
}

func fromUTF16(text []byte) string {
	units := make([]uint16, 0, len(text)/2)
	for i := 0; i+1 < len(text); i += 2 {
		units = append(units, uint16(text[i])<<8|uint16(text[i+1]))
	}
	return string(utf16.Decode(units))
}

package report_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/report"
)

func picture(t *testing.T, encode func(*bytes.Buffer, image.Image) error, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(b *bytes.Buffer, i image.Image) error  { return png.Encode(b, i) }
func asJPEG(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) }
func asGIF(b *bytes.Buffer, i image.Image) error  { return gif.Encode(b, i, nil) }

func kept(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logo")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A logo is kept in the one form that every reader of PDF knows, whatever it came in.
func TestLook(t *testing.T) {
	t.Parallel()
	for name, encode := range map[string]func(*bytes.Buffer, image.Image) error{"PNG": asPNG, "JPEG": asJPEG} {
		look, err := report.NewLook(report.Settings{Name: "Provider", LogoFile: kept(t, picture(t, encode, 30, 20)), Color: "#FFd040"})
		if err != nil {
			t.Fatal(err)
		}
		logo, err := png.Decode(bytes.NewReader(look.Logo))
		_, opaque := logo.(*image.RGBA) // eight bits a channel, as what was grey is now
		if err != nil || !opaque || look.Size != [2]int{30, 20} || look.Accent != (color.RGBA{0xff, 0xd0, 0x40, 0xff}) || !look.DarkText() {
			t.Errorf("%s: %T, %v, %+v: %v", name, logo, look.Size, look.Accent, err)
		}
	}
	if look, err := report.NewLook(report.Settings{}); err != nil || look.DarkText() || look.Logo != nil {
		t.Errorf("%+v %v", look, err)
	}
}

// A logo is as large as it is printed, whatever comes in: it is in every report.
func TestLargeLogo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ width, height, wide, high int }{
		{709, 50, 709, 50}, {2000, 100, 709, 35}, {100, 189, 100, 189}, {2000, 2000, 189, 189}, {2000, 1, 709, 1}, {1, 2000, 1, 189},
	} {
		picture := image.NewNRGBA(image.Rect(0, 0, test.width, test.height))
		for i := range picture.Pix {
			picture.Pix[i] = 0x80 // grey, through which half of the ground is seen
		}
		var b bytes.Buffer
		if err := png.Encode(&b, picture); err != nil {
			t.Fatal(err)
		}
		look, err := report.NewLook(report.Settings{LogoFile: kept(t, b.Bytes())})
		if err != nil {
			t.Fatal(err)
		}
		logo, err := png.Decode(bytes.NewReader(look.Logo))
		if err != nil || look.Size != [2]int{test.wide, test.high} || logo.Bounds().Dx() != test.wide || logo.Bounds().Dy() != test.high {
			t.Errorf("%d x %d: %v, %v", test.width, test.height, look.Size, err)
			continue
		}
		if c, is := logo.At(test.wide/2, test.high/2).(color.NRGBA); !is || c != (color.NRGBA{0x80, 0x80, 0x80, 0x80}) {
			t.Errorf("%d x %d: it has another colour, %v", test.width, test.height, c)
		}
	}
}

// What cannot be a look is refused, all of it at once, in words.
func TestBadLook(t *testing.T) {
	t.Parallel()
	whole := picture(t, asPNG, 30, 20)
	for _, bad := range []struct {
		settings report.Settings
		want     string
	}{
		{report.Settings{LogoFile: kept(t, picture(t, asGIF, 3, 3))}, "is no PNG or JPEG picture"},
		{report.Settings{LogoFile: kept(t, []byte("<svg/>"))}, "is no PNG or JPEG picture"},
		{report.Settings{LogoFile: kept(t, whole[:len(whole)/2])}, "is damaged"},
		{report.Settings{LogoFile: kept(t, picture(t, asPNG, report.LogoPixelsMax+1, 1))}, "has 2001 x 1 pixels"},
		{report.Settings{LogoFile: kept(t, append(whole, make([]byte, report.LogoBytesMax)...))}, "is larger than 4096 KiB"},
		{report.Settings{LogoFile: kept(t, nil) + "-missing"}, "no such file"},
		{report.Settings{LogoFile: t.TempDir()}, "is a directory"},
		{report.Settings{Color: "1f4e79"}, `"1f4e79" is no colour: write it as #1f4e79`},
		{report.Settings{Color: "#1f4e7"}, "is no colour"},
		{report.Settings{Color: "#1f4e7g"}, "is no colour"},
		{report.Settings{Color: "é"}, "is no colour"},
		{report.Settings{Name: "two\nlines"}, "--provider-name: holds a control character"},
		{report.Settings{Name: strings.Repeat("x", 201)}, "is longer than 200 bytes"},
	} {
		_, err := report.NewLook(bad.settings)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad.settings, err)
		}
	}
	_, err := report.NewLook(report.Settings{Name: " ", LogoFile: "/nowhere", Color: "blue"})
	for _, flag := range []string{"--provider-name", "--provider-logo", "--provider-color"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not named: %v", flag, err)
		}
	}
}

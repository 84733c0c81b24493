package report

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // logos
	"image/png"
	"io"
	"math"
	"os"
	"strings"

	scaling "golang.org/x/image/draw"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Look is how a provider's reports look.
type Look struct {
	Name   string     // of the provider; empty: nobody said it
	Logo   []byte     // PNG, eight bits a channel, not interlaced: what every reader reads; nil: none
	Size   [2]int     // of the logo, in pixels
	Accent color.RGBA // of titles and heads
}

// Settings are a look as an administrator gives it.
type Settings struct {
	Name     string
	LogoFile string // PNG or JPEG
	Color    string // #rrggbb
}

const lookNameMax = 200

// Bounds of a logo: of its file, and of each side.
const (
	LogoBytesMax  = 4 << 20
	LogoPixelsMax = 2000
)

// How large a logo is at most where it is drawn, in millimetres. It is in every report: it has no more pixels than a printer shows there.
const (
	LogoWidth  = 60
	LogoHeight = 16

	logoDots = 300 // to an inch
)

// accentDefault is a dark blue.
var accentDefault = color.RGBA{0x1f, 0x4e, 0x79, 0xff}

// NewLook reads the settings. Invalid, with all that is wrong, by the names of the flags.
func NewLook(s Settings) (Look, error) {
	look := Look{Name: s.Name, Accent: accentDefault}
	var fields []fault.Field
	add := func(flag, text string) { fields = append(fields, fault.Field{Path: flag, Text: text}) }
	if s.Name != "" {
		if problem := usage.LineProblem(s.Name, lookNameMax); problem != "" {
			add("--provider-name", problem)
		}
	}
	if s.Color != "" {
		accent, err := parseColor(s.Color)
		if err != nil {
			add("--provider-color", err.Error())
		}
		look.Accent = accent
	}
	if s.LogoFile != "" {
		if err := look.readLogo(s.LogoFile); err != nil {
			add("--provider-logo", err.Error())
		}
	}
	return look, fault.InvalidFields("reports cannot look like that", fields)
}

func parseColor(text string) (color.RGBA, error) {
	digits, begins := strings.CutPrefix(text, "#")
	rgb, err := hex.DecodeString(digits)
	if err != nil || !begins || len(rgb) != 3 {
		return accentDefault, fmt.Errorf("%q is no colour: write it as #1f4e79", text)
	}
	return color.RGBA{rgb[0], rgb[1], rgb[2], 0xff}, nil
}

// readLogo decodes a logo and encodes it anew: a damaged or oversized one is found out here, not in a report.
func (l *Look) readLogo(path string) error {
	f, err := os.Open(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, LogoBytesMax+1))
	if err != nil {
		return err
	}
	if len(data) > LogoBytesMax {
		return fmt.Errorf("%s is larger than %d KiB", path, LogoBytesMax>>10)
	}
	about, kind, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || kind != "png" && kind != "jpeg" {
		return fmt.Errorf("%s is no PNG or JPEG picture", path)
	}
	if about.Width < 1 || about.Height < 1 || about.Width > LogoPixelsMax || about.Height > LogoPixelsMax {
		return fmt.Errorf("%s has %d x %d pixels: each side has from 1 to %d", path, about.Width, about.Height, LogoPixelsMax)
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	plain := printed(picture)
	var b bytes.Buffer
	if err := png.Encode(&b, plain); err != nil {
		return fmt.Errorf("%s cannot be kept: %w", path, err)
	}
	l.Logo, l.Size = b.Bytes(), [2]int{plain.Rect.Dx(), plain.Rect.Dy()}
	return nil
}

// printed gives a picture with eight bits a channel, and with as many pixels as are printed of it.
func printed(picture image.Image) *image.NRGBA {
	const dots = logoDots / 25.4 // to a millimetre
	from := picture.Bounds()
	scale := min(LogoWidth*dots/float64(from.Dx()), LogoHeight*dots/float64(from.Dy()))
	if scale >= 1 {
		plain := image.NewNRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
		draw.Draw(plain, plain.Rect, picture, from.Min, draw.Src)
		return plain
	}
	side := func(n int) int { return max(1, int(math.Round(scale*float64(n)))) }
	plain := image.NewNRGBA(image.Rect(0, 0, side(from.Dx()), side(from.Dy())))
	scaling.CatmullRom.Scale(plain, plain.Rect, picture, from, draw.Src, nil)
	return plain
}

// DarkText reports whether text on the accent is better read in black than in white.
func (l *Look) DarkText() bool {
	c := l.Accent
	return 299*int(c.R)+587*int(c.G)+114*int(c.B) > 150_000
}

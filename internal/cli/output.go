package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// printJSON writes one JSON value and a line break.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// visible gives a text that stands in one line or cell and means what it looks like: what breaks lines, parts columns,
// steers a terminal or turns the direction of writing is written out, as \n.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// table writes aligned columns; rows hold as many cells as the head. Texts of others are in them: no cell can pass for
// another row.
func (e *env) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	lines := append([][]string{strings.Split(head, "|")}, rows...)
	for _, cells := range lines {
		line := make([]string, len(cells))
		for i, cell := range cells {
			line[i] = visible(cell)
		}
		if _, err := io.WriteString(w, strings.Join(line, "\t")+"\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}

// passwordMax bounds what is read from standard input as a password.
const passwordMax = 4096

// password reads standard input up to the first line break (product.md §1), without echo from a terminal.
func (e *env) password(prompt string) (string, error) {
	if f, ok := e.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		e.say("%s:", prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		return string(text), err
	}
	line, err := bufio.NewReader(io.LimitReader(e.stdin, passwordMax+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fault.Wrap(err, fault.Invalid, "the password cannot be read from standard input")
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if len(line) > passwordMax {
		return "", fault.New(fault.Invalid, "the password is longer than %d bytes", passwordMax)
	}
	return line, nil
}

// instant reads a time given on the command line; nil is not given, and gives the zero time.
func instant(flag string, given *string) (time.Time, error) {
	if given == nil {
		return time.Time{}, nil
	}
	text := *given
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil && t.Year() >= 1970 && t.Year() < 2200 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, mistake(flag, "%q is not a time: write it as 2026-10-14T02:00:00Z, or 2026-10-14 for the start of that day (UTC)", text)
}

// mistake says what is wrong with a flag of the command line.
func mistake(flag, format string, args ...any) error {
	return fault.InvalidFields("the command line has a mistake", []fault.Field{{Path: flag, Text: fmt.Sprintf(format, args...)}})
}

func timeText(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return t.UTC().Format(time.RFC3339)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// levelOf logs what happens, or only what wants attention.
func levelOf(verbose bool) slog.Level {
	if verbose {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// logger writes structured logs for a person or a collector of logs.
func logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

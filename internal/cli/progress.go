package cli

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/tallystick/tallystick/internal/app"
)

// progressEvery limits how often a terminal is redrawn.
const progressEvery = 200 * time.Millisecond

// progress shows long work on one line of a terminal; elsewhere it is silent.
type progress struct {
	env   *env
	on    bool
	last  time.Time
	drawn bool
}

func (e *env) progress() *progress {
	f, ok := e.stderr.(*os.File)
	return &progress{env: e, on: ok && term.IsTerminal(int(f.Fd()))}
}

func (p *progress) show(s app.ImportProgress) {
	now := time.Now()
	if !p.on || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.drawn = now, true
	share := ""
	if s.SizeBytes > 0 {
		share = " (" + percent(s.ReadBytes, s.SizeBytes) + ")"
	}
	p.write("\r\x1b[K%s%s: %d readings, %d rows", s.File, share, s.Readings, s.Rows)
}

// work shows long work of app.
func (p *progress) work(doing string, done, of int64) {
	now := time.Now()
	if !p.on || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.drawn = now, true
	p.write("\r\x1b[K%s: %d of %d (%s)", doing, done, of, percent(done, max(of, 1)))
}

func (p *progress) clear() {
	if p.drawn {
		p.write("\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) write(format string, args ...any) {
	_, _ = fmt.Fprintf(p.env.stderr, format, args...)
}

func percent(part, whole int64) string { return fmt.Sprintf("%d %%", part*100/whole) }

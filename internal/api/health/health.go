package health

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tallystick/tallystick/internal/api"
)

// Check is something without which the console is not ready.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// within bounds how long the checks take together: who asks waits no longer than seconds.
const within = 3 * time.Second

// keptFor is how long an answer serves others who ask: it is open to everybody, and must not be a way to wear the store out.
const keptFor = time.Second

// New gives the surface. Alive is answered at once, by nothing but the process itself.
func New(log *slog.Logger, checks ...Check) api.Surface {
	r := &readiness{log: log, checks: checks}
	return api.NewPlain(
		api.Open("/healthz", func(*http.Request) (any, error) { return api.PlainText("ok\n"), nil }),
		api.Open("/readyz", r.answer),
	)
}

type readiness struct {
	log    *slog.Logger
	checks []Check

	mu    sync.Mutex
	asked time.Time
	last  api.Raw
}

// answer says for each check whether it holds: 200, or 503 where one does not. What is wrong is in the log, and nobody else's
// business.
func (r *readiness) answer(request *http.Request) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) < keptFor && r.last.Body != nil {
		return r.last, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(request.Context()), within)
	defer cancel()
	var text strings.Builder
	status := http.StatusOK
	for _, c := range r.checks {
		word := "ok"
		if err := c.Ask(ctx); err != nil {
			r.log.Warn("the console is not ready", "check", c.Name, "error", err)
			word, status = "no", http.StatusServiceUnavailable
		}
		fmt.Fprintf(&text, "%s: %s\n", c.Name, word)
	}
	r.last, r.asked = api.PlainText(text.String()), time.Now()
	r.last.Status = status
	return r.last, nil
}

package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/sim"
	"github.com/tallystick/tallystick/internal/statement"
)

// What a page begins, the running console does.
func TestJourneyOfAMonthInThePortal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC), referenceScenario(sim.Wire131))
	if o := w.collect(); !o.OK {
		t.Fatal(o.Text)
	}
	w.set(time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC))
	w.login()
	browser := *w.http
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.base+"/statements/2026-10/draft", strings.NewReader(url.Values{}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&http.Cookie{Name: "__Host-tallystick", Value: w.token}) //nolint:gosec // what browsers send has no attributes
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatal(answer.Status)
	}
	var s statement.Statement
	if !w.comes(func() bool {
		s, err = w.app.Store.Statement(w.ctx, 2, usage.Month{Year: 2026, Month: time.October}, 0)
		return err == nil
	}) {
		t.Fatal(err)
	}
	if s.State != statement.Draft || s.Trail[0].Actor != `contoso\jsmith` {
		t.Errorf("%+v", s)
	}
}

package cli

import (
	"testing"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// An alarm is about a server, a company as commands take it, or all companies.
func TestAboutText(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]alarm.Event{
		"VBR01":         {Server: 3, ServerName: "VBR01", Company: 2},
		"company 2":     {Template: alarm.FinalOutdated, Company: 2},
		"unassigned":    {Template: alarm.FinalOutdated, Company: usage.Unassigned},
		"all companies": {Template: alarm.StatementWaiting, Company: usage.Unassigned},
	} {
		if got := aboutText(&v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

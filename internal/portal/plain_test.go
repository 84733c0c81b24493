package portal

import (
	"regexp"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
)

// What the portal says of alarms names no command and no flag.
func TestPlainWords(t *testing.T) {
	t.Parallel()
	texts, err := readTexts(english)
	if err != nil {
		t.Fatal(err)
	}
	p := &Portal{texts: texts}
	for _, w := range spoken {
		if _, there := texts[w.key]; !there {
			t.Errorf("%s is no text", w.key)
		}
	}
	command := regexp.MustCompile(`--[a-z]|\b(server|collect|usage|company|catalogue|statement) (test|edit|status|show|set|add|diff|list)\b|\b[Rr]un [a-z]|\breconcile says\b`)
	said := []string{
		"the certificate of vbr01 is signed by nobody whom we trust. If it is the right server (compare it), pin it with server edit --fingerprint ab, or name its authority with --ca",
		"the authority given is damaged: give a PEM file with server edit --ca", "use that name in --url.",
		"VBR01: its own counters and our count of its list have differed about VBR_vSphere_VM for longer than a day; reconcile says by how much",
		"the certificate is not verified (--insecure): pin it with server edit --fingerprint",
	}
	for _, template := range alarm.Templates() {
		k := p.plainKnowledge(template.Knowledge)
		said = append(said, k.Summary, k.Cause, k.Resolution)
	}
	for _, text := range said {
		if found := command.FindString(p.plainly(text)); found != "" {
			t.Errorf("%q is said in %q", found, p.plainly(text))
		}
	}
}

// An hour that is there twice is told apart by its offset; no other time has one.
func TestRepeatedHour(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]map[string]string{
		"Europe/Berlin": {
			"2026-10-24T23:59:59Z": "2026-10-25 01:59", "2026-10-25T00:30:00Z": "2026-10-25 02:30 +02:00", "2026-10-25T01:30:00Z": "2026-10-25 02:30 +01:00", "2026-10-25T02:00:00Z": "2026-10-25 03:00",
			"2026-03-29T00:59:59Z": "2026-03-29 01:59", "2026-03-29T01:00:00Z": "2026-03-29 03:00",
		},
		"Australia/Lord_Howe": {"2026-04-04T14:29:59Z": "2026-04-05 01:29", "2026-04-04T14:45:00Z": "2026-04-05 01:45 +11:00", "2026-04-04T15:15:00Z": "2026-04-05 01:45 +10:30", "2026-04-04T15:30:00Z": "2026-04-05 02:00"},
		"UTC":                 {"2026-10-25T00:30:00Z": "2026-10-25 00:30"},
	} {
		in, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range want {
			instant, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			if got := (moment{instant, in}).Text(); got != want {
				t.Errorf("%s in %s is %q, want %q", at, zone, got, want)
			}
		}
	}
}

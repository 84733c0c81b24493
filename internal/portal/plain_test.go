package portal

import (
	"regexp"
	"testing"

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
	command := regexp.MustCompile(`--[a-z]|\b(server|collect|usage|company|catalogue|statement) (test|edit|status|show|set|add|diff|list)\b|\b[Rr]un [a-z]`)
	said := []string{
		"the certificate of vbr01 is signed by nobody whom we trust. If it is the right server (compare it), pin it with server edit --fingerprint ab, or name its authority with --ca",
		"the authority given is damaged: give a PEM file with server edit --ca", "use that name in --url.",
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

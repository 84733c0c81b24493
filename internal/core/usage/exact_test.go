package usage

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Members are those of the file in their own letter case, however they are escaped, and in texts anything may stand.
func TestMembersAreExact(t *testing.T) {
	t.Parallel()
	const whole = `{"schema":"tallystick.snapshot/v1","takenAt":"2026-10-14T02:00:00Z","product":"vbr","server":{"installationId":"i","name":"n"},"license":{"type":"Rental","sections":[{"kind":"k","licensed":1,"used":1}]},` +
		`"workloads":[{"id":"a","name":"b\\","type":"t"}],"counters":[{"type":"t","used":1}],"notes":[{"code":"c","text":"{\"Code\":1,\"x\\\": "}]}`
	for _, good := range []string{whole, strings.ReplaceAll(whole, `":`, `" :`), strings.Replace(whole, `"code"`, `"c\u006fde"`, 1)} {
		if _, err := ParseSnapshot([]byte(good)); err != nil {
			t.Errorf("%v: %s", err, good)
		}
	}
	for _, name := range []string{"schema", "takenAt", "server", "installationId", "sections", "kind", "workloads", "id", "counters", "used", "notes", "code", "text"} {
		bad := strings.Replace(whole, `"`+name+`":`, `"`+strings.ToUpper(name)+`":`, 1)
		_, err := ParseSnapshot([]byte(bad))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Text(err)+err.Error(), strings.ToUpper(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No two members differ in letter case alone: which object one is in need not be known.
func TestMembersDifferInMoreThanCase(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name := range exactNames {
		if other := seen[strings.ToLower(name)]; other != "" {
			t.Errorf("%s and %s", name, other)
		}
		seen[strings.ToLower(name)] = name
	}
	if len(seen) < 40 {
		t.Errorf("only %d are known", len(seen))
	}
}

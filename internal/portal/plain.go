package portal

import (
	"strings"

	"github.com/tallystick/tallystick/internal/alarm"
)

// spoken are words of the command line that readings, alarms and hints have, by the key of what the portal says for them.
var spoken = []struct{ said, key string }{
	{"with server edit --fingerprint", "plain.fingerprint"},
	{", or name its authority with --ca", "plain.or-authority"},
	{"with server edit --ca", "plain.authority"},
	{"in --url", "plain.url"},
	{"is written as https://host or https://host:9419", "plain.address"},
	{"must not hold a path: only https://host:port", "plain.address-alone"},
	{" (--insecure)", "plain.insecure"},
	{"Run server test for it: it says in words what is wrong.", "plain.test"},
	{"Run reconcile without a company, which shows shared servers as a whole, too: it names the machines that may be why.", "plain.reconcile"},
	{"reconcile says by how much", "plain.by-how-much"},
	{"Run usage diff over the two months: it says by what.", "plain.diff"},
	{"See statement list for the month; draft, approve", "plain.statements"},
	{"See collect status, and run server test for it;", "plain.status"},
}

// plainly says in words of the portal what services say in those of the command line.
func (p *Portal) plainly(text string) string {
	for _, w := range spoken {
		text = strings.ReplaceAll(text, w.said, p.texts[w.key])
	}
	return text
}

func (p *Portal) plainKnowledge(k alarm.Knowledge) alarm.Knowledge {
	return alarm.Knowledge{Summary: p.plainly(k.Summary), Cause: p.plainly(k.Cause), Resolution: p.plainly(k.Resolution)}
}

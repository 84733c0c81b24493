package report

import (
	"strconv"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// What is said of how complete a figure is.
const (
	isComplete = "complete"
	isAssumed  = "assumed" // all is in it, and what some objects weigh is assumed (C17, C19)
	isStale    = "stale"
	isMissing  = "missing"
	inPart     = "incomplete" // of several servers, of which one is stale or missing
)

// doubt is what an issue says against the figures of one workload type.
type doubt struct {
	kind   string
	server usage.ServerID
	typ    string // as rows name it
	text   string
}

// What is said of a server at a peak (C37) has the kinds of what is said of one at the month's end.
const (
	unreadAtPeak = "unknown"
	staleAtPeak  = "stale"
)

// assumed reports whether it is only about what objects weigh.
func (d *doubt) assumed() bool { return d.kind != unreadAtPeak && d.kind != staleAtPeak }

// doubts gives those of a statement. What its issues say of whole servers, the servers say themselves.
func doubts(t *statement.Statement) (all []doubt) {
	for _, issue := range t.Content.Issues {
		kind, rest, _ := strings.Cut(issue.Key, "/")
		number, typ, ofType := strings.Cut(rest, "/")
		id, err := strconv.ParseInt(number, 10, 64)
		if !ofType || err != nil {
			continue
		}
		if kind == string(metering.UnknownType) {
			typ = catalog.UnknownType // the row of all of them
		}
		all = append(all, doubt{kind, usage.ServerID(id), typ, issue.Text})
	}
	return all
}

// missing says in words what is not in a statement's figures, or is not of the month's end.
func missing(t *statement.Statement) (all []string) {
	for i := range t.Content.Servers {
		switch v := &t.Content.Servers[i]; {
		case v.Unknown:
			all = append(all, v.Name+" was not read: nothing of it is in the figures")
		case v.Stale:
			all = append(all, v.Name+" was last read "+instant(v.AsOf)+": its figures are of then")
		}
	}
	for _, d := range doubts(t) {
		if !d.assumed() {
			all = append(all, d.text)
		}
	}
	return all
}

// completeness says how complete a statement's figures are.
func completeness(t *statement.Statement) string {
	switch all := doubts(t); {
	case len(missing(t)) > 0:
		return inPart
	case len(all) > 0:
		return isAssumed
	}
	return isComplete
}

// rowCompleteness says how complete one row of a statement is, of all servers.
func rowCompleteness(t *statement.Statement, key statement.RowKey) string {
	products := make(map[usage.ServerID]usage.Product)
	for i := range t.Content.Servers {
		v := &t.Content.Servers[i]
		if v.Product == key.Product && (v.Unknown || v.Stale) {
			return inPart
		}
		products[v.ID] = v.Product
	}
	said := isComplete
	for _, d := range doubts(t) {
		product, listed := products[d.server]
		switch {
		case d.typ != key.Type, listed && product != key.Product:
		case d.assumed():
			said = isAssumed
		default:
			return inPart
		}
	}
	return said
}

// serverCompleteness says how complete what a server adds of a type is.
func serverCompleteness(t *statement.Statement, v *statement.Server, typ string) string {
	if v.Stale {
		return isStale
	}
	said := isComplete
	for _, d := range doubts(t) {
		switch {
		case d.server != v.ID || d.typ != typ:
		case d.kind == staleAtPeak:
			return isStale
		case d.kind == unreadAtPeak:
			return inPart
		default:
			said = isAssumed
		}
	}
	return said
}

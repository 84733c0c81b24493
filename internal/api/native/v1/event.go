package v1

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// eventData is what an event says; what does not belong to its type is not there.
type eventData struct {
	Type     string  `json:"type"`
	At       instant `json:"at"`
	Entry    *int64  `json:"entry,omitempty"`
	Company  *int64  `json:"company,omitempty"`
	Server   *int64  `json:"server,omitempty"`
	Resource string  `json:"resource,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Text     string  `json:"text,omitempty"`
	Revokes  *int64  `json:"revokes,omitempty"`
	Alarm    *int64  `json:"alarm,omitempty"`
	Status   string  `json:"status,omitempty"`
	Month    string  `json:"month,omitempty"`
	Number   *int64  `json:"number,omitempty"`
	State    string  `json:"state,omitempty"`
	Detail   string  `json:"detail,omitempty"`
}

// told is an event, and who may know of it.
type told struct {
	eventData
	scope    usage.CompanyID // whose it is; access.Provider: the provider's alone
	anybody  bool            // it is everybody's whom its entry concerns
	internal bool            // of a company's, only the provider's business
}

func (t *told) shownTo(a access.Actor) bool {
	switch {
	case t.anybody:
		return true
	case t.internal && a.Company != 0:
		return false
	}
	return access.May(a, access.Read, t.scope)
}

// The events of entries, by what these are.
var entryEvents = map[ledger.Kind]string{ledger.KindSnapshot: "reading", ledger.KindGap: "gap", ledger.KindCorrection: "correction"}

// figuresOfMost is how many companies an entry may concern for their figures to be counted with and without it. Each count looks at the
// whole list of a shared server: of 300 companies with 6,000 workloads, all together take 4 s, of 2,000 with 40,000, minutes.
const figuresOfMost = 50

// eventsOf gives all events of an entry, whoever asks: the same ones in the same order, whenever it is asked.
func (f *following) eventsOf(ctx context.Context, e *ledger.Logged) (all []told, err error) {
	base := eventData{At: instant(e.RecordedAt), Entry: numberOrNull(e.Position)}
	if kind := entryEvents[e.Kind]; kind != "" {
		scope, err := f.scopeOf(ctx, e.Server)
		if err != nil {
			return nil, err
		}
		one := told{eventData: base, scope: scope}
		one.Type, one.Server, one.Company, one.Revokes = kind, numberOrNull(e.Server), numberOrNull(scope), numberOrNull(e.Revokes)
		if e.Gap != nil {
			one.Reason, one.Text = string(e.Gap.Reason), e.Gap.Text
		}
		all = append(all, one)
	}
	if e.AnyCompany || len(e.Companies) > figuresOfMost {
		one := told{eventData: base, anybody: true}
		one.Type = "figures"
		return append(all, one), nil
	}
	moved, err := f.figures.of(e, func(e *ledger.Logged) ([]ledger.Figure, error) { return f.Ledger.Moved(ctx, e) })
	for _, m := range moved {
		one := told{eventData: base, scope: m.Company}
		one.Type, one.Company, one.Resource = "figure", numberOrNull(m.Company), string(resourceOf(m.Product))
		all = append(all, one)
	}
	return all, err
}

// scopeOf asks once for each server.
func (f *following) scopeOf(ctx context.Context, id usage.ServerID) (usage.CompanyID, error) {
	scope, known := f.scopes[id]
	if known {
		return scope, nil
	}
	server, err := f.Servers.Server(ctx, id)
	if err != nil {
		return 0, err
	}
	f.scopes[id] = scopeOf(&server)
	return f.scopes[id], nil
}

func resourceOf(product usage.Product) figure.Resource {
	all := figure.Resources()
	return all[slices.IndexFunc(all, func(r figure.Resource) bool {
		of, err := r.Product()
		return err == nil && of == product
	})]
}

// eventOf is the event of a change beside the ledger.
func eventOf(c *feed.Change) told {
	one := told{eventData: eventData{Type: string(c.Kind), At: instant(c.At), Company: numberOrNull(c.Company), Server: numberOrNull(c.Server)}, scope: c.Company}
	if c.Kind == feed.Statement {
		one.Month, one.Number, one.State = c.Month, numberOrNull(c.Number), c.Status
		one.internal = c.Status != string(statement.Final)
		return one
	}
	one.Alarm, one.Status = numberOrNull(c.Number), c.Status
	return one
}

// write puts an event behind what was written before.
func (f *following) write(t *told) error {
	data, err := json.Marshal(t.eventData)
	if err != nil {
		return err
	}
	f.said = f.at
	b := f.out.AvailableBuffer()
	b = append(append(b, "id: "...), f.at.String()...)
	b = append(append(b, "\nevent: "...), t.Type...)
	b = append(append(append(b, "\ndata: "...), data...), "\n\n"...)
	_, err = f.out.Write(b)
	return err
}

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Plan is what is asked for. Amounts of money are exact decimals with six places at most, in Currency and for a month
// where nothing else is said.
type Plan struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Currency    string      `json:"currency"` // three letters, as ISO 4217 has them
	Tax         string      `json:"tax"`      // one of Taxes
	TaxPercent  usage.Units `json:"taxPercent,omitempty"`
	Discount    usage.Units `json:"discount,omitempty"` // percent

	Service           Rate `json:"service,omitzero"` // for being served at all
	VM                Rate `json:"vm,omitzero"`      // for a managed one, as the three that follow
	Workstation       Rate `json:"workstation,omitzero"`
	CloudAgent        Rate `json:"cloudAgent,omitzero"`
	Server            Rate `json:"server,omitzero"`
	StoredVM          Rate `json:"storedVm,omitzero"` // for one whose backup lies in the cloud repository
	StoredServer      Rate `json:"storedServer,omitzero"`
	StoredWorkstation Rate `json:"storedWorkstation,omitzero"`
	ReplicatedVM      Rate `json:"replicatedVm,omitzero"`

	Repository          Rate `json:"repository,omitzero"` // for a GB or TB of backups
	BackupTransfer      Rate `json:"backupTransfer,omitzero"`
	ReplicationTransfer Rate `json:"replicationTransfer,omitzero"`
	CloudStorage        Rate `json:"cloudStorage,omitzero"` // for a GB or TB of replicas
	Compute             Rate `json:"compute,omitzero"`      // for an hour of a replica that runs
}

// State is a plan as it stood once. Its JSON form is kept with what was priced by it.
type State struct {
	ID       int64 `json:"id"`
	Revision int64 `json:"revision"`
	Plan     Plan  `json:"plan"`
}

// StateOf is how a plan stands.
func StateOf(item Item) State { return State{item.ID, item.Revision, item.Value} }

// Rate is the price of one, and how many are free.
type Rate struct {
	Price   usage.Units `json:"price,omitempty"`
	Per     string      `json:"per,omitempty"` // a unit where there are several or the thing is no object; else empty
	Free    int64       `json:"free,omitempty"`
	FreePer string      `json:"freePer,omitempty"` // the unit of Free
}

// String is for people: "15 per TB, 20 GB free".
func (r Rate) String() string {
	text := r.Price.String()
	if r.Per != "" {
		text += " per " + r.Per
	}
	if r.Free > 0 {
		text += fmt.Sprintf(", %d %s free", r.Free, r.FreePer)
	}
	return text
}

// Taxes are the kinds of tax.
var Taxes = []string{"VAT", "GST", "SalesTax"}

const (
	nameMax   = 200
	textMax   = 4000
	amountMax = 1_000_000_000
)

// Named is a rate by its name.
type Named struct {
	Name  string
	Units []string // in which it can be asked for; none: it is for an object
	Frees bool     // some can be free
	*Rate
}

var spaces, hours = []string{"GB", "TB"}, []string{"hour"}

// Rates are all of a plan, in their order.
func (p *Plan) Rates() []Named {
	return []Named{
		{"service", nil, false, &p.Service},
		{"vm", nil, false, &p.VM},
		{"workstation", nil, false, &p.Workstation},
		{"cloudAgent", nil, false, &p.CloudAgent},
		{"server", nil, false, &p.Server},
		{"storedVm", nil, false, &p.StoredVM},
		{"storedServer", nil, false, &p.StoredServer},
		{"storedWorkstation", nil, false, &p.StoredWorkstation},
		{"replicatedVm", nil, false, &p.ReplicatedVM},
		{"repository", spaces, true, &p.Repository},
		{"backupTransfer", spaces, false, &p.BackupTransfer},
		{"replicationTransfer", spaces, false, &p.ReplicationTransfer},
		{"cloudStorage", spaces, true, &p.CloudStorage},
		{"compute", hours, true, &p.Compute},
	}
}

// RateNames lists them in a text.
func RateNames() string {
	var names []string
	for _, r := range (&Plan{}).Rates() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// check names all that is wrong, by the names of the members, and puts texts into their form.
func (p *Plan) check() (fields []fault.Field) {
	add := func(path, format string, args ...any) {
		fields = append(fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	p.Name, p.Currency = strings.TrimSpace(p.Name), strings.ToUpper(strings.TrimSpace(p.Currency))
	if problem := usage.LineProblem(p.Name, nameMax); problem != "" {
		add("name", "%s", problem)
	}
	if problem := usage.TextProblem(p.Description, textMax); problem != "" {
		add("description", "%s", problem)
	}
	if len(p.Currency) != 3 || strings.Trim(p.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		add("currency", "is three letters, as EUR")
	}
	if !slices.Contains(Taxes, p.Tax) {
		add("tax", "is one of %s", strings.Join(Taxes, ", "))
	}
	for path, percent := range map[string]usage.Units{"taxPercent": p.TaxPercent, "discount": p.Discount} {
		if percent < 0 || percent > 100*usage.One {
			add(path, "is between 0 and 100")
		}
	}
	for _, r := range p.Rates() {
		if r.Price < 0 || r.Price > amountMax*usage.One || r.Free < 0 || r.Free > amountMax {
			add(r.Name, "is between 0 and %d", amountMax)
		}
		if (r.Price != 0 || r.Per != "") && !r.in(r.Per) {
			add(r.Name, "is asked for by %s", r.by())
		}
		if r.Free != 0 && !r.Frees {
			add(r.Name, "is never free in part")
		} else if (r.Free != 0 || r.FreePer != "") && !r.in(r.FreePer) {
			add(r.Name, "is free by %s", r.by())
		}
	}
	slices.SortStableFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Path, b.Path) })
	return fields
}

// changes says for the audit trail what differs between two states of a plan: people bill by it.
func changes(was, is *Plan) string {
	var d audit.Detail
	d.Change("name", was.Name, is.Name)
	if was.Description != is.Description {
		d.Say("description") // it may be long, and nothing is asked for by it
	}
	d.Change("currency", was.Currency, is.Currency)
	d.Change("tax", was.Tax, is.Tax)
	d.Change("taxPercent", was.TaxPercent.String(), is.TaxPercent.String())
	d.Change("discount", was.Discount.String(), is.Discount.String())
	before := was.Rates()
	for i, r := range is.Rates() {
		d.Change(r.Name, before[i].String(), r.String())
	}
	return d.String()
}

func (n *Named) in(unit string) bool {
	return len(n.Units) == 0 && unit == "" || slices.Contains(n.Units, unit)
}

// by names the units in a text.
func (n *Named) by() string {
	return cmp.Or(strings.Join(n.Units, " or "), "the month, without a unit")
}

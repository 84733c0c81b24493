package v2

import (
	"reflect"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Profile is the version of the vendor's API whose names and fields answer; they are never mixed (rest-v2.md §8).
type Profile string

// The profiles.
const (
	Profile30 Profile = "3.0" // *Instances, type names with "Windows", unit kinds of a type in one row
	Profile60 Profile = "6.0" // unitType and *Units, a row per unit kind
)

// Known reports whether p is a profile that we speak.
func (p Profile) Known() bool { return p == Profile30 || p == Profile60 }

// usageRow30 and usageRow60 are the rows of the usage resources (rest-v2.md §3.2).
type usageRow30 struct {
	Type            string      `json:"type"`
	RentalInstances usage.Units `json:"rentalInstances"`
	NewInstances    usage.Units `json:"newInstances"`
	UsedInstances   usage.Units `json:"usedInstances"`
	RentalCount     int64       `json:"rentalCount"`
	NewCount        int64       `json:"newCount"`
	UsedCount       int64       `json:"usedCount"`
}

type usageRow60 struct {
	Type        string      `json:"type"`
	UnitType    string      `json:"unitType"`
	RentalUnits usage.Units `json:"rentalUnits"`
	NewUnits    usage.Units `json:"newUnits"`
	UsedUnits   usage.Units `json:"usedUnits"`
	RentalCount int64       `json:"rentalCount"`
	NewCount    int64       `json:"newCount"`
	UsedCount   int64       `json:"usedCount"`
}

var (
	shapeOfRow30 = query.ShapeOf[usageRow30]()
	shapeOfRow60 = query.ShapeOf[usageRow60]()
)

// AppendUsageRows appends the answer of a usage resource, a JSON array, to b (C20, C28, rest-v2.md §3.2).
func AppendUsageRows(b []byte, t *metering.Tally, p Profile) []byte {
	s, list := wireRows(t, p)
	return s.AppendList(b, list, query.View{})
}

func usageShape(p Profile) *query.Shape {
	if p == Profile60 {
		return shapeOfRow60
	}
	return shapeOfRow30
}

func wireRows(t *metering.Tally, p Profile) (*query.Shape, reflect.Value) {
	rows := usageRows(t, p)
	if p == Profile60 {
		list := make([]usageRow60, len(rows))
		for i := range rows {
			r := &rows[i]
			list[i] = usageRow60{
				r.Type, string(r.Unit), r.Rental.Units, r.New.Units, r.Used.Units, r.Rental.Count, r.New.Count, r.Used.Count,
			}
		}
		return shapeOfRow60, reflect.ValueOf(list)
	}
	list := make([]usageRow30, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = usageRow30{r.Type, r.Rental.Units, r.New.Units, r.Used.Units, r.Rental.Count, r.New.Count, r.Used.Count}
	}
	return shapeOfRow30, reflect.ValueOf(list)
}

// usageRows gives the rows with their wire names; profile 3.0 adds the unit kinds of a type up (C28).
func usageRows(t *metering.Tally, p Profile) []metering.Row {
	rows := make([]metering.Row, 0, len(t.Rows))
	for _, row := range t.Rows {
		name := wireType(row.Type, p)
		if last := len(rows) - 1; p == Profile30 && last >= 0 && rows[last].Type == name {
			addTo(&rows[last].Rental, row.Rental)
			addTo(&rows[last].New, row.New)
			addTo(&rows[last].Used, row.Used)
			continue
		}
		row.Type = name
		rows = append(rows, row)
	}
	return rows
}

func addTo(sum *metering.Amount, a metering.Amount) {
	sum.Count += a.Count
	sum.Units += a.Units
}

// wireType gives a type's name in a profile; "Unknown" is the same in all (C19).
func wireType(id string, p Profile) string {
	if t, ok := catalog.Latest().Type(id); ok && p == Profile30 && t.Name30 != "" {
		return t.Name30
	}
	return id
}

// unitKinds names what the units of an answer are, as oneKind does.
func unitKinds(t *metering.Tally) string {
	kinds := make([]usage.UnitKind, len(t.Rows))
	for i := range t.Rows {
		kinds[i] = t.Rows[i].Unit
	}
	return oneKind(kinds)
}

package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// usageReport is a monthly usage report of the vendor's console over all organisations.
type usageReport struct {
	Data       *usageReport `json:"data"` // where the answer of its API was saved as a whole
	Parameters struct {
		Interval struct {
			Start string `json:"startOfInterval"`
		} `json:"reportInterval"`
	} `json:"reportParameters"`
	Details []struct {
		Organization string `json:"organizationName"`
		UID          string `json:"organizationUid"`
		Usage        []struct {
			Product   string `json:"productType"`
			Workloads []struct {
				Type   string      `json:"workloadType"`
				Count  *int64      `json:"initialCount"` // before anybody took anything from it
				Closed *int64      `json:"reportedCount"`
				New    *int64      `json:"newCount"`
				Points json.Number `json:"usedPoints"`
			} `json:"workloadUsage"`
		} `json:"usageByLicenseAndProduct"`
	} `json:"usageDetails"`
}

// reportTypes are what one name of the report stands for here: it does not tell hypervisors apart.
var reportTypes = map[string][]string{
	"vbr_vm": {"VBR_vSphere_VM", "VBR_HyperV_VM", "VBR_Nutanix_VM", "VBR_Proxmox_VM", "VBR_RHV_VM", "VBR_Other_VM"},
}

// IsUsageReport reports whether a JSON text is a monthly usage report of the vendor's console.
func IsUsageReport(text []byte) bool {
	var shape struct {
		Data    map[string]json.RawMessage `json:"data"`
		Details json.RawMessage            `json:"usageDetails"`
	}
	return json.Unmarshal(text, &shape) == nil && (shape.Details != nil || shape.Data["usageDetails"] != nil)
}

// ReadUsageReport reads one. Its counts are those before adjustments, as ours are.
func ReadUsageReport(text []byte, m Mapping) (File, error) {
	f := File{TellsNew: true, Mapping: m}
	if len(text) > FileMax {
		return f, fault.New(fault.Invalid, "the file is larger than %d MiB", FileMax>>20)
	}
	var r usageReport
	if err := json.Unmarshal(text, &r); err != nil {
		return f, jsonFault(text, err)
	}
	if r.Data != nil {
		r = *r.Data
	}
	f.Mapping.Types = withDefaults(m.Types, reportTypes)
	month, _, _ := strings.Cut(r.Parameters.Interval.Start, "T")
	if len(month) > len("2006-01") {
		month = month[:len("2006-01")]
	}
	for i := range r.Details {
		d := &r.Details[i]
		for k := range d.Usage {
			for n := range d.Usage[k].Workloads {
				w := &d.Usage[k].Workloads[n]
				where := fmt.Sprintf("usageDetails[%d].usageByLicenseAndProduct[%d].workloadUsage[%d]", i, k, n)
				l := Line{Where: where, Month: month, Company: d.Organization, Type: w.Type, Figures: Figures{Count: w.Count, New: w.New}}
				if l.Count == nil {
					l.Count = w.Closed
				}
				if l.Count == nil && l.New == nil && w.Points == "" {
					return f, fault.New(fault.Invalid, "%s: says nothing", where)
				}
				if w.Points != "" {
					units, _, err := usage.ParseUnits(w.Points.String())
					if err != nil {
						return f, fault.Wrap(err, fault.Invalid, "%s.usedPoints: %s", where, fault.Text(err))
					}
					if l.Unit = usage.Points; w.Closed == nil || l.Count == nil || *w.Closed == *l.Count { // else they are of less
						l.Units = &units
					}
				}
				if count := l.Count; count != nil && *count < 0 || w.New != nil && *w.New < 0 {
					return f, fault.New(fault.Invalid, "%s: a count is negative", where)
				}
				f.Lines = append(f.Lines, l)
			}
		}
	}
	return f, nil
}

func withDefaults(own, defaults map[string][]string) map[string][]string {
	all := make(map[string][]string, len(own)+len(defaults))
	for name, types := range defaults {
		all[name] = types
	}
	for name, types := range own {
		all[name] = types
	}
	return all
}

// jsonFault says where in a text it is no JSON, or not what was expected.
func jsonFault(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		line, column := position(text, syntax.Offset)
		return fault.Wrap(err, fault.Invalid, "line %d, column %d: %v", line, column, syntax)
	case errors.As(err, &kind):
		line, column := position(text, kind.Offset)
		return fault.Wrap(err, fault.Invalid, "line %d, column %d: %s is a %s", line, column, kind.Field, kind.Value)
	}
	return fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
}

func position(text []byte, offset int64) (line, column int) {
	before := text[:max(0, min(offset, int64(len(text))))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - (bytes.LastIndexByte(before, '\n') + 1)
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tallystick/tallystick/internal/collect/vbr"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/report"
	"github.com/tallystick/tallystick/internal/statement"
)

// CompareQuery asks how the figures of a month stand against those of a file.
type CompareQuery struct {
	Company *usage.CompanyID // nil: all
	Month   usage.Month
	File    Named // a CSV, or the vendor's license or usage report in JSON
	Mapping Named // says what a CSV holds (TOML); without text: one of our own statements
}

// Named is a text, and how whoever gave it calls it.
type Named struct {
	Name string
	Text []byte
}

// ReadNamed reads a file of at most so many bytes.
func ReadNamed(path string, most int64) (Named, error) {
	text, err := readAtMost(path, most)
	return Named{path, text}, inFile(path, err)
}

// Compare lines up the month's statements with a file. Of what was not drafted it counts what is known now. Nothing changes.
func (a *App) Compare(ctx context.Context, q CompareQuery) (compare.Result, error) {
	if _, _, err := a.Figures.Period(ctx, &q.Month); err != nil { // it has not begun
		return compare.Result{}, err
	}
	types, _, err := a.Catalogs.CountsIn(ctx, &q.Month, a.Fleet)
	if err != nil {
		return compare.Result{}, err
	}
	file, ofServers, err := a.foreign(q, types)
	if err != nil {
		return compare.Result{}, err
	}
	parties, err := a.parties(ctx, q, file.NamesMachines)
	if err != nil {
		return compare.Result{}, err
	}
	if ofServers {
		if parties, err = a.byServer(ctx, q, parties, &file); err != nil {
			return compare.Result{}, err
		}
	}
	return compare.Compare(parties, &file, types, q.Month)
}

// foreign reads the file, and tells whether its figures are of servers as a whole.
func (a *App) foreign(q CompareQuery, types *catalog.Catalog) (file compare.File, ofServers bool, err error) {
	var m compare.Mapping
	if q.Mapping.Text != nil {
		if m, err = compare.ParseMapping(q.Mapping.Text, types); err != nil {
			return file, false, inFile(q.Mapping.Name, err)
		}
	}
	text := q.File.Text
	body := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	switch isJSON := len(body) > 0 && body[0] == '{'; {
	case isJSON && vbr.Recognise(body) == vbr.KindReport:
		file, err = a.licenseReport(body, m)
		return file, true, inFile(q.File.Name, err)
	case isJSON && compare.IsUsageReport(body):
		file, err = compare.ReadUsageReport(body, m)
	case isJSON && isOwnReport(body):
		err = fault.New(fault.Invalid, "the file is a report of this program in JSON: its report of a month in CSV is read")
	case isJSON && vbr.Recognise(body) != vbr.KindUnknown:
		err = fault.New(fault.Invalid, "the file is a reading, no report: feed it by tallystick import")
	case isJSON:
		err = fault.New(fault.Invalid, "the file is JSON, but neither a license report (products) nor a usage report (usageDetails)")
	default:
		file, err = compare.ReadCSV(text, m)
	}
	return file, false, inFile(q.File.Name, err)
}

// isOwnReport reports whether JSON is a report that the program wrote.
func isOwnReport(body []byte) bool {
	var head struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(body, &head) == nil && head.Schema == report.Schema
}

func readAtMost(path string, most int64) (text []byte, err error) {
	f, err := os.Open(path) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fault.Wrap(err, fault.Invalid, "the file cannot be read: %v", err)
	case int64(len(text)) > most:
		return nil, fault.New(fault.Invalid, "the file is larger than %d KiB", most>>10)
	}
	return text, nil
}

// inFile names the file in what is wrong with it.
func inFile(path string, err error) error {
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && len(f.Fields) > 0:
		fields := slices.Clone(f.Fields)
		for i := range fields {
			fields[i].Path = path + ": " + fields[i].Path
		}
		return fault.InvalidFields(f.Message, fields)
	}
	return fault.Wrap(err, fault.CodeOf(err), "%s: %s", path, fault.Text(err))
}

// licenseReport reads the vendor's report of one or more servers, whose figures are as their counters say (C22).
func (a *App) licenseReport(body []byte, m compare.Mapping) (compare.File, error) {
	file := compare.File{TellsNew: true, Mapping: m}
	snapshots, err := vbr.FromReport(body, vbr.Meta{TakenAt: usage.Truncate(a.Now()), Product: usage.ProductVBR, Types: a.types})
	if err != nil {
		return file, err
	}
	for i := range snapshots {
		s := &snapshots[i]
		for k := range s.Counters {
			c := &s.Counters[k]
			line := compare.Line{Where: fmt.Sprintf("installation %s, counter %d", s.Server.InstallationID, k+1), Server: s.Server.InstallationID, Type: c.Type}
			line.Count, line.New, line.Units, line.NewUnits = &c.Used, &c.New, inUnits(c, c.Used, c.UsedUnits), inUnits(c, c.New, c.NewUnits)
			if s.License.Type != usage.LicenseRental { // nothing is new then
				none, noUnits := int64(0), usage.Units(0)
				used := c.Used + c.New
				line.Count, line.New = &used, &none
				if line.Units != nil && line.NewUnits != nil {
					sum, ok := usage.Add(*line.Units, *line.NewUnits)
					if !ok {
						return file, fault.New(fault.Invalid, "%s: its units are more than can be counted", line.Where)
					}
					line.Units, line.NewUnits = &sum, &noUnits
				}
			}
			file.Lines = append(file.Lines, line)
		}
	}
	return file, nil
}

// inUnits gives the units of a counter's figure; nil: the report does not say them.
func inUnits(c *usage.Counter, count int64, stated *usage.Units) *usage.Units {
	if stated != nil || c.Multiplier == nil {
		return stated
	}
	if units, ok := c.Multiplier.Times(count); ok {
		return &units
	}
	return nil
}

// parties gives those whose figures are asked for. A company that is removed is one where it has any.
func (a *App) parties(ctx context.Context, q CompareQuery, machines bool) (parties []compare.Party, err error) {
	companies, err := a.compared(ctx, q.Company)
	if err != nil {
		return nil, err
	}
	servers, err := a.Store.Servers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range companies {
		t, err := a.Months.Show(ctx, companies[i].ID, q.Month, 0)
		if err != nil {
			return nil, err
		}
		if companies[i].RemovedAt != nil && len(t.Content.Rows) == 0 && q.Company == nil {
			continue
		}
		var workloads []statement.Workload
		if machines {
			if workloads, err = a.Months.Workloads(ctx, &t); err != nil {
				return nil, err
			}
		}
		p := compare.OfStatement(&t, workloads)
		if p.Refs = append(p.Refs, companies[i].Name); p.Company == usage.Unassigned {
			p.Refs = append(p.Refs, "unassigned")
		}
		for k := range servers {
			if v := &servers[k]; v.Company == p.Company && !v.Shared {
				p.Call(v.ID, v.Name)
				p.Call(v.ID, v.InstallationID)
			}
		}
		parties = append(parties, p)
	}
	return parties, nil
}

// compared gives the companies that are asked for: those that are removed last, whose names others may have by now.
func (a *App) compared(ctx context.Context, only *usage.CompanyID) ([]fleet.Company, error) {
	if only != nil {
		c, err := a.Store.Company(ctx, *only)
		return []fleet.Company{c}, err
	}
	all, err := fleet.EveryCompany(ctx, a.Store)
	slices.SortStableFunc(all, func(x, y fleet.Company) int {
		switch {
		case x.RemovedAt == nil && y.RemovedAt != nil:
			return -1
		case x.RemovedAt != nil && y.RemovedAt == nil:
			return 1
		}
		return 0
	})
	return all, err
}

// byServer gives each server that the file names as a party of its own. Counters of a shared one name no tenant: it is
// compared with what all companies have on it (C21).
func (a *App) byServer(ctx context.Context, q CompareQuery, companies []compare.Party, file *compare.File) ([]compare.Party, error) {
	var parties []compare.Party
	known := make(map[string]bool)
	for i := range file.Lines {
		installation := file.Lines[i].Server
		if known[installation] {
			continue
		}
		known[installation] = true
		server, err := a.Fleet.ByInstallation(ctx, installation)
		if fault.Is(err, fault.NotFound) {
			continue // it is told as one that is not known here
		}
		if err != nil {
			return nil, err
		}
		if server.Shared && q.Company != nil {
			return nil, fault.New(fault.Invalid, "%s is shared: what its report says is of all companies. Leave the company out.", server.Name)
		}
		if p, has := partyOf(companies, &server); has {
			parties = append(parties, p)
		}
	}
	return parties, nil
}

func partyOf(companies []compare.Party, server *fleet.Server) (p compare.Party, has bool) {
	p = compare.Party{Company: server.Company, Server: server.ID, Name: server.Name, Servers: make(map[string]usage.ServerID)}
	p.Call(server.ID, server.InstallationID)
	for i := range companies {
		c := &companies[i]
		if !server.Shared && c.Company != server.Company {
			continue
		}
		has = true
		if p.Rows = append(p.Rows, c.OfServer[server.ID]...); !server.Shared {
			p.Name, p.State = c.Name+", "+server.Name, c.State
		}
	}
	return p, has
}

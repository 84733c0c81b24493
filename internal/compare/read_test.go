package compare_test

import (
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
)

var catalogue = func() *catalog.Catalog {
	c, err := catalog.Version(catalog.Versions()[0])
	if err != nil {
		panic(err)
	}
	return c
}()

// Mistakes in a mapping are told all at once, and where.
func TestMappingMistakes(t *testing.T) {
	t.Parallel()
	for text, wants := range map[string][]string{
		"delimiter = ':'\ndecimal = ';'\nthousands = '.'\n": {"delimiter: ", "decimal: ", "thousands: is what decimals are written with"},
		"[columns]\ncompny = 'A'\ncount = ' '\n":            {"columns.compny: is none of", "columns.count: names no column", "columns.type: is required", "columns: has none of"},
		"[types]\na = 'Quantum'\nb = 7\nc = ['VBR_vSphere_VM', 'VBR_HyperV_VM']\nd = ['VBR_HyperV_VM', 'VBR_Other_VM']\n": {
			`types.a: "Quantum" is no type of the catalogue`, "types.b: is neither a type nor a list of types", `types.d: VBR_HyperV_VM is compared together with others already, as "c"`,
		},
		"[types]\nVM = 'VBR_vSphere_VM'\nvm = 'VBR_HyperV_VM'\n[companies]\nA = 'x'\na = 'y'\n": {`types.vm: is the same as "VM"`, `companies.a: is the same as "A"`},
		"[columns]\ntype = 'a'\n\ncolour = \n":                                                  {"line 4, column "},
		"size = 3\n[types]\nx = 'VB365_User'":                                                   {"size: line 1, column 1: is none of delimiter"},
	} {
		_, err := compare.ParseMapping([]byte(text), catalogue)
		for _, want := range wants {
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", text, err, want)
			}
		}
	}
}

// Mistakes in a file are told with line and column.
func TestFileMistakes(t *testing.T) {
	t.Parallel()
	const columns = "[columns]\ntype = 'Type'\ncount = 'Count'\nunits = 'Units'\n"
	for _, c := range []struct{ mapping, text, want string }{
		{columns, "", "the file is empty"},
		{columns, "Type,Count\n", `columns.units: there is no column "Units"; they are called "Type", "Count"`},
		{columns, "Type,Count,Units,count\n", `columns.count: two columns are called "Count"`},
		{columns, "Type,Count,Units\nVBR_vSphere_VM,1\n", "line 2: has 2 cells, and the first line has 3"},
		{columns, "Type,Count,Units\nVBR_vSphere_VM,1,1\nVBR_vSphere_VM,-3,1\n", `line 3, column 16: count: "-3" is not a decimal number that is zero or more`},
		{columns, "Type,Count,Units\n\"a\nb\",1.5,1\n", `line 3, column 4: count: "1.5" is no whole number`},
		{columns, "Type,Count,Units\nx,1,0.1234567\n", `line 2, column 5: units: "0.1234567" has more than six places`},
		{columns, "Type,Count,Units\nx,,\n", "line 2, column 3: count: nothing is said"},
		{columns, "Type,Count,Units\nx,\"1,1\n", `line 2, column `},
		{columns, "Type,Count,Units\nx,1,Gr\xfc\xdfe\n", "line 2, column 7: is no UTF-8"},
		{columns, "\xff\xfeT\x00", "UTF-16"},
		{columns, "PK\x03\x04rest", "workbook"},
		{"decimal = ','\n" + columns, "Type,Count,Units\nx,1,1.5\n", `units: "1.5" is no number as the mapping says`},
		{"delimiter = ';'\nthousands = ','\n" + columns, "Type;Count;Units\nx;1,00;1\n", `count: "1,00" is no number as the mapping says`},
		{"header = false\n[columns]\ntype = '1'\ncount = 'Count'\n", "x,1\n", `columns.count: "Count" is no number from 1 to 2`},
		{"[columns]\ntype = 'Type'\nname = 'Name'\nnew = 'New'\n", "Type,Name,New\nx,web01,maybe\n", `line 2, column 9: new: "maybe" is neither yes nor no`},
		{"[columns]\ntype = 'Type'\ncount = 'Count'\nunit = 'Unit'\n", "Type,Count,Unit\nx,1,Euro\n", `line 2, column 5: unit: "Euro" is neither Instances nor Points`},
		{"", "Type,Count\nx,1\n", `--mapping must say what its columns are; they are called "Type", "Count"`},
	} {
		m, err := compare.ParseMapping([]byte(c.mapping), catalogue)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compare.ReadCSV([]byte(c.text), m); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := compare.ReadCSV(make([]byte, compare.FileMax+1), compare.Mapping{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("too large: %v", err)
	}
}

// A file without a header has its columns by number, and its first line counts.
func TestNoHeader(t *testing.T) {
	t.Parallel()
	ours := northwind(machine(1, "1", "web01", vm, metering.Used))
	want(t, compared(t, "header = false\n[columns]\ntype = '2'\ncount = '1'\n", "1,VBR_vSphere_VM\n2,VBR_Server_Agent\n", ours),
		"Northwind VBR_Server_Agent onlyThere: - - - -/2 - - -")
}

// The CSV of our own statements needs no mapping; lines of other months are told.
func TestOwnStatements(t *testing.T) {
	t.Parallel()
	ours := northwind(machine(1, "1", "web01", vm, metering.Used), machine(1, "2", "web02", vm, metering.New))
	const head = "company,month,number,product,type,unit,used,usedUnits,new,newUnits,rental,rentalUnits,billed,billedUnits,peakAt\r\n"
	want(t, compared(t, "", head+"2,2026-10,1,vbr,VBR_vSphere_VM,Instances,1,1,1,1,0,0,1,1,\r\n", ours))
	want(t, compared(t, "", head+"2,2026-10,1,vbr,VBR_vSphere_VM,Instances,1,1,0,0,0,0,1,1,\r\n2,2026-09,1,vbr,VBR_vSphere_VM,Instances,9,9,0,0,0,0,9,9,\r\n", ours),
		"Northwind VBR_vSphere_VM different: 1 1 1 1/1 0 1 0", `unmatched month "2026-09" of "": 1 lines, 9, line 3`)
}

// A report of ours, of a company or a month: that nothing was used is a figure; that nothing was known is none.
func TestOwnReports(t *testing.T) {
	t.Parallel()
	ours := northwind(machine(1, "1", "web01", vm, metering.Used))
	const head = "month,company,status,type,workload,used,usedUnits,new,newUnits,unit\r\n"
	want(t, compared(t, "", head+"2026-10,Northwind,Final,VBR_vSphere_VM,\"Virtual machine, vSphere\",1,1,0,0,Instances\r\n", ours))
	for _, why := range []string{"Nothing used", "No server"} {
		want(t, compared(t, "", head+"2026-10,Northwind,Final,,"+why+",,,,,\r\n", ours), "Northwind VBR_vSphere_VM onlyHere: 1 0 1 0/- - - -")
		want(t, compared(t, "", head+"2026-10,Contoso,Final,,"+why+",,,,,\r\n", northwind()), `unmatched company "Contoso" of "": 1 lines, 0, line 2`)
	}
	for _, why := range []string{"Not known", "No statement"} {
		want(t, compared(t, "", head+"2026-10,Northwind,Final,,"+why+",,,,,\r\n", ours), "Northwind VBR_vSphere_VM onlyHere: 1 0 1 0/- - - -", "unnamed Northwind")
	}
}

const usageReport = `{"data": {"reportParameters": {"reportInterval": {"startOfInterval": "2026-10-01T00:00:00"}}, "usageDetails": [
 {"organizationName": "Northwind", "organizationUid": "x", "usageByLicenseAndProduct": [
  {"productType": "BackupAndReplication", "workloadUsage": [
   {"workloadType": "VBR_VM", "initialCount": 3, "reportedCount": 2, "newCount": 1, "weight": 1, "usedPoints": 2},
   {"workloadType": "VBR_Server_Agent", "initialCount": 1, "reportedCount": 1, "newCount": 0, "weight": 11, "usedPoints": 11}]},
  {"productType": "VONE", "workloadUsage": [{"workloadType": "VONE_VM", "reportedCount": 4, "newCount": 0, "usedPoints": 8}]}]},
 {"organizationName": "Contoso", "usageByLicenseAndProduct": [{"workloadUsage": [{"workloadType": "VB365_User", "initialCount": 5}]}]}]}}`

// The monthly report of the console that was there before: its counts are those before adjustments.
func TestUsageReport(t *testing.T) {
	t.Parallel()
	if !compare.IsUsageReport([]byte(usageReport)) || compare.IsUsageReport([]byte(`{"products": []}`)) {
		t.Error("it is not told from others")
	}
	f, err := compare.ReadUsageReport([]byte(usageReport), compare.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	ours := northwind(machine(1, "1", "a", vm, metering.Used), machine(1, "2", "b", "VBR_HyperV_VM", metering.Used), machine(1, "3", "c", vm, metering.New), machine(1, "4", "d", agent, metering.Used))
	want(t, said(t, &f, ours), "Northwind VBR_VM different: 2 1 2 1/3 1 - -",
		`unmatched type "VONE_VM" of "Northwind": 1 lines, 4, usageDetails[0].usageByLicenseAndProduct[1].workloadUsage[0]`,
		`unmatched company "Contoso" of "": 1 lines, 5, usageDetails[1].usageByLicenseAndProduct[0].workloadUsage[0]`)
	for text, want := range map[string]string{
		"{\n \"usageDetails\": [}":                           "line 2, column 19: invalid character",
		"{\n \"usageDetails\": [{\"organizationName\": 7}]}": "line 2, column 40: usageDetails.organizationName is a number",
		`{"usageDetails": [{"usageByLicenseAndProduct": [{"workloadUsage": [{"workloadType": "VBR_VM", "newCount": -1}]}]}]}`:   "a count is negative",
		`{"usageDetails": [{"usageByLicenseAndProduct": [{"workloadUsage": [{"workloadType": "VBR_VM"}]}]}]}`:                   "says nothing",
		`{"usageDetails": [{"usageByLicenseAndProduct": [{"workloadUsage": [{"workloadType": "VBR_VM", "usedPoints": -1}]}]}]}`: "usedPoints",
	} {
		if _, err := compare.ReadUsageReport([]byte(text), compare.Mapping{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A sum that cannot be counted is refused, not turned over.
func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	m, err := compare.ParseMapping([]byte("[columns]\ntype = 'Type'\nunits = 'Units'\n"), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	f, err := compare.ReadCSV([]byte("Type,Units\n"+strings.Repeat("VBR_vSphere_VM,999999999999\n", 10)), m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compare.Compare([]compare.Party{northwind()}, &f, catalogue, october); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "line 11") {
		t.Error(err)
	}
}

// Whatever a file holds, it is read or refused in words.
func FuzzReadCSV(f *testing.F) {
	f.Add(totalsMapping, "Organization;Workload type;Reported;New;Points\nNorthwind;Virtual machine;2;1;2\n")
	f.Add(machinesMapping, "Company,Server,Machine,Id,Type,New\nNorthwind,VBR01,web01,a,VBR_vSphere_VM,x\n")
	f.Add("", "company,month,type,unit,used,usedUnits,new,newUnits\n2,2026-10,VBR_vSphere_VM,Instances,1,1,0,0\n")
	f.Fuzz(func(t *testing.T, mapping, text string) {
		m, err := compare.ParseMapping([]byte(mapping), catalogue)
		if err == nil {
			var file compare.File
			if file, err = compare.ReadCSV([]byte(text), m); err == nil {
				_, err = compare.Compare([]compare.Party{northwind(machine(1, "a", "web01", vm, metering.Used))}, &file, catalogue, october)
			}
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

// So is a report.
func FuzzReadUsageReport(f *testing.F) {
	f.Add(usageReport)
	f.Add(`{"usageDetails": [{"usageByLicenseAndProduct": [{"workloadUsage": [{"workloadType": "VBR_VM", "usedPoints": 1e3}]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := compare.ReadUsageReport([]byte(text), compare.Mapping{})
		if err == nil {
			_, err = compare.Compare([]compare.Party{northwind(machine(1, "a", "web01", vm, metering.Used))}, &file, catalogue, october)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

package compare_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

var october = usage.Month{Year: 2026, Month: 10}

// machine is one of ours.
func machine(server usage.ServerID, id, name, typ string, state metering.State) statement.Workload {
	return statement.Workload{
		Product: usage.ProductVBR, Ref: statement.Ref{Server: server, ID: id}, Name: name, Type: typ, State: state, Unit: usage.Instances, Units: usage.One,
		Answers: state == metering.Used || state == metering.New || state == metering.Rental,
	}
}

// northwind is a company with these machines, on the servers VBR01 and VBR02, and the rows that follow.
func northwind(machines ...statement.Workload) compare.Party {
	t := statement.Statement{Company: 2, CompanyUID: "4225a1b2-0000-4000-8000-000000000002", CompanyName: "Northwind", Month: "2026-10", State: statement.Draft}
	for i, name := range []string{"VBR01", "VBR02"} {
		t.Content.Servers = append(t.Content.Servers, statement.Server{ID: usage.ServerID(i + 1), Name: name, Origin: metering.FromList})
	}
	rows := make(map[string]*statement.Row)
	var order []string
	for i := range machines {
		w := &machines[i]
		if !w.Answers {
			continue
		}
		if rows[w.Type] == nil {
			rows[w.Type] = &statement.Row{RowKey: statement.RowKey{Product: w.Product, Type: w.Type, Unit: w.Unit}}
			order = append(order, w.Type)
		}
		r := rows[w.Type]
		amount := map[metering.State]*statement.Amount{metering.Used: &r.Used, metering.New: &r.New, metering.Rental: &r.Rental}[w.State]
		amount.Count++
		amount.Units += w.Units
	}
	for _, typ := range order {
		t.Content.Rows = append(t.Content.Rows, *rows[typ])
	}
	return compare.OfStatement(&t, machines)
}

// compared compares with a CSV and says what came of it, a line for each thing that is not equal.
func compared(t testing.TB, mapping, text string, parties ...compare.Party) []string {
	t.Helper()
	m, err := compare.ParseMapping([]byte(mapping), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	f, err := compare.ReadCSV([]byte(text), m)
	if err != nil {
		t.Fatal(err)
	}
	return said(t, &f, parties...)
}

func said(t testing.TB, f *compare.File, parties ...compare.Party) (lines []string) {
	t.Helper()
	r, err := compare.Compare(parties, f, catalogue, october)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.State == compare.Equal {
			continue
		}
		text := fmt.Sprintf("%s %s %s: %s/%s", row.Party.Name, row.Type, row.State, figures(&row.Here), figures(&row.There))
		if row.Note != "" {
			text += " (" + row.Note + ")"
		}
		lines = append(lines, text)
		for _, p := range row.Places {
			lines = append(lines, strings.TrimRight(fmt.Sprintf("  %s|%s|%s|%s|%s", p.Side, p.ID, p.Name, p.Where, p.Text), "|"))
		}
	}
	for _, u := range r.Unmatched {
		lines = append(lines, fmt.Sprintf("unmatched %s %q of %q: %d lines, %d, %s", u.Kind, u.Text, u.Of, u.Lines, u.Count, u.Where))
	}
	for _, p := range r.Unnamed {
		lines = append(lines, "unnamed "+p.Name)
	}
	return lines
}

func figures(f *compare.Figures) string {
	var parts []string
	add := func(n *int64) {
		if n == nil {
			parts = append(parts, "-")
		} else {
			parts = append(parts, strconv.FormatInt(*n, 10))
		}
	}
	add(f.Count)
	add(f.New)
	for _, u := range []*usage.Units{f.Units, f.NewUnits} {
		if u == nil {
			parts = append(parts, "-")
		} else {
			parts = append(parts, u.String())
		}
	}
	return strings.Join(parts, " ")
}

func want(t testing.TB, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

const (
	vm    = "VBR_vSphere_VM"
	agent = "VBR_Server_Agent"
)

const totalsMapping = `
delimiter = ";"
decimal = ","
thousands = "."
[columns]
company = "Organization"
type = "Workload type"
count = "Reported"
new = "New"
units = "Points"
[types]
"Virtual machine" = ["VBR_vSphere_VM", "VBR_HyperV_VM"]
"Server agent" = "vbr_windows_server_agent"
[companies]
"Northwind Traders Ltd." = "Northwind"
`

// Totals by company and type, as another console's report has them: several of our types are one of theirs.
func TestTotals(t *testing.T) {
	t.Parallel()
	ours := northwind(machine(1, "1", "web01", vm, metering.Used), machine(1, "2", "web02", "VBR_HyperV_VM", metering.Used), machine(1, "3", "web03", vm, metering.New),
		machine(1, "4", "srv01", agent, metering.Used), machine(1, "5", "pc01", "VBR_Workstation_Agent", metering.Used), machine(1, "6", "old", vm, metering.Lapsed))
	got := compared(t, totalsMapping, "\xef\xbb\xbfOrganization;Workload type;Reported;New;Points\r\n"+
		"Northwind Traders Ltd.;Virtual machine;2;1;2\r\n"+
		"NORTHWIND;Server agent;1.002;0;1.002,5\r\n"+
		"2;Tape;3;0;\r\n"+
		";;;;\r\n"+
		"4225A1B2-0000-4000-8000-000000000002;VBR_Tape_Backup;7;0;7\r\n"+
		"Contoso;Virtual machine;5;0;5\r\n"+
		"Contoso;Server agent;6;0;5\r\n", ours)
	want(t, got,
		"Northwind VBR_Server_Agent different: 1 0 1 0/1002 0 1002.5 -",
		"Northwind VBR_Workstation_Agent onlyHere: 1 0 1 0/- - - -",
		"Northwind VBR_Tape_Backup onlyThere: - - - -/7 0 7 -",
		`unmatched type "Tape" of "Northwind": 1 lines, 3, line 4`,
		`unmatched company "Contoso" of "": 2 lines, 11, line 7`)
	want(t, compared(t, totalsMapping, "Organization;Workload type;Reported;New;Points\nContoso;Server agent;1;0;1\n", northwind(machine(1, "4", "srv01", agent, metering.Used))),
		"Northwind VBR_Server_Agent onlyHere: 1 0 1 0/- - - -", `unmatched company "Contoso" of "": 1 lines, 1, line 2`, "unnamed Northwind")
}

// A file that does not tell what is new does not lack what is new here; and who has units in several kinds is compared by count.
func TestWhatIsNotSaid(t *testing.T) {
	t.Parallel()
	ours := northwind(machine(1, "1", "web01", vm, metering.Used), machine(1, "3", "web03", vm, metering.New), machine(1, "4", "srv01", agent, metering.New))
	const mapping = "[columns]\ntype = 'Type'\ncount = 'Count'\n"
	want(t, compared(t, mapping, "Type,Count\nVBR_vSphere_VM,1\n", ours))
	want(t, compared(t, mapping, "Type,Count\nVBR_vSphere_VM,1\nVBR_Server_Agent,0\n", ours))
	want(t, compared(t, mapping, "Type,Count\nVBR_vSphere_VM,2\n", ours), "Northwind VBR_vSphere_VM different: 1 1 1 1/2 - - -")
	ours.Rows = append(ours.Rows, statement.Row{RowKey: statement.RowKey{Product: usage.ProductVBR, Type: vm, Unit: usage.Points}, Used: statement.Amount{Count: 1, Units: 11 * usage.One}})
	const units = "[columns]\ntype = 'Type'\ncount = 'Count'\nunits = 'Units'\nunit = 'Kind'\n"
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_vSphere_VM,2,99,Points\n", ours))
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_vSphere_VM,3,99,Points\n", ours),
		"Northwind VBR_vSphere_VM different: 2 1 - -/3 - 99 - (units here are of several kinds, and are not compared)")
	// A sum that lacks a part is none.
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_Server_Agent,1,1,\nVBR_Server_Agent,1,,\n", northwind()),
		"Northwind VBR_Server_Agent onlyThere: - - - -/2 - - - (1 of 2 lines say no units, which is not compared)")
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_Server_Agent,1,1,Instances\nVBR_Server_Agent,1,11,Points\nVBR_Server_Agent,1,1,Instances\n", northwind()),
		"Northwind VBR_Server_Agent onlyThere: - - - -/3 - - - (units there are of several kinds, and are not compared)")
	other := northwind(machine(1, "1", "web01", vm, metering.Used))
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_vSphere_VM,1,11,point\n", other))
	want(t, compared(t, units, "Type,Count,Units,Kind\nVBR_vSphere_VM,1,11,instances\n", other), "Northwind VBR_vSphere_VM different: 1 0 1 0/1 - 11 -")
}

const machinesMapping = `
[columns]
company = "Company"
server = "Server"
name = "Machine"
id = "Id"
type = "Type"
new = "New"
`

// Machines are matched by id, else by name without case and domain; what is counted otherwise says how.
func TestMachines(t *testing.T) {
	t.Parallel()
	ours := northwind(
		machine(1, "4225A1B2-0000-4000-8000-00000000AAAA", "web01", vm, metering.Used),
		machine(1, "b", "web02.contoso.local", vm, metering.Used),
		machine(1, "c", "web03", vm, metering.Lapsed),
		machine(1, "d", "web04", vm, metering.Used),
		machine(1, "e", "srv01", agent, metering.Used),
		machine(1, "f", "web06", vm, metering.New),
		machine(1, "g", "10.1.2.3", vm, metering.Used),
		machine(1, "h", "10.1.2.4", vm, metering.Used),
	)
	got := compared(t, machinesMapping, "Company,Server,Machine,Id,Type,New\n"+
		"Northwind,VBR01,renamed,4225a1b2-0000-4000-8000-00000000aaaa,VBR_vSphere_VM,\n"+
		"Northwind,VBR01,WEB02,,VBR_vSphere_VM,\n"+
		"Northwind,,web03,,VBR_vSphere_VM,\n"+
		"Northwind,,gone,x,VBR_vSphere_VM,\n"+
		"Northwind,,srv01,e,VBR_vSphere_VM,\n"+
		"Northwind,,web06,,VBR_vSphere_VM,no\n"+
		",VBR01,10.1.2.3,,VBR_vSphere_VM,\n"+
		",VBR77,10.1.2.4,,VBR_vSphere_VM,\n", ours)
	want(t, got,
		"Northwind VBR_vSphere_VM different: 5 1 5 1/7 0 - -",
		"  onlyHere|h|10.1.2.4",
		"  onlyHere|d|web04",
		"  onlyHere|f|web06|line 7|there VBR_vSphere_VM, used",
		"  onlyThere|x|gone|line 5",
		"  onlyThere|e|srv01|line 6|here VBR_Server_Agent, used",
		"  onlyThere||web03|line 4|here VBR_vSphere_VM, lapsed",
		"  onlyThere||web06|line 7|here VBR_vSphere_VM, new",
		"Northwind VBR_Server_Agent onlyHere: 1 0 1 0/- - - -",
		"  onlyHere|e|srv01|line 6|there VBR_vSphere_VM, used",
		`unmatched server "VBR77" of "": 1 lines, 1, line 9`)
}

// Which of several with one name is meant is not guessed; where it makes no difference, it does not matter.
func TestNamesThatAreNotUnique(t *testing.T) {
	t.Parallel()
	head := "Company,Server,Machine,Id,Type,New\n"
	two := northwind(machine(1, "a", "web", vm, metering.Used), machine(2, "b", "web", vm, metering.Used), machine(1, "c", "db", vm, metering.Used))
	want(t, compared(t, machinesMapping, head+"Northwind,,web,,VBR_vSphere_VM,\nNorthwind,,WEB,,VBR_vSphere_VM,\nNorthwind,,db,,VBR_vSphere_VM,\n", two))
	want(t, compared(t, machinesMapping, head+"Northwind,,web,,VBR_vSphere_VM,\nNorthwind,,db,,VBR_vSphere_VM,\n", two),
		"Northwind VBR_vSphere_VM different: 3 0 3 0/2 0 - -",
		"  ||web|line 2|several are called so: which one is meant cannot be told",
		"  |a|web||several are called so: which one is meant cannot be told",
		"  |b|web||several are called so: which one is meant cannot be told")
	// The server that the file names tells them apart.
	want(t, compared(t, machinesMapping, head+"Northwind,VBR02,web,,VBR_vSphere_VM,\nNorthwind,,db,,VBR_vSphere_VM,\n", two),
		"Northwind VBR_vSphere_VM different: 3 0 3 0/2 0 - -", "  onlyHere|a|web")
	// A machine that was made anew: the old one is not counted any more.
	anew := northwind(machine(1, "a", "web", vm, metering.Lapsed), machine(1, "b", "web", vm, metering.Used))
	want(t, compared(t, machinesMapping, head+"Northwind,,web,,VBR_vSphere_VM,\n", anew))
	// One id on two servers.
	clones := northwind(machine(1, "a", "", vm, metering.Used), machine(2, "a", "", vm, metering.Used))
	want(t, compared(t, machinesMapping, head+"Northwind,VBR01,,a,VBR_vSphere_VM,\nNorthwind,VBR02,,a,VBR_vSphere_VM,\n", clones))
	want(t, compared(t, machinesMapping, head+"Northwind,,,a,VBR_vSphere_VM,\n", clones),
		"Northwind VBR_vSphere_VM different: 2 0 2 0/1 0 - -",
		"  |a|||several are called so: which one is meant cannot be told",
		"  |a|||several are called so: which one is meant cannot be told",
		"  |a||line 2|several are called so: which one is meant cannot be told")
}

// C37: of a type that is counted by its peak, those of the peak are compared.
func TestPeaks(t *testing.T) {
	t.Parallel()
	at := october.Start(time.UTC)
	peak, after := machine(1, "a", "pc01", "VAC_Workstation_Agent", metering.Used), machine(1, "b", "pc02", "VAC_Workstation_Agent", metering.Used)
	peak.PeakAt = &at
	still := machine(1, "a", "pc01", "VAC_Workstation_Agent", metering.Used)
	p := northwind(peak)
	p.Workloads = []statement.Workload{still, peak, after}
	p.Rows[0].PeakAt = &at
	want(t, compared(t, machinesMapping, "Company,Server,Machine,Id,Type,New\nNorthwind,,,a,VAC_Workstation_Agent,\n", p))
}

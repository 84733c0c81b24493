package compare_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/statement"
)

// random draws machines that each have an id and a name of their own.
func random(t *rapid.T) (machines []statement.Workload) {
	kinds := []string{vm, agent, "VBR_HyperV_VM", "VBR_Workstation_Agent"}
	states := []metering.State{metering.Used, metering.Used, metering.New, metering.Lapsed, metering.Covered}
	for i := range rapid.IntRange(0, 12).Draw(t, "machines") {
		machines = append(machines, machine(usage.ServerID(rapid.IntRange(1, 2).Draw(t, "server")), fmt.Sprintf("id-%d", i), fmt.Sprintf("host%d.contoso.local", i),
			rapid.SampledFrom(kinds).Draw(t, "type"), rapid.SampledFrom(states).Draw(t, "state")))
	}
	return machines
}

// exported writes those that are counted, as another program would that knows the same.
func exported(machines []statement.Workload, withIDs bool) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"Company", "Server", "Machine", "Id", "Type", "New"})
	for i := range machines {
		m := &machines[i]
		if !m.Answers {
			continue
		}
		id := ""
		if withIDs {
			id = m.ID
		}
		_ = w.Write([]string{"northwind", "", strings.ToUpper(m.Name), id, m.Type, map[bool]string{true: "x"}[m.State == metering.New]})
	}
	w.Flush()
	return b.String()
}

// places gives whose side which machine is only on.
func places(t *rapid.T, mapping, text string, p compare.Party) (list []string) {
	m, err := compare.ParseMapping([]byte(mapping), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	f, err := compare.ReadCSV([]byte(text), m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := compare.Compare([]compare.Party{p}, &f, catalogue, october)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if (row.State == compare.Equal) != (len(row.Places) == 0) {
			t.Fatalf("%s is %s, with %v", row.Type, row.State, row.Places)
		}
		for _, place := range row.Places {
			list = append(list, fmt.Sprintf("%s %s %s", place.Side, row.Type, strings.ToLower(place.Name)))
		}
	}
	if len(r.Unmatched) > 0 {
		t.Fatalf("unmatched: %v", r.Unmatched)
	}
	slices.Sort(list)
	return list
}

// A month compared with itself differs in nothing; what is taken out, added or changed is found, and nothing else.
func TestDifferencesAreFoundExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		machines, withIDs := random(t), rapid.Bool().Draw(t, "ids")
		ours := northwind(machines...)
		if got := places(t, machinesMapping, exported(machines, withIDs), ours); len(got) > 0 {
			t.Fatalf("with itself: %v", got)
		}
		theirs := slices.Clone(machines)
		var want []string
		added := machine(1, "another", "another", vm, metering.Used)
		counted := slices.DeleteFunc(slices.Clone(machines), func(w statement.Workload) bool { return !w.Answers })
		change := rapid.SampledFrom([]string{"add", "remove", "retype", "age"}).Draw(t, "change")
		if len(counted) == 0 {
			change = "add"
		}
		if change == "add" {
			theirs, want = append(theirs, added), []string{"onlyThere " + vm + " another"}
		} else {
			one := rapid.SampledFrom(counted).Draw(t, "machine")
			i := slices.IndexFunc(theirs, func(w statement.Workload) bool { return w.Ref == one.Ref })
			here := fmt.Sprintf("onlyHere %s %s", one.Type, one.Name)
			switch change {
			case "remove":
				theirs, want = slices.Delete(theirs, i, i+1), []string{here}
			case "retype":
				theirs[i].Type = "CC_Server_Backup"
				want = []string{here, "onlyThere CC_Server_Backup " + one.Name}
			case "age":
				theirs[i].State = map[metering.State]metering.State{metering.Used: metering.New, metering.New: metering.Used}[one.State]
				want = []string{here, fmt.Sprintf("onlyThere %s %s", one.Type, one.Name)}
			}
		}
		slices.Sort(want)
		if got := places(t, machinesMapping, exported(theirs, withIDs), ours); !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", change, got, want)
		}
	})
}

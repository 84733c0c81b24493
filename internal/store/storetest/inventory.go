package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/store"
)

// fullInventory is one in which nothing is zero, and what is as of an instant says so.
func fullInventory(server usage.ServerID, at time.Time) fleet.Inventory {
	n := int64(at.Day())
	i := fleet.Inventory{
		Server: server, At: at, Failed: "why",
		Repositories: []fleet.Repository{{UID: "r1", Name: "Main", Health: fleet.RepositoryWarning, Capacity: ref(3 * n), Free: ref(2 * n), Used: ref(n)}},
		Jobs: []fleet.Job{{
			UID: "j1", Name: "Nightly", Type: "VSphereBackup", Workload: "Vm", Schedule: "Daily", Enabled: true, Running: true, Result: fleet.JobFailed,
			LastRun: ref(at.Add(-time.Hour)), EndedAt: ref(at), Objects: n, Duration: ref(time.Hour + time.Microsecond), Rate: ref(n), Transferred: ref(2 * n),
			Bottleneck: "Source",
		}, {UID: "j2", Name: "Second"}},
	}
	i.Normalize()
	return i
}

// inventory is all that the port tells.
type inventory struct {
	States       []fleet.InventoryState
	Repositories []fleet.Repository
	Jobs         []fleet.Job
}

func inventoryIn(t testing.TB, s store.Store) inventory {
	t.Helper()
	return inventory{
		must1(s.Inventories(t.Context()))(t), must1(s.Repositories(t.Context()))(t), must1(s.Jobs(t.Context()))(t),
	}
}

// bare is an inventory of things of which only the ids matter.
func bare(server usage.ServerID, uids ...string) fleet.Inventory {
	i := fleet.Inventory{Server: server, At: day(2, 0), Repositories: []fleet.Repository{}, Jobs: []fleet.Job{}}
	for _, uid := range uids {
		i.Repositories = append(i.Repositories, fleet.Repository{UID: uid})
		i.Jobs = append(i.Jobs, fleet.Job{UID: uid})
	}
	i.Normalize()
	return i
}

// numbersOf gives the numbers of what is present, by the server's own ids.
func numbersOf(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	numbers := make(map[string]string)
	for _, r := range must1(s.Repositories(t.Context()))(t) {
		numbers[fmt.Sprint(r.Server, " ", r.UID)] = fmt.Sprint(r.ID)
	}
	for _, j := range must1(s.Jobs(t.Context()))(t) {
		numbers[fmt.Sprint(j.Server, " ", j.UID)] += fmt.Sprint("/", j.ID)
	}
	return numbers
}

var inventoryTests = map[string]func(*testing.T, store.Store){
	"an inventory comes back whole": func(t *testing.T, s store.Store) {
		server := newServer(t, s, "a", newCompany(t, s, "a").ID).ID
		wantEqual(t, inventory{Repositories: []fleet.Repository{}, Jobs: []fleet.Job{}}, inventoryIn(t, s))
		i := fullInventory(server, day(4, 0))
		i.Jobs = i.Jobs[:1]
		must(t, s.ReplaceInventory(t.Context(), i))
		r, j := i.Repositories[0], i.Jobs[0]
		r.ID, j.ID = 1, 1
		state := fleet.InventoryState{
			Server: server, RepositoriesAt: &i.At, JobsAt: &i.At, Failed: "why", Repositories: []fleet.RepositoryID{1}, Jobs: []fleet.JobID{1},
		}
		for _, v := range []any{r, j, state} {
			nonZero(t, v)
		}
		wantEqual(t, inventory{[]fleet.InventoryState{state}, []fleet.Repository{r}, []fleet.Job{j}}, inventoryIn(t, s))
		wantEqual(t, r, must1(s.Repository(t.Context(), 1))(t))
		wantEqual(t, j, must1(s.Job(t.Context(), 1))(t))
		later := fullInventory(server, day(5, 0)) // every value changes
		later.Jobs = later.Jobs[:1]
		later.Repositories[0].Health, later.Repositories[0].Name, later.Failed = fleet.RepositoryOK, "other", ""
		later.Jobs[0] = fleet.Job{Server: server, UID: "j1"}
		must(t, s.ReplaceInventory(t.Context(), later))
		r, j = later.Repositories[0], later.Jobs[0]
		r.ID, j.ID = 1, 1
		state.RepositoriesAt, state.JobsAt, state.Failed = &later.At, &later.At, ""
		wantEqual(t, inventory{[]fleet.InventoryState{state}, []fleet.Repository{r}, []fleet.Job{j}}, inventoryIn(t, s))
	},
	"numbers are given once and kept": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		one, two := newServer(t, s, "a", c).ID, newServer(t, s, "b", c).ID
		must(t, s.ReplaceInventory(t.Context(), bare(one, "x", "y")))
		must(t, s.ReplaceInventory(t.Context(), bare(two, "x"))) // another server's x is another thing
		wantEqual(t, map[string]string{"1 x": "1/1", "1 y": "2/2", "2 x": "3/3"}, numbersOf(t, s))
		must(t, s.ReplaceInventory(t.Context(), bare(one, "z", "y")))
		must(t, s.ReplaceInventory(t.Context(), bare(two)))
		wantEqual(t, map[string]string{"1 y": "2/2", "1 z": "4/4"}, numbersOf(t, s))
		_, err := s.Repository(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "no backup repository 1")
		_, err = s.Job(t.Context(), 1)
		wantCode(t, err, fault.NotFound, "no job 1")
		states := must1(s.Inventories(t.Context()))(t)
		wantEqual(t, []fleet.RepositoryID{2, 4}, states[0].Repositories)
		wantEqual(t, []fleet.JobID{2, 4}, states[0].Jobs)
		wantEqual(t, 0, len(states[1].Repositories)+len(states[1].Jobs))
		must(t, s.ReplaceInventory(t.Context(), bare(one, "new", "x")))
		must(t, s.ReplaceInventory(t.Context(), bare(two, "x")))
		wantEqual(t, map[string]string{"1 new": "5/5", "1 x": "1/1", "2 x": "3/3"}, numbersOf(t, s))
	},
	"what was not read stays with its time": func(t *testing.T, s store.Store) {
		server := newServer(t, s, "a", newCompany(t, s, "a").ID).ID
		must(t, s.ReplaceInventory(t.Context(), bare(server, "x")))
		must(t, s.ReplaceInventory(t.Context(), fleet.Inventory{Server: server, At: day(3, 0), Failed: "both"}))
		state := fleet.InventoryState{
			Server: server, RepositoriesAt: ref(day(2, 0)), JobsAt: ref(day(2, 0)), Failed: "both", Repositories: []fleet.RepositoryID{1}, Jobs: []fleet.JobID{1},
		}
		wantEqual(t, []fleet.InventoryState{state}, must1(s.Inventories(t.Context(), server))(t))
		must(t, s.ReplaceInventory(t.Context(), fleet.Inventory{Server: server, At: day(4, 0), Failed: "repositories", Jobs: []fleet.Job{}}))
		state.JobsAt, state.Failed, state.Jobs = ref(day(4, 0)), "repositories", nil
		wantEqual(t, []fleet.InventoryState{state}, must1(s.Inventories(t.Context(), server))(t))
		wantEqual(t, map[string]string{"1 x": "1"}, numbersOf(t, s))
	},
	"of a server that never said one there is none": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a").ID
		one, two := newServer(t, s, "a", c).ID, newServer(t, s, "b", c).ID
		must(t, s.ReplaceInventory(t.Context(), fleet.Inventory{Server: one, At: day(2, 0), Failed: "denied"}))
		wantEqual(t, []fleet.InventoryState{{Server: one, Failed: "denied"}}, must1(s.Inventories(t.Context(), one, two))(t))
		wantEqual(t, 0, len(must1(s.Inventories(t.Context(), two))(t)))
		wantCode(t, s.ReplaceInventory(t.Context(), bare(99, "x")), fault.NotFound, "no server 99")
		wantEqual(t, 0, len(numbersOf(t, s)))
	},
	"an inventory throws no answer away": func(t *testing.T, s store.Store) {
		server := newServer(t, s, "a", newCompany(t, s, "a").ID).ID
		head := must1(s.Head(t.Context()))(t)
		must(t, s.ReplaceInventory(t.Context(), fullInventory(server, day(4, 0))))
		wantEqual(t, head, must1(s.Head(t.Context()))(t))
	},
}

// inventoryTwice: of two that replace at once, one is there whole afterwards, and no number stands for two things.
func inventoryTwice(t *testing.T, a, b store.Store) {
	c := newCompany(t, a, "a").ID
	servers := []usage.ServerID{newServer(t, a, "a", c).ID, newServer(t, a, "b", c).ID}
	uids := [][]string{{"x", "y"}, {"y", "z"}}
	given := make(map[string]string)
	for range 10 {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			s := []store.Store{a, b}[i%2]
			wg.Go(func() { errs[i] = s.ReplaceInventory(t.Context(), bare(servers[i/2], uids[i%2]...)) })
		}
		wg.Wait()
		for _, err := range errs {
			must(t, err)
		}
		numbers := numbersOf(t, b)
		wantEqual(t, numbers, numbersOf(t, a))
		for _, server := range servers {
			_, x := numbers[fmt.Sprint(server, " x")]
			_, z := numbers[fmt.Sprint(server, " z")]
			if x == z || numbers[fmt.Sprint(server, " y")] == "" {
				t.Fatalf("server %d has half of one and half of the other: %v", server, numbers)
			}
		}
		of := make(map[string]string)
		for thing, number := range numbers {
			if before := given[thing]; before != "" && before != number || of[number] != "" {
				t.Fatalf("%s was number %q and is %q: %v", thing, before, number, numbers)
			}
			given[thing], of[number] = number, thing
		}
	}
}

package main

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
)

const (
	daysPerMonth = 30
	second       = int64(1e6) // times are microseconds, as in the ledger
	day          = 86400 * second
	epoch        = 1_700_000_000 * second
)

// workload is one row of a list; last is the date of last protection in whole seconds.
type workload struct {
	id                         [16]byte
	name, host, kind, platform string
	units                      int64
	first, last                int64
}

// reading is what one server said at one time.
type reading struct {
	server                    int
	position, taken, recorded int64
	list                      []workload
}

// fleet makes readings from a seed: servers that lose 2 % of their workloads a month to new ones, read once a day.
type fleet struct {
	random   *rand.Rand
	lists    [][]workload
	moving   bool
	frozen   bool // no workload is replaced
	days     int
	position int64
	serial   int
}

func newFleet(servers, workloads int, moving bool) *fleet {
	f := &fleet{random: rand.New(rand.NewPCG(1, 2)), lists: make([][]workload, servers), moving: moving} //nolint:gosec // the same data in every run
	for s := range f.lists {
		for range workloads {
			f.lists[s] = append(f.lists[s], f.newWorkload(s))
		}
	}
	return f
}

func (f *fleet) newWorkload(server int) workload {
	kinds := []string{"vmware.vm", "vmware.vm", "vmware.vm", "hyperv.vm", "agent.server", "agent.workstation"}
	roles := []string{"web", "db", "files", "mail", "build", "dc", "erp", "print"}
	f.serial++
	n := f.random.IntN(len(kinds))
	w := workload{
		name: fmt.Sprintf("%s-%s-%04d", roles[f.random.IntN(len(roles))], []string{"muc", "ber", "ham", "fra"}[f.random.IntN(4)], f.serial%10000),
		host: fmt.Sprintf("esx%02d.dc%d.example.net", f.random.IntN(8), server),
		kind: kinds[n], platform: kinds[n][:5], units: 1_000_000 * int64(1+f.random.IntN(3)),
		first: epoch/second + int64(f.days)*86400 - f.random.Int64N(86400),
	}
	w.last = w.first
	for i := range w.id {
		w.id[i] = byte(f.random.Uint32() & 0xff)
	}
	return w
}

// nextDay gives one reading per server.
func (f *fleet) nextDay(each func(reading) error) error {
	for s := range f.lists {
		if f.days > 0 {
			f.lists[s] = f.nextList(s)
		}
		f.position++
		taken := epoch + int64(f.days)*day + int64(s)*second + f.random.Int64N(30*second)
		r := reading{server: s, position: f.position, taken: taken, recorded: taken + f.random.Int64N(2*second), list: f.lists[s]}
		if err := each(r); err != nil {
			return err
		}
	}
	f.days++
	return nil
}

func (f *fleet) nextList(server int) []workload {
	old := f.lists[server]
	list := old
	copied := false
	change := func() {
		if !copied {
			list, copied = append([]workload(nil), old...), true
		}
	}
	for i := range old {
		switch {
		case !f.frozen && f.random.Float64() < 0.02/daysPerMonth:
			change()
			list[i] = f.newWorkload(server)
		case f.moving:
			change()
			list[i].last += 86400 - 600 + f.random.Int64N(1201)
		}
	}
	return list
}

// checksum of a list does not depend on its order.
func checksum(seed maphash.Seed, list []workload) uint64 {
	var sum uint64
	for i := range list {
		sum += maphash.Comparable(seed, list[i])
	}
	return sum
}

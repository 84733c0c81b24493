package series

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Prepared is a snapshot made ready to be appended: all that needs no lock.
type Prepared struct {
	taken        int64
	offset       int64
	head         string
	installation string
	counted      bool
	listed       bool
	workloads    []usage.Workload // by tenant, then id

	headDigest, listDigest, columnsDigest digest
}

// Prepare makes a normalized snapshot ready. It keeps the list, which must not be changed afterwards.
func Prepare(s *usage.Snapshot) *Prepared {
	p := &Prepared{
		taken: s.TakenAt.UnixMicro(), offset: none, installation: s.Server.InstallationID,
		counted: len(s.Counters) > 0, listed: s.Workloads != nil, workloads: sorted(s.Workloads),
	}
	if s.Server.ClockOffset != nil {
		p.offset = s.Server.ClockOffset.Milliseconds()
	}
	head := *s
	head.TakenAt, head.Server.ClockOffset, head.Workloads = time.Time{}, nil, nil
	p.head = string(head.CanonicalHead())
	p.headDigest = digestOf([]byte(p.head))
	if p.listed {
		p.listDigest, p.columnsDigest = digests(p.workloads)
	}
	return p
}

// TakenAt is the snapshot's takenAt.
func (p *Prepared) TakenAt() time.Time { return time.UnixMicro(p.taken).UTC() }

// At is the same reading taken at another instant.
func (p *Prepared) At(taken time.Time) *Prepared {
	other := *p
	other.taken = taken.UnixMicro()
	return &other
}

// Installation is the id that the server said.
func (p *Prepared) Installation() string { return p.installation }

// sorted gives a list by tenant, then id; one that is so already is not copied.
func sorted(list []usage.Workload) []usage.Workload {
	for i := 1; i < len(list); i++ {
		if compareKeys(&list[i-1], &list[i]) > 0 {
			return sortedCopy(list)
		}
	}
	return list
}

// sortedCopy sorts places, for the workloads are large.
func sortedCopy(list []usage.Workload) []usage.Workload {
	order := make([]int32, len(list))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return compareKeys(&list[a], &list[b]) })
	copied := make([]usage.Workload, len(list))
	for i, at := range order {
		copied[i] = list[at]
	}
	return copied
}

func compareKeys(a, b *usage.Workload) int {
	if a.Tenant != b.Tenant {
		return strings.Compare(a.Tenant, b.Tenant)
	}
	return strings.Compare(a.ID, b.ID)
}

// digestOf tells contents apart. It is no defence against who makes two that have one digest: that could as well lie.
func digestOf(b []byte) digest { return xxh3.Hash128(b).Bytes() }

// lines are where lists are written down to be digested.
var lines = sync.Pool{New: func() any { return new([2][]byte) }}

// digests tell two lists apart: by what is still of their workloads, and by their columns.
func digests(list []usage.Workload) (still, moving digest) {
	work, _ := lines.Get().(*[2][]byte)
	texts, columns := work[0][:0], work[1][:0]
	before := &usage.Workload{}
	for i := range list {
		w := &list[i]
		texts = appendStill(texts, w, before)
		for _, n := range numbersOf(w) {
			columns = binary.LittleEndian.AppendUint64(columns, uint64(n)) //nolint:gosec // the bits are what is meant
		}
		before = w
	}
	still, moving = digestOf(texts), digestOf(columns)
	*work = [2][]byte{texts, columns}
	lines.Put(work)
	return still, moving
}

// What a line of a list leaves out.
const (
	likeBeforeHost = 1 << (iota + 4) // above the flags of a workload
	likeBeforeType
	likeBeforePlatform
	noMachineNorTenant
)

// appendStill writes a line down: what it repeats of the one before as a bit, which makes it much shorter.
func appendStill(b []byte, w, before *usage.Workload) []byte {
	at := len(b)
	b = append(b, flagsOf(w))
	b = appendText(appendText(b, w.ID), w.Name)
	if w.Host == before.Host {
		b[at] |= likeBeforeHost
	} else {
		b = appendText(b, w.Host)
	}
	if w.Type == before.Type {
		b[at] |= likeBeforeType
	} else {
		b = appendText(b, w.Type)
	}
	if w.Platform == before.Platform {
		b[at] |= likeBeforePlatform
	} else {
		b = appendText(b, w.Platform)
	}
	if w.MachineID == "" && w.Tenant == "" {
		b[at] |= noMachineNorTenant
		return b
	}
	return appendText(appendText(b, w.MachineID), w.Tenant)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// tenantsOf gives the distinct tenants of a list, sorted.
func tenantsOf(list []usage.Workload) []string {
	var names []string
	for i := range list { // sorted by tenant
		if name := list[i].Tenant; len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// headEnd completes a stored head to what ParseSnapshot reads: the list is kept apart.
const headEnd = `,"workloads":null}`

// parseHead makes a snapshot without its list from a stored head, its instant and the clock's offset.
func parseHead(head string, taken, offset int64) (*usage.Snapshot, error) {
	if head == "" {
		return nil, errDamaged("a reading lacks its head")
	}
	s, err := usage.ParseSnapshot([]byte(head[:len(head)-1] + headEnd))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "a stored reading cannot be read: the database is damaged")
	}
	s.TakenAt = time.UnixMicro(taken).UTC()
	if offset != none {
		o := time.Duration(offset) * time.Millisecond
		s.Server.ClockOffset = &o
	}
	return &s, nil
}

// Snapshot gives the latest reading in force without its list; nil when there is none.
func (s *Summary) Snapshot() (*usage.Snapshot, error) {
	if !s.Read {
		return nil, nil //nolint:nilnil // nothing read yet is no failure
	}
	return parseHead(s.head, s.Taken, s.offset)
}

// headListsNew reads one member out of a stored head: quotes inside its texts are escaped, so that nothing else looks so.
func headListsNew(head string) bool { return strings.Contains(head, `"listsNew":true`) }

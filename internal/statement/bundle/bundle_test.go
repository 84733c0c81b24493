package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// A statement with something of everything (two month's ends, peaks, counters, a shared server, gaps, adjustments) is
// counted again from its bundle alone; any zip program reads it; nothing of another company is in it.
func TestEverythingIsCountedAgain(t *testing.T) {
	t.Parallel()
	w, c := rich(t)
	m := w.export(c, september, 0)
	r := whole(t, m.Data, w.fingerprint())
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "form key signature checksums parts recount workloads evidence statement rows readme catalogue chain" {
		t.Errorf("looked at: %s", got)
	}
	if n := len(m.Statement.Content.Rows); n != 8 {
		t.Fatalf("%d rows: it is not the story that it was", n)
	}
	z, err := zip.NewReader(bytes.NewReader(m.Data), int64(len(m.Data)))
	w.check(err)
	for i, f := range z.File {
		body, err := f.Open()
		w.check(err)
		content, err := io.ReadAll(body)
		w.check(err)
		if want := r.Bundle.files[f.Name].body; !bytes.Equal(content, want) || f.Method != zip.Store {
			t.Errorf("file %d, %s, is read by others as something else", i, f.Name)
		}
		for _, other := range []string{"contoso", "Contoso", "nobody", "of all", "4711"} {
			if bytes.Contains(content, []byte(other)) {
				t.Errorf("%s tells of %s", f.Name, other)
			}
		}
	}
	if want := "company,month,number,product,type,unit,used,usedUnits,new,newUnits,rental,rentalUnits,billed,billedUnits,peakAt\r\n" +
		"2,2026-09,1,vbr,VBR_vSphere_VM,Instances,7,7,1,1,0,0,6,6,\r\n"; !strings.HasPrefix(string(r.Bundle.files[csvFile].body), want) {
		t.Errorf("%s", r.Bundle.files[csvFile].body)
	}
}

// Exported again it is the same file, whatever was learned, renamed or rotated since.
func TestSameStatementSameBytes(t *testing.T) {
	t.Parallel()
	w, c := rich(t)
	first := w.export(c, september, 0)
	if again := w.export(c, september, 1); first.Again || !again.Again || !bytes.Equal(first.Data, again.Data) {
		t.Errorf("%v, %v; the same bytes: %v", first.Again, again.Again, bytes.Equal(first.Data, again.Data))
	}
	name := "renamed"
	_, err := w.fleet.EditCompany(t.Context(), c, fleet.CompanyEdit{Name: &name})
	w.check(err)
	servers, err := w.store.Servers(t.Context())
	w.check(err)
	for _, v := range servers {
		name, domain := "new name of "+v.Name, "new domain"
		_, err := w.fleet.EditServer(t.Context(), v.ID, fleet.ServerEdit{Name: &name, Domain: &domain, From: day(9, 2)})
		w.check(err)
		entries, err := w.store.Entries(t.Context(), v.ID, day(1, 1), day(12, 31))
		w.check(err)
		for _, e := range entries[:min(1, len(entries))] {
			_, err := w.Ledger.Correct(t.Context(), ledger.Correction{Entry: e.Position, Reason: "r", Actor: "a"})
			w.check(err)
		}
		w.read(v.ID, day(9, 17).Add(time.Duration(v.ID)*time.Second), machines("VAC_Server_Agent", 9))
		w.check(w.gap(v.ID, day(9, 18)))
	}
	w.server(fleet.NewServer{Name: "CLONE", Company: c})
	w.check(w.fleet.SetLicensees(t.Context(), nil))
	w.keys = keyring{newSigner(2), newSigner(1)}
	late := w.export(c, september, 0)
	if !bytes.Equal(first.Data, late.Data) {
		a, _ := open(first.Data)
		b, _ := open(late.Data)
		for i := range a {
			if !bytes.Equal(a[i].body, b[i].body) {
				t.Errorf("%s is another one:\n%s\n%s", a[i].name, a[i].body, b[i].body)
			}
		}
	}
}

// small is a final statement whose bundle is about 20 kB.
func small(t *testing.T) (*world, usage.CompanyID) {
	t.Helper()
	w := newWorld(t)
	w.check(w.fleet.SetZone(t.Context(), "UTC"))
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	for d := range 4 {
		w.read(v, day(9, 27+d), machines("VBR_vSphere_VM", 6))
	}
	w.check(w.gap(v, day(9, 20)))
	w.finalise(c, september)
	return w, c
}

// Each bit of a bundle counts: one that flips, and it does not hold.
func TestEveryBit(t *testing.T) {
	t.Parallel()
	w, c := small(t)
	data := w.export(c, september, 0).Data
	whole(t, data, w.fingerprint())
	if len(data) < 18_000 || len(data) > 24_000 {
		t.Errorf("it has %d bytes, and is meant to have 20 kB", len(data))
	}
	fingerprint := w.fingerprint()
	var wg sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	for part := range parts {
		wg.Go(func() {
			changed := bytes.Clone(data)
			for bit := part; bit < len(data)*8; bit += parts {
				changed[bit/8] ^= 1 << (bit % 8)
				if r := Verify(t.Context(), changed, fingerprint); r.OK() {
					t.Errorf("bit %d is another one, and the bundle holds", bit)
				}
				changed[bit/8] ^= 1 << (bit % 8)
			}
		})
	}
	wg.Wait()
	for length := range data {
		if r := Verify(t.Context(), data[:length], fingerprint); r.OK() {
			t.Errorf("cut to %d bytes it holds", length)
		}
	}
	if r := Verify(t.Context(), append(bytes.Clone(data), 0), fingerprint); r.OK() {
		t.Error("with a byte behind it, it holds")
	}
}

// A byte that is changed in any of the files, in an archive that is whole, is told by checksums, signature or key.
func TestEveryByteOfEveryFile(t *testing.T) {
	t.Parallel()
	w, c := small(t)
	files, err := open(w.export(c, september, 0).Data)
	w.check(err)
	fingerprint := w.fingerprint()
	for i := range files {
		t.Run(strings.ReplaceAll(files[i].name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			changed := append([]file{}, files...)
			changed[i].body = bytes.Clone(files[i].body)
			for at := range changed[i].body {
				changed[i].body[at] ^= 1
				r := Verify(t.Context(), pack(changed), fingerprint)
				if last := r.Findings[len(r.Findings)-1]; r.OK() || last.OK || last.Name != "key" && last.Name != "signature" && last.Name != "checksums" {
					t.Fatalf("byte %d: %+v", at, r.Findings)
				}
				changed[i].body[at] ^= 1
			}
		})
	}
}

// Whoever signs all of it anew, with another key, is told from the provider by the fingerprint.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	w, c := small(t)
	files, err := open(w.export(c, september, 0).Data)
	w.check(err)
	for i := range files {
		if files[i].name == keyFile {
			files[i].body = publicPEM(newSigner(9).Public())
		}
	}
	forged := pack(sign(files[:len(files)-2], newSigner(9)))
	r := Verify(t.Context(), forged, w.fingerprint())
	if text := strings.Join(r.wrong(), ""); !strings.HasPrefix(text, "key: it was signed with the key "+Fingerprint(newSigner(9).Public())) || r.Bundle != nil {
		t.Errorf("%s", text)
	}
	whole(t, forged, Fingerprint(newSigner(9).Public())) // by itself it holds: the fingerprint is all that tells
}

// months makes three final months of the small company; September was superseded when October was final already.
func months(t *testing.T) (*world, usage.CompanyID) {
	t.Helper()
	w, c := small(t)
	w.read(1, day(10, 31), machines("VBR_vSphere_VM", 7))
	w.finalise(c, october)
	w.read(1, day(9, 30).Add(time.Hour), machines("VBR_vSphere_VM", 8))
	w.now = day(11, 10)
	_, err := w.Supersede(t.Context(), c, september, "jane", "late reading")
	w.check(err)
	w.finalise(c, september)
	w.read(1, day(11, 30), machines("VBR_vSphere_VM", 9))
	w.finalise(c, november)
	return w, c
}

// Each bundle names the one before it, and the one that it replaces; those that were never made are made for it.
func TestChain(t *testing.T) {
	t.Parallel()
	w, c := months(t)
	last := w.export(c, november, 0)
	second := w.export(c, september, 2)
	links := map[string]Previous{}
	for _, m := range []Made{w.export(c, september, 1), second, w.export(c, october, 0), last} {
		r := whole(t, m.Data, w.fingerprint())
		links[fmt.Sprint(m.Statement.Month, " ", m.Statement.Number)] = r.Bundle.Previous
		asked := m.Statement.Month == "2026-11" || m.Statement.Number == 2 // the others were made for these
		if m.Record.SHA256 != Sum(m.Data) || m.Again == asked {
			t.Errorf("%+v, again: %v", m.Record, m.Again)
		}
	}
	link := func(month usage.Month, number int) *Link {
		return &Link{month.String(), number, Sum(w.export(c, month, number).Data)}
	}
	same(t, map[string]Previous{
		"2026-09 1": {}, "2026-09 2": {Replaces: link(september, 1)},
		"2026-10 1": {Before: link(september, 1)}, // which counted when October became final
		"2026-11 1": {Before: link(october, 1)},
	}, links)
}

// Keys come and go: each bundle keeps its own.
func TestRotation(t *testing.T) {
	t.Parallel()
	w, c := months(t)
	old := w.export(c, september, 1)
	w.keys = keyring{newSigner(2), newSigner(1)}
	now := w.export(c, october, 0)
	whole(t, now.Data, Fingerprint(newSigner(2).Public()))
	if again := w.export(c, september, 1); !bytes.Equal(again.Data, old.Data) {
		t.Error("the old bundle is another one now")
	}
	w.keys = w.keys[:1]
	if _, err := w.exporter().Export(t.Context(), c, september, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("without its key: %v", err)
	}
	m := w.export(c, november, 0)
	whole(t, m.Data, Fingerprint(newSigner(2).Public()))
}

// What is not final is not exported, and neither is what would be another bundle than the one that was handed out.
func TestExportRefuses(t *testing.T) {
	t.Parallel()
	w, c := months(t)
	w.now = day(12, 20)
	w.read(1, day(11, 30).Add(time.Hour), machines("VBR_vSphere_VM", 3))
	_, err := w.Supersede(t.Context(), c, november, "jane", "late")
	w.check(err)
	refused := func(month usage.Month, number int, code fault.Code, say string) {
		t.Helper()
		if _, err := w.exporter().Export(t.Context(), c, month, number); !fault.Is(err, code) || !strings.Contains(err.Error(), say) {
			t.Errorf("%s, %d: %v", month, number, err)
		}
	}
	refused(november, 0, fault.Conflict, "is draft: only a final one is exported")
	refused(november, 3, fault.NotFound, "")
	w.check(w.store.RecordExport(t.Context(), statement.Exported{
		Key: statement.Key{Company: c, Month: september, Number: 1}, SHA256: strings.Repeat("ab", 32), Signer: w.fingerprint(),
	}))
	refused(september, 1, fault.Conflict, "that was exported first has the SHA-256 abababab")
	// What the ledger does not say any more is not signed.
	kept, err := w.store.Statement(t.Context(), c, november, 1)
	w.check(err)
	kept.Content.Rows[0].Used.Count++
	evidence := func(ctx context.Context, visit func(statement.Evidence) error) error {
		return w.From(ctx, c, kept.Cutoff, visit)
	}
	contents := Contents{Statement: kept, Evidence: evidence, Policy: w.Policy, Signer: w.keys[0]}
	if _, err := Write(t.Context(), contents); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "recount: row VBR_vSphere_VM Instances (vbr): the statement says used 10") {
		t.Errorf("%v", err)
	}
}

// Whatever was read, of whichever zone: what is exported counts to the same from its file.
func TestRandomMonths(t *testing.T) {
	t.Parallel()
	for seed := range uint64(randomMonths) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			w.check(w.fleet.SetZone(t.Context(), []string{"UTC", "Asia/Kolkata", "America/New_York"}[random.IntN(3)]))
			c, other := w.company("Northwind", fleet.Tenant{Name: "a"}, fleet.Tenant{Name: "b"}), w.company("Contoso")
			types := map[usage.Product][]string{
				usage.ProductVBR:          {"VBR_vSphere_VM", "VBR_Server_Agent", "Toaster", "VBR_Nas_Backup"},
				usage.ProductCloudConnect: {"CC_Server_Backup", "CC_VM_Replica"},
				usage.ProductConsole:      {"VAC_Server_Agent", "VAC_Workstation_Agent", "Toaster"},
			}
			var servers []usage.ServerID
			for i := range 7 {
				n := fleet.NewServer{Name: fmt.Sprint("S", i), Product: usage.Products()[i%3], Shared: i%5 == 4, Domain: []string{"", "d"}[random.IntN(2)]}
				if !n.Shared {
					n.Company = c
				}
				servers = append(servers, w.server(n))
			}
			for range 70 {
				w.now = w.now.Add(time.Duration(1+random.IntN(1400)) * time.Minute)
				id := servers[random.IntN(len(servers))]
				w.read(id, w.now, func(s *usage.Snapshot) { fill(s, types[s.Product], random) })
				if random.IntN(9) == 0 {
					w.check(w.gap(id, w.now))
				}
				if random.IntN(5) == 0 {
					w.edit(random, c, other, servers)
				}
			}
			for _, of := range []usage.CompanyID{c, other, usage.Unassigned} {
				for _, month := range []usage.Month{september, october} {
					w.finalise(of, month)
					whole(t, w.export(of, month, 0).Data, w.fingerprint())
				}
			}
		})
	}
}

// What is known at the end of the month, for the rest of the statement, is no instant at which a peak may lie (C37): the
// recount looks at the same instants as the count.
func TestPeaksOfMovedServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.company("Northwind"), w.company("Contoso")
	own := w.server(fleet.NewServer{Name: "OWN", Company: c, Product: usage.ProductConsole})
	moved := w.server(fleet.NewServer{Name: "MOVED", Company: other, Product: usage.ProductConsole})
	w.read(own, day(9, 20), machines("VAC_Server_Agent", 2))
	w.read(moved, day(9, 21), machines("VAC_Server_Agent", 5))
	_, err := w.fleet.EditServer(t.Context(), moved, fleet.ServerEdit{Company: &c, From: day(9, 25)})
	w.check(err)
	s := w.finalise(c, september)
	if r := s.Content.Rows; len(r) != 1 || r[0].Used.Count != 2 || !r[0].PeakAt.Equal(day(9, 20)) {
		t.Errorf("%+v", r)
	}
	whole(t, w.export(c, september, 0).Data, w.fingerprint())
}

// edit changes something dated, mostly from an earlier time on. What the fleet refuses is left alone.
func (w *world) edit(random *rand.Rand, c, other usage.CompanyID, servers []usage.ServerID) {
	w.t.Helper()
	from := w.now.AddDate(0, 0, -random.IntN(30))
	e := fleet.ServerEdit{From: from}
	owner, domain, interval := []usage.CompanyID{c, other}[random.IntN(2)], []string{"", "d"}[random.IntN(2)], time.Duration(1+random.IntN(90))*time.Hour
	authority := []metering.Authority{metering.Reported, metering.Computed}[random.IntN(2)]
	name := []string{"a", "b", "c"}[random.IntN(3)]
	switch random.IntN(7) {
	case 0:
		e.Company = &owner
	case 1:
		e.Domain, e.Authority = &domain, &authority
	case 2:
		e.Interval = &interval
	case 3:
		_, _ = w.fleet.EditCompany(w.t.Context(), owner, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: name}}, From: from})
		return
	case 4:
		_, _ = w.fleet.EditCompany(w.t.Context(), owner, fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Name: name}}, From: from})
		return
	case 5:
		w.check(w.fleet.SetLicensees(w.t.Context(), []string{[]string{"Provider <&> Ltd", "Somebody"}[random.IntN(2)]}))
		return
	case 6:
		_ = w.fleet.RemoveServer(w.t.Context(), servers[len(servers)-1], from)
		return
	}
	_, _ = w.fleet.EditServer(w.t.Context(), servers[random.IntN(len(servers))], e)
}

func fill(s *usage.Snapshot, types []string, random *rand.Rand) {
	for _, typ := range types {
		machines(typ, random.IntN(5))(s)
	}
	for i := range s.Workloads {
		wl := &s.Workloads[i]
		wl.Tenant, wl.RentalCovered = []string{"a", "b", "c"}[random.IntN(3)], random.IntN(3) == 0
		if random.IntN(3) == 0 {
			wl.FirstProtectedAt = nil
		}
		if random.IntN(4) == 0 {
			wl.MachineID = fmt.Sprint("m", random.IntN(3))
		}
		if size := usage.Units(random.IntN(2000)) * usage.One / 3; random.IntN(2) == 0 {
			wl.SizeGB = &size
		}
	}
	s.License.Unit = []usage.UnitKind{usage.Instances, usage.Points}[random.IntN(2)]
	s.License.Type = []usage.LicenseType{usage.LicenseRental, "Subscription", "NFR"}[random.IntN(3)]
	if random.IntN(3) == 0 {
		for _, typ := range types {
			s.Counters = append(s.Counters, usage.Counter{Type: typ, Used: int64(random.IntN(9)), New: int64(random.IntN(3)), Rental: int64(random.IntN(3))})
		}
		if random.IntN(2) == 0 {
			s.Workloads = nil
		}
	}
}

var update = flag.Bool("update", false, "write the bundle that the form is held against: only where it may change")

// golden is a bundle as this version wrote it first.
const golden = "testdata/first.zip"

// The form does not change: a bundle that was written once is written so for ever, else it could not be exported again,
// and it holds for ever.
func TestFormStays(t *testing.T) {
	t.Parallel()
	w, c := small(t)
	data := w.export(c, september, 0).Data
	if *update {
		w.check(os.WriteFile(golden, data, 0o600))
	}
	kept, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (SHA-256 of what is written now: %s)", err, Sum(data))
	}
	if !bytes.Equal(kept, data) {
		t.Error("what is written now is not what was written once: whoever has such a bundle could not have it exported again")
	}
	whole(t, kept, w.fingerprint())
}

package usage

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schema names our own file format for readings.
const Schema = "tallystick.snapshot/v1"

// Digest is the SHA-256 of a canonical form.
type Digest [sha256.Size]byte

// Canonical writes s in canonical form: our own JSON in a fixed order of
// members, decimals by value, missing members left out, lists sorted by id, times in UTC. Two
// snapshots have the same content (C44) exactly when these bytes are equal.
// ParseSnapshot reads them back. s must have been normalized.
func (s *Snapshot) Canonical() []byte {
	w := objectWriter{b: make([]byte, 0, 512+256*len(s.Workloads))}
	w.open()
	s.writeHead(&w)
	w.raw("workloads", s.CanonicalList())
	w.close()
	return w.b
}

// CanonicalHead is Canonical without the list of workloads, for engines that keep the two apart.
func (s *Snapshot) CanonicalHead() []byte {
	var w objectWriter
	w.open()
	s.writeHead(&w)
	w.close()
	return w.b
}

// CanonicalList writes the list of workloads alone: a JSON array sorted by id, then tenant, or null.
func (s *Snapshot) CanonicalList() []byte {
	if s.Workloads == nil {
		return []byte("null")
	}
	sorted := slices.Clone(s.Workloads)
	slices.SortFunc(sorted, func(a, b Workload) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return strings.Compare(a.Tenant, b.Tenant)
	})
	return appendArray(make([]byte, 0, 256*len(sorted)+2), sorted, appendWorkload)
}

// Digest gives the SHA-256 of the canonical form.
func (s *Snapshot) Digest() Digest { return sha256.Sum256(s.Canonical()) }

func (s *Snapshot) writeHead(w *objectWriter) {
	w.text("schema", Schema)
	w.time("takenAt", &s.TakenAt)
	w.text("product", string(s.Product))
	w.raw("server", appendServer(nil, &s.Server))
	w.raw("license", appendLicense(nil, &s.License))
	w.bool("listsNew", s.ListsNew)
	if len(s.Counters) > 0 {
		sorted := slices.Clone(s.Counters)
		slices.SortStableFunc(sorted, func(a, b Counter) int {
			return bytes.Compare(appendCounter(nil, &a), appendCounter(nil, &b))
		})
		w.raw("counters", appendArray(nil, sorted, appendCounter))
	}
	if len(s.Notes) > 0 {
		sorted := slices.Clone(s.Notes)
		slices.SortStableFunc(sorted, func(a, b Note) int {
			return strings.Compare(a.Code+"\x00"+a.Text, b.Code+"\x00"+b.Text)
		})
		w.raw("notes", appendArray(nil, sorted, func(b []byte, n *Note) []byte {
			w := objectWriter{b: b}
			w.open()
			w.text("code", n.Code)
			w.text("text", n.Text)
			w.close()
			return w.b
		}))
	}
}

func appendServer(b []byte, s *ServerFacts) []byte {
	w := objectWriter{b: b}
	w.open()
	w.text("installationId", s.InstallationID)
	w.text("name", s.Name)
	w.text("version", s.Version)
	if s.ClockOffset != nil {
		w.raw("clockOffsetMs", strconv.AppendInt(nil, s.ClockOffset.Milliseconds(), 10))
	}
	w.close()
	return w.b
}

func appendLicense(b []byte, l *License) []byte {
	w := objectWriter{b: b}
	w.open()
	w.text("id", l.ID)
	w.text("type", string(l.Type))
	w.text("edition", l.Edition)
	w.text("package", l.Package)
	w.text("unit", string(l.Unit))
	w.text("status", l.Status)
	w.text("licensedTo", l.LicensedTo)
	w.text("supportId", l.SupportID)
	w.time("expiresAt", l.ExpiresAt)
	w.time("supportExpiresAt", l.SupportExpiresAt)
	w.units("licensed", l.Licensed)
	if len(l.Sections) > 0 {
		sorted := slices.Clone(l.Sections)
		slices.SortStableFunc(sorted, func(a, b LicenseSection) int {
			return bytes.Compare(appendSection(nil, &a), appendSection(nil, &b))
		})
		w.raw("sections", appendArray(nil, sorted, appendSection))
	}
	w.close()
	return w.b
}

func appendSection(b []byte, s *LicenseSection) []byte {
	w := objectWriter{b: b}
	w.open()
	w.text("kind", s.Kind)
	w.units("licensed", &s.Licensed)
	w.units("used", &s.Used)
	w.time("expiresAt", s.ExpiresAt)
	w.close()
	return w.b
}

func appendWorkload(b []byte, wl *Workload) []byte {
	w := objectWriter{b: b}
	w.open()
	w.text("id", wl.ID)
	w.always("name", wl.Name)
	w.text("host", wl.Host)
	w.text("type", wl.Type)
	w.text("platform", wl.Platform)
	w.text("machineId", wl.MachineID)
	w.units("units", wl.Units)
	w.units("sizeGb", wl.SizeGB)
	w.text("tenant", wl.Tenant)
	w.flag("rentalCovered", wl.RentalCovered)
	w.flag("revoked", wl.Revoked)
	w.time("firstProtectedAt", wl.FirstProtectedAt)
	w.time("lastProtectedAt", wl.LastProtectedAt)
	w.close()
	return w.b
}

func appendCounter(b []byte, c *Counter) []byte {
	w := objectWriter{b: b}
	w.open()
	w.text("type", c.Type)
	w.units("multiplier", c.Multiplier)
	for _, f := range []struct {
		name  string
		count int64
	}{{"used", c.Used}, {"new", c.New}, {"rental", c.Rental}, {"removed", c.Removed}} {
		if f.count != 0 {
			w.raw(f.name, strconv.AppendInt(nil, f.count, 10))
		}
	}
	w.units("usedUnits", c.UsedUnits)
	w.units("newUnits", c.NewUnits)
	w.units("rentalUnits", c.RentalUnits)
	w.close()
	return w.b
}

func appendArray[T any](b []byte, items []T, item func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &items[i])
	}
	return append(b, ']')
}

// objectWriter writes one JSON object, leaving out what is not stated.
type objectWriter struct {
	b    []byte
	more bool
}

func (w *objectWriter) open()  { w.b = append(w.b, '{') }
func (w *objectWriter) close() { w.b = append(w.b, '}') }

func (w *objectWriter) raw(name string, value []byte) {
	if w.more {
		w.b = append(w.b, ',')
	}
	w.more = true
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	w.b = append(w.b, value...)
}

func (w *objectWriter) text(name, value string) {
	if value != "" {
		w.always(name, value)
	}
}

func (w *objectWriter) always(name, value string) { w.raw(name, AppendText(nil, value)) }

func (w *objectWriter) flag(name string, value bool) {
	if value {
		w.bool(name, true)
	}
}

func (w *objectWriter) bool(name string, value bool) { w.raw(name, strconv.AppendBool(nil, value)) }

func (w *objectWriter) time(name string, t *time.Time) {
	if t != nil {
		w.raw(name, t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.999999Z"`))
	}
}

func (w *objectWriter) units(name string, u *Units) {
	if u != nil {
		w.raw(name, u.Append(nil))
	}
}

// AppendText appends a JSON string, as encoding/json writes it; plain text, the usual case, takes no detour through that.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil { // cannot happen: a string always has a JSON form
				panic(err)
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

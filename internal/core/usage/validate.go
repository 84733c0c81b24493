package usage

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// The limits of one snapshot: beyond them a source is broken or lying.
const (
	textLengthMax  = 1024
	fieldErrorsMax = 20
	// unitsTotalMax keeps every later sum far from overflow: 10^12 units on one server (int64 holds nine times that).
	unitsTotalMax = unitsEnd
)

var (
	earliestTime   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latestTime     = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	earliestSecond = earliestTime.Unix()
	latestSecond   = latestTime.Unix()
)

// Normalize brings s into the form in which it is kept: UTC microseconds,
// trimmed tenants, Instances where no unit kind is stated, identical rows as
// one (C33). It returns an Invalid fault with every field that is wrong, among
// them rows of one identity that differ; shared tells whether tenants belong to
// the identity.
func (s *Snapshot) Normalize(shared bool) error {
	var c checker
	c.snapshot(s)
	if len(c.fields) == 0 {
		c.identities(s, shared)
	}
	return fault.InvalidFields("the snapshot is refused", c.fields)
}

type checker struct {
	fields []fault.Field
	total  Units
	list   string // the list whose element is checked, and its place: put before a path only where something is wrong
	index  int
	known  struct{ kind, host, platform string } // the last ones that were right: most rows repeat them
}

func (c *checker) add(path, format string, args ...any) {
	if c.list != "" {
		path = fmt.Sprintf("%s[%d].%s", c.list, c.index, path)
	}
	switch {
	case len(c.fields) < fieldErrorsMax:
		c.fields = append(c.fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	case len(c.fields) == fieldErrorsMax:
		c.fields = append(c.fields, fault.Field{Path: "…", Text: "and more"})
	}
}

func (c *checker) snapshot(s *Snapshot) {
	s.TakenAt = c.time("takenAt", s.TakenAt)
	if !s.Product.Known() {
		c.add("product", "%q is not one of vbr, cloudConnect, console", clip(string(s.Product)))
	}
	c.required("server.name", s.Server.Name)
	c.required("server.installationId", s.Server.InstallationID)
	c.text("server.version", s.Server.Version)
	c.license(&s.License)
	for i := range s.Workloads {
		c.list, c.index = "workloads", i
		c.workload(&s.Workloads[i])
	}
	c.list = ""
	for i := range s.Counters {
		c.counter(fmt.Sprintf("counters[%d]", i), &s.Counters[i])
	}
	if len(s.Counters) == 0 {
		s.Counters = nil // [] and null mean no counters (C21)
	}
	for i, n := range s.Notes {
		c.required(fmt.Sprintf("notes[%d].code", i), n.Code)
		c.text(fmt.Sprintf("notes[%d].text", i), n.Text)
	}
}

func (c *checker) license(l *License) {
	c.required("license.type", string(l.Type))
	if l.Unit == "" {
		l.Unit = Instances
	}
	if l.Unit != Instances && l.Unit != Points {
		c.add("license.unit", "%q is not one of Instances, Points", clip(string(l.Unit)))
	}
	for _, f := range []struct{ path, text string }{
		{"id", l.ID},
		{"edition", l.Edition},
		{"package", l.Package},
		{"status", l.Status},
		{"licensedTo", l.LicensedTo},
		{"supportId", l.SupportID},
	} {
		c.text("license."+f.path, f.text)
	}
	l.ExpiresAt = c.optionalTime("license.expiresAt", l.ExpiresAt)
	l.SupportExpiresAt = c.optionalTime("license.supportExpiresAt", l.SupportExpiresAt)
	c.units("license.licensed", l.Licensed)
	for i := range l.Sections {
		path := fmt.Sprintf("license.sections[%d]", i)
		c.required(path+".kind", l.Sections[i].Kind)
		c.units(path+".licensed", &l.Sections[i].Licensed)
		c.units(path+".used", &l.Sections[i].Used)
		l.Sections[i].ExpiresAt = c.optionalTime(path+".expiresAt", l.Sections[i].ExpiresAt)
	}
}

func (c *checker) workload(w *Workload) {
	if c.isUsual(w) {
		return
	}
	c.required("id", w.ID)
	c.text("name", w.Name)
	if c.isNew(w.Type, &c.known.kind) {
		c.required("type", w.Type)
	}
	if c.isNew(w.Host, &c.known.host) {
		c.text("host", w.Host)
	}
	if c.isNew(w.Platform, &c.known.platform) {
		c.text("platform", w.Platform)
	}
	if w.MachineID != "" {
		c.text("machineId", w.MachineID)
		if strings.TrimSpace(w.MachineID) == "" { // blanks name no machine: else all that state them were one (C12)
			w.MachineID = ""
		}
	}
	if w.Tenant != "" {
		w.Tenant = strings.TrimSpace(w.Tenant)
		c.text("tenant", w.Tenant)
	}
	c.units("units", w.Units)
	c.units("sizeGb", w.SizeGB)
	w.FirstProtectedAt = c.optionalTime("firstProtectedAt", w.FirstProtectedAt)
	w.LastProtectedAt = c.optionalTime("lastProtectedAt", w.LastProtectedAt)
	if w.Units != nil {
		c.sum("units", *w.Units)
	}
	if w.SizeGB != nil { // what it can weigh at most, whatever the catalogue says
		c.product("sizeGb", *w.SizeGB/blockMin, weightMax/int64(One))
	}
}

// product adds what a count of something can weigh: what was accepted must be countable (C18).
func (c *checker) product(path string, u Units, by int64) {
	weight, ok := u.Times(by)
	if !ok {
		weight = unitsEnd
	}
	c.sum(path, weight)
}

func (c *checker) counter(path string, k *Counter) {
	c.required(path+".type", k.Type)
	for _, f := range []struct {
		name  string
		count int64
		units *Units
	}{
		{"used", k.Used, k.UsedUnits},
		{"new", k.New, k.NewUnits},
		{"rental", k.Rental, k.RentalUnits},
		{"removed", k.Removed, nil},
	} {
		if f.count < 0 || f.count > countMax {
			c.add(path+"."+f.name, "%d is not between 0 and %d", f.count, countMax)
		}
		c.units(path+"."+f.name+"Units", f.units)
		switch {
		case f.units != nil:
			c.sum(path+"."+f.name+"Units", *f.units)
		case k.Multiplier != nil:
			c.product(path+"."+f.name, *k.Multiplier, max(f.count, 0))
		}
	}
	c.units(path+".multiplier", k.Multiplier)
	if k.Multiplier != nil && *k.Multiplier > multiplierMax {
		c.add(path+".multiplier", "%s is more than %s", *k.Multiplier, multiplierMax)
	}
}

const (
	countMax      = 100_000_000
	multiplierMax = 10_000 * One
	weightMax     = 100 * int64(One) // far above any weight of an object or block
	blockMin      = 500              // GB: the smallest block that anything is sold by
)

// identities merges identical rows and refuses differing rows of one identity, naming both (C33).
func (c *checker) identities(s *Snapshot, shared bool) {
	if len(s.Workloads) == 0 || ascending(s.Workloads, shared) {
		return
	}
	first := make(map[WorkloadKey]int, len(s.Workloads))
	kept := s.Workloads[:0:0]
	for i := range s.Workloads {
		w := &s.Workloads[i]
		key := w.Key(shared)
		j, seen := first[key]
		if !seen {
			first[key] = i
			kept = append(kept, *w)
			continue
		}
		if !w.equal(&s.Workloads[j]) {
			c.add(fmt.Sprintf("workloads[%d]", i), "id %q (%s) is already workloads[%d] (%s), and the two rows differ",
				clip(w.ID), clip(w.Name), j, clip(s.Workloads[j].Name))
		}
	}
	s.Workloads = kept
}

// ascending reports whether each row's identity lies behind that of the row before, as sorted sources have them: then
// there is none twice.
func ascending(list []Workload, shared bool) bool {
	for i := 1; i < len(list); i++ {
		before, w := &list[i-1], &list[i]
		if shared && before.Tenant != w.Tenant {
			if before.Tenant > w.Tenant {
				return false
			}
			continue
		}
		if before.ID >= w.ID {
			return false
		}
	}
	return true
}

func (w *Workload) equal(o *Workload) bool {
	return bytes.Equal(appendWorkload(nil, w), appendWorkload(nil, o))
}

func (c *checker) required(path, text string) {
	if isBlank(text) {
		c.add(path, "is required")
	}
	c.text(path, text)
}

// isBlank reports whether a text has nothing but white space.
func isBlank(s string) bool {
	if s != "" && s[0] > ' ' && s[0] < utf8.RuneSelf {
		return false
	}
	return strings.TrimSpace(s) == ""
}

func (c *checker) text(path, text string) {
	if len(text) > textLengthMax {
		c.add(path, "is longer than %d bytes", textLengthMax)
	} else if !validText(text) {
		c.add(path, "is not valid UTF-8 text")
	}
}

// isUsual reports whether a row is as almost all are: nothing below would find anything wrong in it, or change it.
func (c *checker) isUsual(w *Workload) bool {
	return w.MachineID == "" && w.Tenant == "" && w.Units == nil && w.SizeGB == nil &&
		w.Type == c.known.kind && w.Host == c.known.host && w.Platform == c.known.platform && w.Type != "" &&
		len(w.ID) <= textLengthMax && !isBlank(w.ID) && validText(w.ID) && len(w.Name) <= textLengthMax && validText(w.Name) &&
		(w.FirstProtectedAt == nil || isNormal(w.FirstProtectedAt)) && (w.LastProtectedAt == nil || isNormal(w.LastProtectedAt))
}

// isNew reports whether a text is to be checked: it is not the one that was right the last time.
func (c *checker) isNew(text string, known *string) bool {
	if text == *known {
		return text == ""
	}
	if !isBlank(text) && len(text) <= textLengthMax && validText(text) {
		*known = text
	}
	return true
}

// validText reports whether a text is UTF-8 without NUL, which no engine stores.
func validText(s string) bool {
	if len(s) < wordSize {
		for i := range len(s) {
			if s[i] == 0 || s[i] >= utf8.RuneSelf {
				return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
			}
		}
		return true
	}
	for i := 0; i < len(s)-wordSize; i += wordSize { // plain ASCII, as almost all are
		if !plainWord(s[i:]) {
			return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
		}
	}
	return plainWord(s[len(s)-wordSize:]) || utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

const wordSize = 8

// plainWord reports whether the first eight bytes are ASCII, and none is NUL.
func plainWord(s string) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	return (x|(x-low))&high == 0 // a zero borrows from the byte above
}

func (c *checker) time(path string, t time.Time) time.Time {
	if t.IsZero() {
		c.add(path, "is required")
		return t
	}
	t = Truncate(t)
	if t.Before(earliestTime) || !t.Before(latestTime) {
		c.add(path, "%s is not between the years 2000 and 2200", t.Format(time.RFC3339))
	}
	return t
}

func (c *checker) optionalTime(path string, t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	if isNormal(t) { // what is there can stay
		return t
	}
	normal := c.time(path, *t)
	return &normal
}

// isNormal reports whether c.time would find nothing wrong, and change nothing.
func isNormal(t *time.Time) bool {
	seconds := t.Unix()
	return seconds >= earliestSecond && seconds < latestSecond && t.Nanosecond()%int(time.Microsecond) == 0 &&
		*t == t.UTC().Round(0) //nolint:revive,staticcheck // the form is meant, too: UTC, without the monotonic clock
}

func (c *checker) units(path string, u *Units) {
	if u != nil && *u < 0 {
		c.add(path, "%s is negative", *u)
	}
}

func (c *checker) sum(path string, u Units) {
	sum, ok := Add(c.total, u)
	if !ok || sum > unitsTotalMax {
		c.add(path, "the server's units add up to more than %s", unitsTotalMax)
		return
	}
	c.total = sum
}

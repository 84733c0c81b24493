package usage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// ParseSnapshot reads one object of tallystick.snapshot/v1 (product.md §3).
// Unknown members are refused with their path; decimals, as strings or numbers,
// are read as text. The result is not yet normalized: that needs the server.
func ParseSnapshot(data []byte) (Snapshot, error) {
	var f snapshotFile
	if err := decodeStrict(data, &f); err != nil {
		return Snapshot{}, err
	}
	return f.snapshot()
}

// ParseWorkloads reads what CanonicalList wrote; nil for null.
func ParseWorkloads(data []byte) ([]Workload, error) {
	var rows []workloadFile
	if err := decodeStrict(data, &rows); err != nil {
		return nil, err
	}
	return workloads(rows), nil
}

// The file's own structs: names and order as in product.md §3.
type (
	snapshotFile struct {
		Schema    *string       `json:"schema"`
		TakenAt   *timeText     `json:"takenAt"`
		Product   *string       `json:"product"`
		Server    *serverFile   `json:"server"`
		License   *licenseFile  `json:"license"`
		ListsNew  *bool         `json:"listsNew"`
		Workloads presentList   `json:"workloads"`
		Counters  []counterFile `json:"counters"`
		Notes     []noteFile    `json:"notes"`
	}
	serverFile struct {
		InstallationID string `json:"installationId"`
		Name           string `json:"name"`
		Version        string `json:"version"`
		ClockOffsetMS  *int64 `json:"clockOffsetMs"`
	}
	licenseFile struct {
		ID         string        `json:"id"`
		Type       string        `json:"type"`
		Edition    string        `json:"edition"`
		Package    string        `json:"package"`
		Unit       string        `json:"unit"`
		Status     string        `json:"status"`
		LicensedTo string        `json:"licensedTo"`
		SupportID  string        `json:"supportId"`
		ExpiresAt  *timeText     `json:"expiresAt"`
		SupportEnd *timeText     `json:"supportExpiresAt"`
		Licensed   *decimalText  `json:"licensed"`
		Sections   []sectionFile `json:"sections"`
	}
	sectionFile struct {
		Kind      string      `json:"kind"`
		Licensed  decimalText `json:"licensed"`
		Used      decimalText `json:"used"`
		ExpiresAt *timeText   `json:"expiresAt"`
	}
	workloadFile struct {
		ID               *string      `json:"id"`
		Name             *string      `json:"name"`
		Host             string       `json:"host"`
		Type             *string      `json:"type"`
		Platform         string       `json:"platform"`
		MachineID        string       `json:"machineId"`
		Units            *decimalText `json:"units"`
		SizeGB           *decimalText `json:"sizeGb"`
		Tenant           string       `json:"tenant"`
		RentalCovered    bool         `json:"rentalCovered"`
		Revoked          bool         `json:"revoked"`
		FirstProtectedAt *timeText    `json:"firstProtectedAt"`
		LastProtectedAt  *timeText    `json:"lastProtectedAt"`
	}
	counterFile struct {
		Type        string       `json:"type"`
		Multiplier  *decimalText `json:"multiplier"`
		Used        int64        `json:"used"`
		New         int64        `json:"new"`
		Rental      int64        `json:"rental"`
		Removed     int64        `json:"removed"`
		UsedUnits   *decimalText `json:"usedUnits"`
		NewUnits    *decimalText `json:"newUnits"`
		RentalUnits *decimalText `json:"rentalUnits"`
	}
	noteFile struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
)

// presentList tells a missing list (an error) from null (list not read, C27).
type presentList struct {
	present bool
	rows    []workloadFile
}

func (l *presentList) UnmarshalJSON(data []byte) error {
	l.present = true
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(&l.rows)
}

// decimalText is a decimal as a JSON number or string, never through a binary float.
type decimalText Units

func (d *decimalText) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" { // null is missing (C44), also where a decimal is no pointer
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	u, _, err := ParseUnits(text)
	if err != nil {
		return err
	}
	*d = decimalText(u)
	return nil
}

func (d *decimalText) units() *Units {
	if d == nil {
		return nil
	}
	u := Units(*d)
	return &u
}

// timeText is an RFC 3339 time.
type timeText time.Time

func (t *timeText) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fault.New(fault.Invalid, "a time is a string such as 2026-10-14T02:00:00Z")
	}
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fault.New(fault.Invalid, "%q is not a time such as 2026-10-14T02:00:00Z", clip(text))
	}
	*t = timeText(parsed)
	return nil
}

func (t *timeText) time() *time.Time {
	if t == nil {
		return nil
	}
	v := Truncate(time.Time(*t))
	return &v
}

func (f *snapshotFile) snapshot() (Snapshot, error) {
	if err := f.missing(); err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{
		TakenAt:  *f.TakenAt.time(),
		Product:  Product(*f.Product),
		Server:   ServerFacts{InstallationID: f.Server.InstallationID, Name: f.Server.Name, Version: f.Server.Version},
		License:  f.License.license(),
		ListsNew: f.ListsNew == nil || *f.ListsNew,
	}
	if f.Server.ClockOffsetMS != nil {
		offset := time.Duration(*f.Server.ClockOffsetMS) * time.Millisecond
		s.Server.ClockOffset = &offset
	}
	s.Workloads = workloads(f.Workloads.rows)
	for i := range f.Counters {
		s.Counters = append(s.Counters, f.Counters[i].counter())
	}
	for _, n := range f.Notes {
		s.Notes = append(s.Notes, Note(n))
	}
	return s, nil
}

// missing names every required member that is not there.
func (f *snapshotFile) missing() error {
	var fields []fault.Field
	need := func(present bool, path, text string) {
		if !present {
			fields = append(fields, fault.Field{Path: path, Text: text})
		}
	}
	need(f.Schema != nil, "schema", `is required and must be "`+Schema+`"`)
	need(f.Schema == nil || *f.Schema == Schema, "schema", `must be "`+Schema+`"`)
	need(f.TakenAt != nil, "takenAt", "is required")
	need(f.Product != nil, "product", "is required: vbr, cloudConnect or console")
	need(f.Server != nil, "server", "is required")
	need(f.License != nil, "license", "is required")
	need(f.Workloads.present, "workloads", "is required: a list, or null where the list was not read")
	for i := range f.Workloads.rows {
		row := &f.Workloads.rows[i]
		path := fmt.Sprintf("workloads[%d].", i)
		need(row.ID != nil, path+"id", "is required")
		need(row.Name != nil, path+"name", "is required")
		need(row.Type != nil, path+"type", "is required")
		if len(fields) > fieldErrorsMax {
			break
		}
	}
	return fault.InvalidFields("not a "+Schema, fields)
}

func (l *licenseFile) license() License {
	license := License{
		ID: l.ID, Type: LicenseType(l.Type), Edition: l.Edition, Package: l.Package, Unit: UnitKind(l.Unit),
		Status: l.Status, LicensedTo: l.LicensedTo, SupportID: l.SupportID,
		ExpiresAt: l.ExpiresAt.time(), SupportExpiresAt: l.SupportEnd.time(), Licensed: l.Licensed.units(),
	}
	for _, s := range l.Sections {
		license.Sections = append(license.Sections, LicenseSection{
			Kind: s.Kind, Licensed: Units(s.Licensed), Used: Units(s.Used), ExpiresAt: s.ExpiresAt.time(),
		})
	}
	return license
}

func workloads(rows []workloadFile) []Workload {
	if rows == nil {
		return nil
	}
	list := make([]Workload, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = Workload{
			ID: deref(r.ID), Name: deref(r.Name), Host: r.Host, Type: deref(r.Type), Platform: r.Platform,
			MachineID: r.MachineID, Units: r.Units.units(), SizeGB: r.SizeGB.units(), Tenant: r.Tenant,
			RentalCovered: r.RentalCovered, Revoked: r.Revoked,
			FirstProtectedAt: r.FirstProtectedAt.time(), LastProtectedAt: r.LastProtectedAt.time(),
		}
	}
	return list
}

func (c *counterFile) counter() Counter {
	return Counter{
		Type: c.Type, Multiplier: c.Multiplier.units(), Used: c.Used, New: c.New, Rental: c.Rental, Removed: c.Removed,
		UsedUnits: c.UsedUnits.units(), NewUnits: c.NewUnits.units(), RentalUnits: c.RentalUnits.units(),
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// decodeStrict reads exactly one JSON value into target and turns every complaint into an Invalid fault with its path.
func decodeStrict(data []byte, target any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(target); err != nil {
		if located := locate(data, reflect.TypeOf(target).Elem(), ""); located != nil {
			return located
		}
		return jsonFault(err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "there is more text after the JSON value")
	}
	if !exact(data) {
		return locate(data, reflect.TypeOf(target).Elem(), "")
	}
	return nil
}

// exactNames are all members of the file, of whatever object.
var exactNames = namesOf(map[string]bool{}, reflect.TypeFor[snapshotFile]())

func namesOf(names map[string]bool, t reflect.Type) map[string]bool {
	switch {
	case t == reflect.TypeFor[presentList]():
		return namesOf(names, reflect.TypeFor[workloadFile]())
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
		return namesOf(names, t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("json"); name != "" {
				names[name] = true
				namesOf(names, t.Field(i).Type)
			}
		}
	}
	return names
}

// exact reports whether each member of a JSON text, which was decoded, is written as one of the file's: the decoder takes one in
// another letter case for it. No two of them differ in letter case alone, so that it need not be known in which object one is.
func exact(data []byte) bool {
	for {
		begin := bytes.IndexByte(data, '"')
		if begin < 0 {
			return true
		}
		data = data[begin+1:]
		end := closing(data)
		text := data[:end]
		data = bytes.TrimLeft(data[end+1:], " \t\r\n")
		if len(data) > 0 && data[0] == ':' && !exactNames[string(text)] {
			return false
		}
	}
}

// closing gives where a JSON string ends.
func closing(data []byte) int {
	for at := 0; ; {
		quote := at + bytes.IndexByte(data[at:], '"')
		escape := bytes.IndexByte(data[at:quote], '\\')
		if escape < 0 {
			return quote
		}
		at += escape + 2
	}
}

// locate decodes again, member by member, to name the path of the first one
// that does not fit: the slow way, taken only once something is wrong.
func locate(data json.RawMessage, t reflect.Type, path string) error {
	if string(data) == "null" {
		return nil // null is missing, everywhere
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[presentList]() {
		t = reflect.TypeFor[[]workloadFile]()
	}
	own := reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	switch {
	case !own && t.Kind() == reflect.Struct:
		return locateMember(data, t, path)
	case !own && t.Kind() == reflect.Slice:
		var items []json.RawMessage
		if err := json.Unmarshal(data, &items); err != nil {
			return jsonFault(err, path)
		}
		for i, item := range items {
			if err := locate(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	default:
		if err := json.Unmarshal(data, reflect.New(t).Interface()); err != nil {
			return jsonFault(err, path)
		}
		return nil
	}
}

func locateMember(data json.RawMessage, t reflect.Type, path string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return jsonFault(err, path)
	}
	if path != "" {
		path += "."
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, known := t.FieldByNameFunc(func(f string) bool {
			sf, _ := t.FieldByName(f)
			return strings.EqualFold(sf.Tag.Get("json"), name)
		})
		switch is := field.Tag.Get("json"); {
		case !known:
			return memberFault(nil, path+name, "is not a member that we know here")
		case is != name:
			return memberFault(nil, path+name, "is not a member that we know here, but %s is", is)
		}
		if err := locate(members[name], field.Type, path+name); err != nil {
			return err
		}
	}
	return nil
}

func memberFault(cause error, path, format string, args ...any) error {
	if path == "" {
		return fault.Wrap(cause, fault.Invalid, format, args...)
	}
	f := fault.Wrap(cause, fault.Invalid, "the JSON does not fit")
	f.Fields = []fault.Field{{Path: path, Text: fmt.Sprintf(format, args...)}}
	return f
}

func jsonFault(err error, path string) error {
	var f *fault.Error
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &f):
		return memberFault(err, path, "%s", f.Message)
	case errors.As(err, &kind):
		return memberFault(err, path, "a JSON %s does not fit here", kind.Value)
	case errors.As(err, &syntax):
		return memberFault(err, path, "not valid JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return memberFault(err, path, "the JSON text is cut off")
	default:
		return memberFault(err, path, "not valid JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

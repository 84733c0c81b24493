package fleet

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Profile is what a provider keeps of a company beside its name: whom to write to, what was agreed. Nothing of it is
// counted. The members and their meaning are those of API v2's tenants (docs/compat/vac-v2.md).
type Profile struct {
	Description string `json:"description,omitempty"`
	Title       string `json:"title,omitempty"` // one of Titles, or empty
	FirstName   string `json:"firstName,omitempty"`
	LastName    string `json:"lastName,omitempty"`
	Email       string `json:"email,omitempty"`
	TaxID       string `json:"taxId,omitempty"`
	Telephone   string `json:"telephone,omitempty"`
	Country     string `json:"country,omitempty"` // its name
	City        string `json:"city,omitempty"`
	Street      string `json:"street,omitempty"`
	USState     int    `json:"usState,omitempty"` // a number of API v2's list of states; 0: none
	ZipCode     string `json:"zipCode,omitempty"`
	Domain      string `json:"domain,omitempty"`
	ExternalID  string `json:"externalId,omitempty"` // the company's key in another system
	Notes       string `json:"notes,omitempty"`

	// What was agreed about a tenant of Cloud Connect. It is kept for who asks; no backup server is told.
	VCDOrganization string    `json:"vcdOrganization,omitempty"` // GUID, lower case; empty: a general tenant
	CloudAgent      string    `json:"cloudAgent,omitempty"`      // GUID, lower case
	Protection      bool      `json:"protection,omitempty"`      // deleted backups are kept for a while
	ProtectionDays  int       `json:"protectionDays,omitempty"`
	NetworkFailover bool      `json:"networkFailover,omitempty"`
	PublicIP        bool      `json:"publicIp,omitempty"`
	PublicIPs       int       `json:"publicIps,omitempty"`
	ConcurrentTasks int       `json:"concurrentTasks,omitempty"`
	Throttled       bool      `json:"throttled,omitempty"`
	Bandwidth       int       `json:"bandwidth,omitempty"`      // in BandwidthUnits; kept while Throttled is off
	BandwidthUnits  string    `json:"bandwidthUnits,omitempty"` // one of BandwidthUnits; empty: MB/s
	GatewayFailover bool      `json:"gatewayFailover,omitempty"`
	Expires         bool      `json:"expires,omitempty"`
	ExpiresAt       time.Time `json:"expiresAt,omitzero"` // to the second; kept while Expires is off

	Reseller int64 `json:"reseller,omitempty"` // whose client it is; 0: the provider's own
	Plan     int64 `json:"plan,omitempty"`     // its subscription plan; 0: the default one
}

// The kinds of records (package record) that a profile names; for ever what is stored.
const (
	KindReseller = "reseller"
	KindPlan     = "subscription plan"
)

// Ref names a record that a company rests on.
type Ref struct {
	Kind string
	ID   int64 // 0: none
}

// Refs are the records that a profile names, each kind once: they are there as long as the company is, which the store
// sees to within each step.
func (p *Profile) Refs() []Ref {
	return []Ref{{KindReseller, p.Reseller}, {KindPlan, p.Plan}}
}

// Titles are the forms of address.
var Titles = []string{"Mr.", "Miss", "Mrs.", "Ms."}

// BandwidthUnits are bytes per second and their multiples by 1024.
var BandwidthUnits = []string{"B/s", "KB/s", "MB/s", "GB/s"}

const (
	notesMax = 4000 // bytes
	countMax = 1_000_000_000
)

// Text is the profile as it is kept: JSON in one form; empty where nothing is kept.
func (p *Profile) Text() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil { // cannot happen: it holds texts and numbers
		panic(err)
	}
	if text := strings.TrimSuffix(b.String(), "\n"); text != "{}" {
		return text
	}
	return ""
}

// ReadProfile is the inverse of Text. Internal: the text is damaged.
func ReadProfile(text string) (p Profile, err error) {
	if text == "" {
		return p, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Profile{}, fault.Wrap(err, fault.Internal, "what is kept of a company cannot be read")
	}
	return p, nil
}

// ProfileText is a member that holds a text.
type ProfileText struct {
	Name string // as in Text
	Long bool   // it may have several lines
	Text *string
}

// Texts are the members that hold any text.
func (p *Profile) Texts() []ProfileText {
	return []ProfileText{
		{"description", true, &p.Description},
		{"firstName", false, &p.FirstName},
		{"lastName", false, &p.LastName},
		{"email", false, &p.Email},
		{"taxId", false, &p.TaxID},
		{"telephone", false, &p.Telephone},
		{"country", false, &p.Country},
		{"city", false, &p.City},
		{"street", false, &p.Street},
		{"zipCode", false, &p.ZipCode},
		{"domain", false, &p.Domain},
		{"externalId", false, &p.ExternalID},
		{"notes", true, &p.Notes},
	}
}

// check names what is wrong, by the names of the members in Text.
func (p *Profile) check(fields *[]fault.Field) {
	add := func(path, text string) { *fields = append(*fields, fault.Field{Path: path, Text: text}) }
	for _, text := range p.Texts() {
		problem := ""
		if text.Long {
			problem = usage.TextProblem(*text.Text, notesMax)
		} else if *text.Text = strings.TrimSpace(*text.Text); *text.Text != "" {
			problem = usage.LineProblem(*text.Text, nameLengthMax)
		}
		if problem != "" {
			add(text.Name, problem)
		}
	}
	if at := strings.LastIndexByte(p.Email, '@'); p.Email != "" && (at < 1 || at == len(p.Email)-1 || strings.ContainsAny(p.Email, " ,;<>")) {
		add("email", "is no address of the form name@domain")
	}
	if p.Title != "" && !slices.Contains(Titles, p.Title) {
		add("title", "is one of "+strings.Join(Titles, ", "))
	}
	if p.BandwidthUnits != "" && !slices.Contains(BandwidthUnits, p.BandwidthUnits) {
		add("bandwidthUnits", "is one of "+strings.Join(BandwidthUnits, ", "))
	}
	for _, number := range []struct {
		path   string
		number int
	}{
		{"usState", p.USState},
		{"protectionDays", p.ProtectionDays},
		{"publicIps", p.PublicIPs},
		{"concurrentTasks", p.ConcurrentTasks},
		{"bandwidth", p.Bandwidth},
	} {
		if number.number < 0 || number.number > countMax {
			add(number.path, "is between 0 and "+strconv.Itoa(countMax))
		}
	}
	if p.Expires && p.ExpiresAt.IsZero() {
		add("expiresAt", "is required where the company is to expire")
	}
	p.ExpiresAt = p.ExpiresAt.UTC().Truncate(time.Second)
	for _, id := range []struct {
		path string
		text *string
	}{{"vcdOrganization", &p.VCDOrganization}, {"cloudAgent", &p.CloudAgent}} {
		if *id.text == "" {
			continue
		}
		guid, err := uuid.Parse(*id.text)
		if err != nil {
			add(id.path, "is no GUID")
		}
		*id.text = guid.String()
	}
}

package portal

import (
	"cmp"
	"context"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// testedView is what a test of a connection came to.
type testedView struct {
	To          string       // where the form is sent that it stands in
	Field       string       // of that form in which a fingerprint is confirmed
	Done        bool         // it was tried
	Wrong       []wrongInput // what could not be tried, added or saved
	Failed      string       // why it could not be logged in, in words; empty: it could
	Fingerprint string       // of the certificate
	Untrusted   bool         // nobody vouches for it: the reader is to confirm it
	Confirmed   bool         // which was done
	ShownBy     string       // what showed it, see shownBy
	Name        string       // what the server calls itself
	Product     string
	Version     string
	Install     string
	License     licenseView
	Hints       []string
	Twins       []link   // with the same installation id
	Anyway      tick     // that it is saved although it cannot be logged in to
	Was         string   // the installation id that it had before, where it shows another one
	Another     tick     // that it is saved although it does
	Boxes       []*input // what there is to tick, as fields of the form
}

// boxes are the fields of the form that stand with what came of a test.
func (t *testedView) boxes() (list []input) {
	if t.Fingerprint != "" && (t.Untrusted || t.Confirmed) {
		list = append(list, input{Name: t.Field, Kind: boxField})
	}
	for _, more := range []tick{t.Another, t.Anyway} {
		if more.Value != "" {
			list = append(list, input{Name: more.Name, Kind: boxField})
		}
	}
	return list
}

// in tells it the form that it stands in.
func (t *testedView) in(f *form) {
	t.Wrong, t.To = f.Wrong, f.To
	for i := range f.Fields {
		if in := &f.Fields[i]; in.Kind == boxField {
			t.Boxes = append(t.Boxes, in)
		}
	}
}

// tick is a box by which the reader takes one thing upon himself; without a value it is not offered.
type tick struct {
	Name, Value string // the value says of what: where something else is typed meanwhile, it does not hold
	On          bool
}

func (v *visit) tick(name, value string) tick {
	return tick{name, value, value != "" && v.field(name) == value}
}

// confirmedField is the field of a fingerprint that is confirmed where the form has one for it that can be typed into.
const confirmedField = "confirmed"

// shownBy tells what shows a certificate from anything else: the address that is typed and, where the form has fields for it, what is trusted there.
func shownBy(v *visit, trusted ...string) string {
	var bad []fault.Field
	address, _ := fleet.CheckURL(&bad, v.field("url"))
	return stateOf(append([]string{cmp.Or(address, v.field("url"))}, trusted...))
}

// confirmed gives the fingerprint that is ticked in a field; empty: none is, or it was shown by something else than is typed now.
func confirmed(v *visit, name, by string) string {
	if shown := v.field("shown-by"); shown != "" && shown != by {
		return ""
	}
	return v.field(name)
}

// shownByEdit is shownBy of the form in which what is trusted can be typed.
func shownByEdit(v *visit) string {
	return shownBy(v, v.field("fingerprint"), v.field("ca"), v.field("insecure"))
}

// tried logs in to a server as it would be, and says what came of it, or notes why it is not one to be logged in to.
func (p *Portal) tried(v *visit, probe *fleet.Server, wrong error) (*testedView, error) {
	switch {
	case wrong == nil:
	case p.flagged(v, wrong):
		return &testedView{}, nil
	default:
		return nil, wrong
	}
	ctx, cancel := context.WithTimeout(v.ctx(), api.ReadingWithin)
	defer cancel()
	found, err := p.Console.Test(ctx, *probe)
	if err != nil {
		return nil, err
	}
	trusted := probe.Connection.TLS.Fingerprint
	out := &testedView{Done: true, Fingerprint: cmp.Or(found.Fingerprint, trusted), Confirmed: trusted != ""}
	if f := found.Failed; f != nil {
		out.Failed = p.plainly(f.Text)
		if f.Reason == usage.GapTLS && found.Fingerprint != "" {
			out.Failed, out.Untrusted, out.Confirmed = p.texts["servers.untrusted"], true, false
			if trusted != "" {
				out.Failed = p.texts["servers.another-certificate"]
			}
		}
		return out, nil
	}
	l := &found.License
	out.Name, out.Product, out.Version, out.Install = found.ServerName, found.Product, found.Version, found.InstallationID
	for _, hint := range found.Hints {
		out.Hints = append(out.Hints, p.plainly(hint))
	}
	out.License = licenseView{string(l.Type), l.Edition, l.Package, l.Status, l.LicensedTo, v.momentOf(l.ExpiresAt)}
	installations, err := p.installations(v)
	if err != nil {
		return nil, err
	}
	for _, twin := range installations.Twins(&fleet.Server{ID: probe.ID, InstallationID: found.InstallationID}) {
		out.Twins = append(out.Twins, link{twin.Name, serverPath(twin.ID)})
	}
	return out, nil
}

// triedEdit tries a server as it would be reached after an edit, and offers what there is to tick before that is kept.
func (p *Portal) triedEdit(v *visit, s *fleet.Server, e *fleet.ServerEdit, probe *fleet.Server, wrong error) (*testedView, error) {
	out, err := p.tried(v, probe, wrong)
	if err != nil || !out.Done {
		return out, err
	}
	out.Field = confirmedField
	if out.Install != "" && s.InstallationID != "" && usage.Fold(out.Install) != usage.Fold(s.InstallationID) {
		out.Was = s.InstallationID
	}
	switch {
	case !reachedOtherwise(e): // there is nothing to keep
	case out.Was != "":
		out.Another = v.tick("another", out.Install)
	case out.Failed != "" && !out.Untrusted:
		out.Anyway = v.tick("anyway", probe.Connection.URL)
	}
	return out, nil
}

// keeps gives the key of why a connection that was tried is not kept, and the box that would have to be ticked; empty: it may be.
func (t *testedView) keeps() (why, box string) {
	switch {
	case t.Untrusted:
		return "servers.confirm-before-saving", t.Field
	case t.Failed != "" && !t.Anyway.On:
		return "servers.unreached-before-saving", t.Anyway.Name
	case t.Was != "" && !t.Another.On:
		return "servers.another-before-saving", t.Another.Name
	}
	return "", ""
}

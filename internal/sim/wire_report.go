package sim

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// reportRequestMax bounds the body of a report request.
const reportRequestMax = 64 << 10

// report writes POST /license/createReport (vbr-rest.md §3.6).
func (c *call) report() answer {
	if f, hit := c.s.faults.strike(FaultReportTimeout, c.route.name, c.at); hit {
		c.wait(f.Delay)
		return c.fail(http.StatusInternalServerError, codeUnavailable, "The report took too long.")
	}
	if _, hit := c.s.faults.strike(FaultReportError, c.route.name, c.at); hit {
		return c.fail(http.StatusInternalServerError, codeUnavailable, "The report has failed.")
	}
	if c.s.spec.Report == ReportAbsent {
		return c.fail(http.StatusNotFound, codeNotFound, "The resource does not exist.")
	}
	format, good := c.reportFormat()
	if !good {
		return c.fail(http.StatusBadRequest, codeContent, "The body must name a reportFormat: Html or Json (Pdf is not simulated).")
	}
	v := c.view()
	if v.tally(used) == 0 {
		// The console refuses it (vbr-rest.md §3.6); that REST does so with a 400 is inference.
		return c.fail(http.StatusBadRequest, codeUnknown, "There is no consumed instance to report.")
	}
	counters := v.groups(func(wl *workload) string { return wl.words.counter })
	slices.SortStableFunc(counters, func(a, b group) int { return strings.Compare(a.name, b.name) })
	_, csv := c.s.faults.strike(FaultReportCSV, c.route.name, c.at)
	switch {
	case format == "html":
		return answer{http.StatusOK, typeBinary, c.reportHTML(v)}
	case csv || c.s.spec.Report == ReportCSV:
		return answer{http.StatusOK, typeBinary, c.reportCSV(counters)}
	default:
		return answer{http.StatusOK, typeBinary, c.reportJSON(counters)}
	}
}

// reportFormat reads the request; the letter case of the format does not matter, as on the real server.
func (c *call) reportFormat() (string, bool) {
	var in struct {
		ReportFormat string `json:"reportFormat"`
	}
	data, err := io.ReadAll(io.LimitReader(c.r.Body, reportRequestMax))
	if err != nil || json.Unmarshal(data, &in) != nil {
		return "", false
	}
	format := strings.ToLower(in.ReportFormat)
	return format, format == "json" || format == "html"
}

// editionText is the edition as the report spells it.
func editionText(edition string) string {
	if edition == "EnterprisePlus" {
		return "Enterprise Plus"
	}
	return edition
}

func (s *server) licenseID() string {
	if id := s.spec.License.ID; id != "" {
		return id
	}
	return uuidOf(s.key, partLicense)
}

func (c *call) reportJSON(counters []group) []byte {
	l := c.s.licenseWords(c, false)
	w := c.writer()
	w.open('{')
	w.array("products")
	w.open('{')
	w.text("productVersion", c.s.gen.build)
	w.text("edition", editionText(l.edition))
	if pack := c.s.spec.License.Package; pack != "" && c.rev >= rev13r0 {
		w.text("package", pack)
	}
	w.text("installationId", c.s.installationID(c.at))
	w.array("data")
	w.open('{')
	w.object("instances")
	w.text("supportId", l.supportID)
	w.text("licenseId", c.s.licenseID())
	w.text("licenseType", l.kind)
	w.array("counters")
	for i, g := range counters {
		raw := ""
		if i == 0 {
			raw = c.absurd()
		}
		c.counter(w, g, raw)
	}
	w.close(']')
	w.close('}')
	w.close('}')
	w.close(']')
	w.close('}')
	w.close(']')
	w.close('}')
	return w.b
}

// counter writes one counter: counts are numbers, units are texts.
func (c *call) counter(w *body, g group, raw string) {
	w.open('{')
	w.text("counterType", g.name)
	w.text("multiplier", numberText(g.multiplier))
	w.text("instancesInGrace", "0")
	w.whole("numberOfObjects", g.objects[used])
	w.whole("numberOfNewObjects", g.objects[fresh])
	w.whole("numberOfRentalObjects", g.objects[rental])
	w.whole("numberOfRemovedObjects", 0)
	if raw != "" {
		w.text("consumedInstances", strings.Trim(raw, `"`))
	} else {
		w.text("consumedInstances", numberText(g.units[used]))
	}
	w.text("newInstances", numberText(g.units[fresh]))
	w.text("rentalInstances", numberText(g.units[rental]))
	w.text("removedInstances", "0")
	w.text("reasonForRemoval", "")
	w.close('}')
}

func (c *call) reportCSV(counters []group) []byte {
	l := c.s.licenseWords(c, false)
	b := []byte("Product Version,Edition,Installation ID,Support ID,License ID,License Type,Counter Type,Multiplier,Instances In Grace," +
		"Number Of Objects,Number Of New Objects,Number Of Rental Objects,Number Of Removed Objects,Consumed Instances,New Instances,Rental Instances,Removed Instances,Reason For Removal\n")
	for _, g := range counters {
		cells := []string{
			c.s.gen.build, editionText(l.edition), c.s.installationID(c.at), l.supportID, c.s.licenseID(), l.kind, g.name, numberText(g.multiplier), "0",
			strconv.FormatInt(g.objects[used], 10), strconv.FormatInt(g.objects[fresh], 10), strconv.FormatInt(g.objects[rental], 10), "0",
			numberText(g.units[used]), numberText(g.units[fresh]), numberText(g.units[rental]), "0", "",
		}
		b = append(b, strings.Join(cells, ",")...)
		b = append(b, '\n')
	}
	return b
}

// reportHTML names every workload with its last job run, as the console's report does.
func (c *call) reportHTML(v *view) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><title>License usage</title></head><body><table>\n<tr><th>Name</th><th>Type</th><th>Instances</th><th>Last run</th></tr>\n")
	for i, wl := range v.items {
		if v.standings[i] != used && v.standings[i] != fresh {
			continue
		}
		for j, cell := range []string{wl.name, wl.words.row, numberText(wl.units), wl.newest(c.now).In(c.s.zone).Format("2006-01-02 15:04")} {
			if j == 0 {
				b.WriteString("<tr>")
			}
			b.WriteString("<td>" + html.EscapeString(cell) + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table></body></html>\n")
	return []byte(b.String())
}

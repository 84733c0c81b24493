package v2

// ParseGrant gives the first reading of a token request.
func ParseGrant(body string) (kind, name, password string) {
	g := parseGrant([]byte(body), "")
	return g.kind, g.readings[0].Name, g.readings[0].Password
}

// UnitKinds and Missing are what the headers of a tally say.
var (
	UnitKinds = unitKinds
	Missing   = missing
)

// ReportType is the name of a workload type in a usage report.
var ReportType = reportType

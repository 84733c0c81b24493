package v2

import (
	"time"
	"unicode"

	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// usageReport is a month's report of license usage, of profile 6.0 (rest-v2.md §3.2). "Paremeters" is the wire's own
// spelling. Numbers of points are null where units of several kinds would have to be added (C28).
type usageReport struct {
	Parameters        reportParameters    `json:"reportParemeters"`
	Summary           reportSummary       `json:"reportSummary" fill:"late"`
	Organizations     []organizationUsage `json:"organizationsUsage" fill:"late"`
	NotCollectedCloud []string            `json:"notCollectedCloudServers" fill:"late"`
	Details           []usageDetail       `json:"usageDetails" fill:"late"`
	Appendices        []reportAppendix    `json:"appendices" fill:"late"`
}

type reportParameters struct {
	ID               int64          `json:"reportId"`
	OrganizationName string         `json:"organizationName"`
	OrganizationUID  guid           `json:"organizationUid"`
	LicenseCompany   string         `json:"licenseCompanyName"`
	GenerationDate   zonedTicks     `json:"generationDate" fill:"late"`
	Interval         reportInterval `json:"reportInterval"`
}

// reportInterval are the first and the last day.
type reportInterval struct {
	Start zonedTicks `json:"startOfInterval"`
	End   zonedTicks `json:"endOfInterval"`
}

type reportSummary struct {
	TotalPoints *usage.Units   `json:"totalPoints"`
	Products    []productUsage `json:"productsUsage"`
}

// productUsage is what is used of a product with licenses of one edition and one kind of unit.
type productUsage struct {
	ProductName    string          `json:"productName"`
	TotalPoints    usage.Units     `json:"totalPoints"`
	LicenseEdition *edition        `json:"licenseEdition"`
	Workloads      []workloadUsage `json:"workloadUsage"`
}

// workloadUsage: what was counted, what is billed, what is new and not billed. The weight is what each object weighs, on
// average; null where what is billed is not so many times that.
type workloadUsage struct {
	Type          string       `json:"workloadType"`
	InitialCount  int64        `json:"initialCount"`
	ReportedCount int64        `json:"reportedCount"`
	NewCount      int64        `json:"newCount"`
	Weight        *usage.Units `json:"weight"`
	UsedPoints    usage.Units  `json:"usedPoints"`
}

type organizationUsage struct {
	Type       string       `json:"organizationType"`
	Name       string       `json:"organizationName"`
	UID        guid         `json:"organizationUid"`
	UsedPoints *usage.Units `json:"usedPoints"`
}

type usageDetail struct {
	Name         string         `json:"organizationName"`
	UID          guid           `json:"organizationUid"`
	SupportID    *string        `json:"supportId"`
	NotCollected []string       `json:"notCollectedClientServers"`
	Licenses     []licenseUsage `json:"usageByLicenseAndProduct"`
}

type licenseUsage struct {
	LicenseID      *string         `json:"licenseId"`
	ProductName    string          `json:"productName"`
	LicenseEdition *edition        `json:"licenseEdition"`
	UsedPoints     usage.Units     `json:"usedPoints"`
	Workloads      []workloadUsage `json:"workloadUsage"`
}

// reportAppendix is what is used of licenses that are not the provider's (C41).
type reportAppendix struct {
	LicenseCompany    string              `json:"licenseCompanyName"`
	Summary           reportSummary       `json:"appendixSummary"`
	Organizations     []organizationUsage `json:"organizationsUsage"`
	NotCollectedCloud []string            `json:"notCollectedCloudServers"`
	Details           []usageDetail       `json:"usageDetails"`
}

// finalization is what finalising answers.
type finalization struct {
	Data finalizationData `json:"data"`
}

type finalizationData struct {
	Status  string `json:"reportApprovalStatus"`
	Message string `json:"message"`
}

var (
	shapeOfReport       = query.ShapeOf[usageReport]()
	shapeOfFinalization = query.ShapeOf[finalization]()
)

// zonedTicks are ticks with the offset of their zone: a date stays the date that it is there.
type zonedTicks time.Time

func (t zonedTicks) AppendJSON(b []byte) []byte {
	return time.Time(t).AppendFormat(b, `"2006-01-02T15:04:05.0000000Z07:00"`)
}

func (t zonedTicks) Value() query.Value { return query.Value{Kind: query.KindTime, Time: time.Time(t)} }

// reportType names a workload type as reports do, which have one name for all virtual machines.
func reportType(id string) string {
	switch {
	case id == "VBR_Nas_Backup":
		return "vbR_NAS_Backup"
	case virtual(id) && id != "VBR_Cloud_VM":
		return "vbR_VM"
	}
	return camel(id)
}

// camel writes a name as the reports' serializer does: letters become small as long as another capital follows.
func camel(name string) string {
	letters := []rune(name)
	for i := range letters {
		if !unicode.IsUpper(letters[i]) || i > 0 && i+1 < len(letters) && !unicode.IsUpper(letters[i+1]) {
			break
		}
		letters[i] = unicode.ToLower(letters[i])
	}
	return string(letters)
}

var reportProducts = map[usage.Product]string{
	usage.ProductVBR: "backupAndReplication", usage.ProductCloudConnect: "cloudConnect", usage.ProductConsole: "vspc",
}

package v2

import (
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// backupRepository is where a backup server keeps backups (rest-v2.md §3.6). Sizes are numbers with at most six places.
type backupRepository struct {
	ID                int64           `json:"id"`
	Name              string          `json:"name"`
	RepositoryUID     guid            `json:"repositoryUid"`
	ServerName        string          `json:"serverName"`
	CompanyName       *string         `json:"companyName"`
	LocationName      string          `json:"locationName"`
	Capacity          usage.Units     `json:"capacity"`
	CapacityUnits     string          `json:"capacityUnits"`
	FreeSpace         usage.Units     `json:"freeSpace"`
	FreeSpaceUnits    string          `json:"freeSpaceUnits"`
	BackupSize        usage.Units     `json:"backupSize"`
	BackupSizeUnits   string          `json:"backupSizeUnits"`
	HealthState       string          `json:"healthState"`
	BackupServerID    int64           `json:"backupServerId"`
	IsServiceProvider bool            `json:"isServiceProviderRepository"`
	Links             repositoryLinks `json:"_links"`
}

type repositoryLinks struct {
	Self          link `json:"self"`
	BackupServers link `json:"backupServers"`
	Tenants       link `json:"tenants"`
	Locations     link `json:"locations"`
}

// serverJob is a job of a backup server (rest-v2.md §3.6).
type serverJob struct {
	ID                   int64       `json:"id"`
	Name                 string      `json:"name"`
	Status               string      `json:"status"`
	Type                 string      `json:"type"`
	LastRun              isoTime     `json:"lastRun"`
	EndTime              isoTime     `json:"endTime"`
	Duration             int64       `json:"duration"`
	DurationUnits        string      `json:"durationUnits"`
	AvgDuration          int64       `json:"avgDuration"`
	AvgDurationUnits     string      `json:"avgDurationUnits"`
	ProcessingRate       usage.Units `json:"processingRate"`
	ProcessingRateUnits  string      `json:"processingRateUnits"`
	TransferredData      usage.Units `json:"transferredData"`
	TransferredDataUnits string      `json:"transferredDataUnits"`
	Bottleneck           *string     `json:"bottleneck"`
	ServerName           string      `json:"serverName"`
	IsEnabled            bool        `json:"isEnabled"`
	ProtectedVMs         int64       `json:"protectedVMs"`
	SchedulingType       string      `json:"schedulingType"`
	CompanyID            int64       `json:"companyId"`
	LocationID           int64       `json:"locationId"`
	Actions              []string    `json:"actions"`
	Links                jobLinks    `json:"_links"`
}

// jobLinks: the reference has a list of tenants, the client that reads it an object (rest-v2.md §8).
type jobLinks struct {
	Self    link `json:"self"`
	Tenants link `json:"tenants"`
}

var (
	shapeOfRepository = query.ShapeOf[backupRepository]()
	shapeOfJob        = query.ShapeOf[serverJob]()
)

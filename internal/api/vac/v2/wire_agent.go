package v2

import (
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// computer is a machine with an agent of a console (rest-v2.md §3.11). What is null is known to the console alone.
type computer struct {
	agent *agent `json:"-"` // that it is of

	ID                   guid          `json:"id"`
	HostName             string        `json:"hostName"`
	Type                 string        `json:"type"`
	PlatformType         string        `json:"platformType"`
	GuestOS              *string       `json:"guestOs"`
	ApplicationInstalled *string       `json:"applicationInstalled"`
	ConnectionStatus     *string       `json:"connectionStatus"`
	ConnectionAccount    *string       `json:"connectionAccount"`
	LastHeartbeat        *ticks        `json:"lastHeartbeat"`
	Progress             *int64        `json:"progress"`
	IPAddress            *string       `json:"ipAddress"`
	MACAddress           *string       `json:"macAddress"`
	DiscoveryTime        *ticks        `json:"discoveryTime"`
	BackupAgentInstalled bool          `json:"backupAgentInstalled"`
	InstallationType     *string       `json:"installationType"`
	ManagementMode       *string       `json:"managementMode"`
	VACAgentID           *guid         `json:"vacAgentId"`
	VACAgentStatus       *string       `json:"vacAgentStatus"`
	VACAgentVersion      *string       `json:"vacAgentVersion"`
	VACAgentRole         *string       `json:"vacAgentRole"`
	VAWAgentStatus       *string       `json:"vawAgentStatus"`
	VAWAgentVersion      *string       `json:"vawAgentVersion"`
	BackupSize           *usage.Units  `json:"backupSize"`
	BackupSizeUnits      *string       `json:"backupSizeUnits"`
	ActivationDate       *ticks        `json:"activationDate"`
	LicenceType          *string       `json:"licenceType"`
	NextRun              *ticks        `json:"nextRun"`
	ScheduleType         *string       `json:"scheduleType"`
	LastModified         *ticks        `json:"lastModified"`
	IsEnabled            *bool         `json:"isEnabled"`
	ModifiedBy           *string       `json:"modifiedBy"`
	Links                computerLinks `json:"_links" fill:"late"`
}

type computerLinks struct {
	Self         link `json:"self"`
	BackupAgents link `json:"backupAgents"`
	Tenants      link `json:"tenants"`
	Locations    link `json:"locations"`
}

// backupAgent is the agent on such a machine (rest-v2.md §3.10).
type backupAgent struct {
	agent *agent `json:"-"` // it

	ID                     guid       `json:"id"`
	ScheduleDisabled       *bool      `json:"scheduleDisabled"`
	CompanyID              int64      `json:"companyId"`
	LocationID             int64      `json:"locationId"`
	Name                   string     `json:"name"`
	SuccessJobsCount       *int64     `json:"successJobsCount"`
	TotalJobsCount         *int64     `json:"totalJobsCount"`
	SuccessfulPercentage   *int64     `json:"successfulPercentage"`
	IsReadOnlyMode         *bool      `json:"isReadOnlyMode"`
	GUIMode                string     `json:"guiMode"`
	IsViewModeChanging     *bool      `json:"isViewModeChanging"`
	IsSettingsChanging     *bool      `json:"isSettingsChanging"`
	VAWPlatform            *string    `json:"vawPlatform"`
	CloudCopy              *bool      `json:"cloudCopy"`
	LastModified           *ticks     `json:"lastModified"`
	LastModificationDoneBy *string    `json:"lastModificationDoneBy"`
	BackupMode             []string   `json:"backupMode"` // always empty
	OperationMode          *string    `json:"operationMode"`
	MultijobSupport        *bool      `json:"multijobSupport"`
	Version                *string    `json:"version"`
	Links                  []relation `json:"_links" fill:"late"`
}

// agentJob is a job of an agent, which no console tells (rest-v2.md §3.10).
type agentJob struct {
	ID                     guid        `json:"id"`
	LastSessionStatus      string      `json:"lastSessionStatus"`
	Name                   string      `json:"name"`
	Description            string      `json:"description"`
	OperationMode          string      `json:"operationMode"`
	Destination            string      `json:"destination"`
	RestorePoints          int64       `json:"restorePoints"`
	LastRestorePoint       isoTime     `json:"lastRestorePoint"`
	BackupSize             usage.Units `json:"backupSize"`
	BackupSizeUnits        string      `json:"backupSizeUnits"`
	ScheduleType           string      `json:"scheduleType"`
	LastRun                isoTime     `json:"lastRun"`
	LastModified           isoTime     `json:"lastModified"`
	LastModificationDoneBy string      `json:"lastModificationDoneBy"`
	NextRun                isoTime     `json:"nextRun"`
	FreeSpace              usage.Units `json:"freeSpace"`
	FreeSpaceUnits         string      `json:"freeSpaceUnits"`
	AvgDuration            int64       `json:"avgDuration"`
	AvgDurationUnits       string      `json:"avgDurationUnits"`
	LastDuration           int64       `json:"lastDuration"`
	LastDurationUnits      string      `json:"lastDurationUnits"`
	Links                  []relation  `json:"_links"`
}

var (
	shapeOfComputer = query.ShapeOf[computer]()
	shapeOfAgent    = query.ShapeOf[backupAgent]()
)

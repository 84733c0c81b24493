package v2

import (
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// backupResource is a tenant's quota on a cloud repository (rest-v2.md §3.1.1).
type backupResource struct {
	ID                    int64               `json:"id"`
	CloudRepositoryName   string              `json:"cloudRepositoryName"`
	ProviderRepositoryUID guid                `json:"providerRepositoryUid"`
	StorageQuota          int64               `json:"storageQuota"`
	StorageQuotaUnits     string              `json:"storageQuotaUnits"`
	VMsQuota              int64               `json:"vMsQuota"`
	ServersQuota          int64               `json:"serversQuota"`
	WorkstationsQuota     int64               `json:"workstationsQuota"`
	QuotasAreUnlimited    bool                `json:"quotasAreUnlimited"`
	TrafficQuota          int64               `json:"trafficQuota"`
	TrafficQuotaUnits     string              `json:"trafficQuotaUnits"`
	WANAcceleration       bool                `json:"wanAccelerationEnabled"`
	UsedStorageQuota      usage.Units         `json:"usedStorageQuota"`
	UsedStorageQuotaUnits string              `json:"usedStorageQuotaUnits"`
	UsedTrafficQuota      usage.Units         `json:"usedTrafficQuota"`
	UsedTrafficQuotaUnits string              `json:"usedTrafficQuotaUnits"`
	IntervalStartTime     isoTime             `json:"intervalStartTime"`
	IntervalEndTime       isoTime             `json:"intervalEndTime"`
	Links                 backupResourceLinks `json:"_links"`
}

type backupResourceLinks struct {
	Self               link  `json:"self"`
	BackupRepositories *link `json:"backupRepositories"`
	WANAccelerators    *link `json:"wanAccelerators"`
}

// location is where a tenant's servers are (rest-v2.md §3.1.1): each tenant has one, numbered as the tenant.
type location struct {
	ID                       int64         `json:"id"`
	Name                     string        `json:"name"`
	Quota                    int64         `json:"quota"`
	QuotaUnits               string        `json:"quotaUnits"`
	Type                     string        `json:"type"`
	RepositoryCapacity       usage.Units   `json:"repositoryCapacity"`
	RepositoryCapacityUnits  string        `json:"repositoryCapacityUnits"`
	RepositoryFreespace      usage.Units   `json:"repositoryFreespace"`
	RepositoryFreespaceUnits string        `json:"repositoryFreespaceUnits"`
	RepositoryUsedspace      usage.Units   `json:"repositoryUsedspace"`
	RepositoryUsedspaceUnits string        `json:"repositoryUsedspaceUnits"`
	Links                    locationLinks `json:"_links"`
}

type locationLinks struct {
	Self          link   `json:"self"`
	BackupServers []link `json:"backupServers"`
	Jobs          []link `json:"jobs"`
}

// reseller is who sells to tenants of its own (rest-v2.md §3.7). Its cloud figures are bytes.
type reseller struct {
	ID                     int64      `json:"id"`
	Name                   string     `json:"name"`
	Enabled                bool       `json:"enabled"`
	TenantsUsage           int64      `json:"tenantsUsage"`
	Tenants                int64      `json:"tenants"`
	WorkstationAgentsUsage int64      `json:"workstationAgentsUsage" fill:"late"`
	WorkstationAgentsNew   int64      `json:"workstationAgentsNew" fill:"late"`
	WorkstationAgents      int64      `json:"workstationAgents"`
	ServerAgentsUsage      int64      `json:"serverAgentsUsage" fill:"late"`
	ServerAgentsNew        int64      `json:"serverAgentsNew" fill:"late"`
	ServerAgents           int64      `json:"serverAgents"`
	CloudBackupUsage       int64      `json:"cloudBackupResourceUsage"`
	CloudBackup            int64      `json:"cloudBackupResource"`
	CloudReplicationUsage  int64      `json:"cloudReplicationResourceUsage"`
	CloudReplication       int64      `json:"cloudReplicationResource"`
	VCDOrganizations       int64      `json:"vcdOrganizations"`
	CloudReplicaType       string     `json:"cloudReplicaType"`
	UnlimitedTenants       bool       `json:"isUnlimitedTenants"`
	UnlimitedWorkstations  bool       `json:"isUnlimitedWorkstationAgents"`
	UnlimitedServers       bool       `json:"isUnlimitedServerAgents"`
	Links                  []relation `json:"_links"`
}

// siteScope is a Cloud Connect site that a reseller may use.
type siteScope struct {
	ID                   int64      `json:"id"`
	CloudConnectAgentUID guid       `json:"cloudConnectAgentUid"`
	TenantQuota          int64      `json:"tenantQuota"`
	TenantQuotaUnlimited bool       `json:"tenantQuotaIsUnlimited"`
	SiteName             string     `json:"siteName"`
	Links                []relation `json:"_links"`
}

// client is a tenant as its reseller sees it.
type client struct {
	TenantID             int64      `json:"tenantId"`
	TenantName           string     `json:"tenantName"`
	WorkstationAgents    int64      `json:"workstationAgentsCount" fill:"late"`
	ServerAgents         int64      `json:"serverAgentsCount" fill:"late"`
	CloudBackupUsage     int64      `json:"cloudBackupResourceUsage"`
	CloudBackupQuota     int64      `json:"cloudBackupResourceQuota"`
	HasCloudBackup       bool       `json:"hasCloudBackupResources"`
	HasCloudReplication  bool       `json:"hasCloudReplicationResources"`
	HasCloudVCD          bool       `json:"hasCloudVcdResources"`
	CloudConnectAgentUID guid       `json:"cloudConnectAgentUid" fill:"late"`
	Links                []relation `json:"_links"`
}

// resellerResource is a reseller's quota on a cloud repository; sizes are bytes.
type resellerResource struct {
	ID                   int64         `json:"id"`
	BackupRepositoryUID  guid          `json:"backupRepositoryUid"`
	CloudConnectAgentUID guid          `json:"cloudConnectAgentUid"`
	FreeSpace            int64         `json:"freeSpace"`
	UsedSpace            int64         `json:"usedSpace"`
	CloudRepositoryName  string        `json:"cloudRepositoryFriendlyName"`
	Quota                resellerQuota `json:"quota"`
	Links                []relation    `json:"_links"`
}

type resellerQuota struct {
	StorageGB    int64 `json:"storageGb"`
	Unlimited    bool  `json:"quotasIsUnlimited"`
	VMs          int64 `json:"vms"`
	Workstations int64 `json:"workstations"`
	Servers      int64 `json:"servers"`
}

type resellerVCD struct {
	CloudConnectAgentUID guid       `json:"cloudConnectAgentUid"`
	ID                   guid       `json:"id"`
	OrganizationUID      guid       `json:"organizationUid"`
	OrganizationName     string     `json:"organizationName"`
	Links                []relation `json:"_links"`
}

// user is somebody who logs in (rest-v2.md §3.8).
type user struct {
	ID        int64     `json:"id"`
	FirstName string    `json:"firstName"`
	LastName  string    `json:"lastName"`
	UserName  string    `json:"userName"`
	Role      string    `json:"role"`
	Title     string    `json:"title"`
	Status    string    `json:"status"`
	Email     string    `json:"email"`
	Links     userLinks `json:"_links"`
}

type userLinks struct {
	Self      link   `json:"self"`
	Tenants   *link  `json:"tenants"`
	Locations []link `json:"locations"`
}

// userResource is a part of a tenant's quota that a user has; nobody here has one.
type userResource struct {
	ID                    guid        `json:"id"`
	QuotaName             string      `json:"quotaName"`
	StorageQuota          int64       `json:"storageQuota"`
	StorageQuotaUnits     string      `json:"storageQuotaUnits"`
	UsedStorageQuota      usage.Units `json:"usedStorageQuota"`
	UsedStorageQuotaUnits string      `json:"usedStorageQuotaUnits"`
	Links                 selfLink    `json:"_links"`
}

// backupPolicy is a policy for agents, as it was posted (rest-v2.md §3.10).
type backupPolicy struct {
	ID           int64        `json:"id"`
	Name         string       `json:"name"`
	Type         string       `json:"type"`
	OSType       string       `json:"osType"`
	TenantsCount int64        `json:"tenantsCount"`
	ModifiedDate isoTime      `json:"modifiedDate"`
	CreatedBy    string       `json:"createdBy"`
	Links        selfLink     `json:"_links"`
	Posted       query.Posted // what else was posted
}

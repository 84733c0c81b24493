package v2

import "github.com/tallystick/tallystick/internal/core/usage"

// The wire structs of resources without a source of data (rest-v2.md §3.1.1, §3.10–3.12): their properties can be asked
// about all the same.

type selfLink struct {
	Self link `json:"self"`
}

type replicaResource struct {
	ID                guid         `json:"id"`
	FailoverEnabled   bool         `json:"failoverCapabilitiesEnabled"`
	PublicAllocation  bool         `json:"publicAllocationEnabled"`
	NumberOfPublicIPs int64        `json:"numberOfPublicIps"`
	WANAcceleration   bool         `json:"wanAccelerationEnabled"`
	WANAcceleratorID  *guid        `json:"wanAcceleratorId"`
	HardwarePlanID    guid         `json:"hardwarePlanId"`
	Links             replicaLinks `json:"_links"`
}

type replicaLinks struct {
	Self             link   `json:"self"`
	HardwarePlans    link   `json:"hardwarePlans"`
	WANAccelerators  link   `json:"wanAccelerators"`
	NetworkAppliance []link `json:"networkExtensionAppliance"`
}

// networkAppliance is a network extension appliance, of a tenant's replica or vCloud Director resources alike.
type networkAppliance struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	IPAddress      string   `json:"ipAddress"`
	DefaultGateway string   `json:"defaultGateway"`
	DHCPEnabled    bool     `json:"dhcpEnabled"`
	SubnetMask     string   `json:"subnetMask"`
	Links          selfLink `json:"_links"`
}

type vcdResource struct {
	DataCenterUID      guid    `json:"dataCenterUid"`
	WANAcceleration    bool    `json:"isWanAccelerationEnabled"`
	WANAcceleratorUID  guid    `json:"wanAcceleratorUid"`
	WANAcceleratorName *string `json:"wanAcceleratorName"`
}

type discoveryRule struct {
	ID                   int64          `json:"id"`
	Name                 string         `json:"name"`
	CompanyID            int64          `json:"companyId"`
	LocationID           int64          `json:"locationId"`
	AccountName          string         `json:"accountName"`
	InstanceCount        int64          `json:"instanceCount"`
	OnlineInstanceCount  int64          `json:"onlineInstanceCount"`
	OfflineInstanceCount int64          `json:"offlineInstanceCount"`
	State                string         `json:"state"`
	LastRun              isoTime        `json:"lastRun"`
	Type                 string         `json:"type"`
	ExclusionMask        *string        `json:"exclusionMask"`
	Links                discoveryLinks `json:"_links"`
}

type discoveryLinks struct {
	Self    link `json:"self"`
	Tenants link `json:"tenants"`
}

type gatewayPool struct {
	InstanceUID      guid       `json:"instanceUid"`
	Name             string     `json:"name"`
	NumberOfGateways int64      `json:"numberOfGateways"`
	CloudAgentUID    guid       `json:"cloudAgentUid"`
	Links            []relation `json:"_links"`
}

// hardwarePlan has quotas with decimals, and a number of networks.
type hardwarePlan struct {
	ID                guid        `json:"id"`
	Name              string      `json:"name"`
	CPUQuota          usage.Units `json:"cpuQuota"`
	CPUQuotaUnits     string      `json:"cpuQuotaUnits"`
	MemoryQuota       usage.Units `json:"memoryQuota"`
	MemoryQuotaUnits  string      `json:"memoryQuotaUnits"`
	StorageQuota      usage.Units `json:"storageQuota"`
	StorageQuotaUnits string      `json:"storageQuotaUnits"`
	NetworkQuota      int64       `json:"networkQuota"`
	Links             selfLink    `json:"_links"`
}

type failoverPlan struct {
	ID         guid          `json:"id"`
	Name       string        `json:"name"`
	ServerName string        `json:"serverName"`
	VMCount    int64         `json:"vmCount"`
	Type       string        `json:"type"`
	State      string        `json:"state"`
	Actions    []string      `json:"actions"`
	Links      failoverLinks `json:"_links"`
}

type failoverLinks struct {
	Self      link `json:"self"`
	Tenants   link `json:"tenants"`
	Locations link `json:"locations"`
}

type wanAccelerator struct {
	ID    guid     `json:"id"`
	Name  string   `json:"name"`
	Links selfLink `json:"_links"`
}

type vcdOrganization struct {
	OrganizationUID      guid       `json:"organizationUid"`
	CloudConnectAgentUID guid       `json:"cloudConnectAgentUid"`
	OrganizationName     string     `json:"organizationName"`
	VCDUID               guid       `json:"vcdUid"`
	VCDName              string     `json:"vcdName"`
	DataCenterCount      int64      `json:"dataCenterCount"`
	Links                []relation `json:"_links"`
}

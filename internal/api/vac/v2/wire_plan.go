package v2

import (
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// subscriptionPlan is what is asked for services (rest-v2.md §3.9).
type subscriptionPlan struct {
	ID                       int64       `json:"id"`
	Name                     string      `json:"name"`
	Description              string      `json:"description"`
	Currency                 string      `json:"currency"`
	TaxType                  string      `json:"taxType"`
	VATPercent               usage.Units `json:"vatPercent"`
	DiscountPercent          usage.Units `json:"discountPercent"`
	ManagedServices          usage.Units `json:"managedServices"`
	ManagedVMs               usage.Units `json:"managedVms"`
	ManagedWorkstations      usage.Units `json:"managedWorkstations"`
	ManagedCloudAgents       usage.Units `json:"managedCloudAgents"`
	ManagedServers           usage.Units `json:"managedServers"`
	StoredVMs                usage.Units `json:"storedVMBackups"`
	StoredServers            usage.Units `json:"storedServerBackups"`
	StoredWorkstations       usage.Units `json:"storedWorkstationBackups"`
	Repository               usage.Units `json:"cloudRepositoryValue"`
	RepositoryUnits          string      `json:"cloudRepositoryValueUnits"`
	FreeSpaceEnabled         bool        `json:"freeSpaceEnabled"`
	FreeSpace                int64       `json:"freeSpaceValue"`
	FreeSpaceUnits           string      `json:"freeSpaceValueUnits"`
	BackupTransfer           usage.Units `json:"backupDataTransferValue"`
	BackupTransferUnits      string      `json:"backupDataTransferValueUnits"`
	ReplicationTransfer      usage.Units `json:"replicationDataTransferValue"`
	ReplicationTransferUnits string      `json:"replicationDataTransferValueUnits"`
	ReplicatedVMs            usage.Units `json:"replicatedVMs"`
	CloudStorage             usage.Units `json:"cloudStorageQuota"`
	CloudStorageUnits        string      `json:"cloudStorageQuotaUnits"`
	FreeStorageEnabled       bool        `json:"freeCloudStorageEnabled"`
	FreeStorage              int64       `json:"freeCloudStorageValue"`
	FreeStorageUnits         string      `json:"freeCloudStorageValueUnits"`
	FreeComputeEnabled       bool        `json:"freeComputeResourcesEnabled"`
	FreeCompute              int64       `json:"freeComputeResourcesValue"`
	FreeComputeUnits         string      `json:"freeComputeResourcesValueUnits"`
	Compute                  usage.Units `json:"computeResourcesQuota"`
	ComputeUnits             string      `json:"computeResourcesQuotaUnits"`
	Links                    selfLink    `json:"_links"`
}

var shapeOfPlan = query.ShapeOf[subscriptionPlan]()

package figure

import (
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Resource is a usage resource by its short name (product.md §1).
type Resource string

// The resources of counting.md §6.
const (
	BackupServer        Resource = "backupServer"
	CloudConnect        Resource = "cloudConnect"
	AvailabilityConsole Resource = "availabilityConsole"
)

// Product gives the product whose workloads a resource counts.
func (r Resource) Product() (usage.Product, error) {
	switch r {
	case BackupServer:
		return usage.ProductVBR, nil
	case CloudConnect:
		return usage.ProductCloudConnect, nil
	case AvailabilityConsole:
		return usage.ProductConsole, nil
	}
	return "", fault.New(fault.Invalid, "%q is not one of backupServer, cloudConnect, availabilityConsole", r)
}

// Resources are all that figures are asked of.
func Resources() []Resource { return []Resource{BackupServer, CloudConnect, AvailabilityConsole} }

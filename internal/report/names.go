package report

import (
	"cmp"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// productNames are what people call the products whose workloads are counted. All are of one publisher.
var productNames = map[usage.Product]string{
	usage.ProductVBR: "Veeam Backup & Replication", usage.ProductCloudConnect: "Veeam Cloud Connect", usage.ProductConsole: "Veeam Agents (managed)",
}

// publisherName is who makes all of them.
const publisherName = "Veeam"

func productName(p usage.Product) string { return cmp.Or(productNames[p], string(p)) }

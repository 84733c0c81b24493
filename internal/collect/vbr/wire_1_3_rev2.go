package vbr

// 1.3-rev2 (13.1): the expiry, and that of support, has left the root; the instance and the socket section have one each.

type license13r2 struct {
	licenseHead
	Instances *instanceSummary `json:"instanceLicenseSummary"`
	Sockets   *socketSummary   `json:"socketLicenseSummary"`
	Capacity  *capacitySummary `json:"capacityLicenseSummary"`
}

func readLicense13r2(body []byte) (license, error) {
	var w license13r2
	if err := decodeJSON(body, &w); err != nil {
		return license{}, err
	}
	return license{licenseHead: w.licenseHead, Instances: w.Instances, Sockets: w.Sockets, Capacity: w.Capacity}, nil
}

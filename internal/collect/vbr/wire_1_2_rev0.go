package vbr

// 1.2-rev0 to 1.3-rev1 (12.3 and 13.0) state the expiry, and that of support, at the root: with merged sections it is the nearer one.
// 12.3 writes null for what is absent and knows no platformType; 13.0 leaves out what is absent.

type license12 struct {
	licenseHead
	Expires   stamp            `json:"expirationDate"`
	Support   stamp            `json:"supportExpirationDate"`
	Instances *instanceSummary `json:"instanceLicenseSummary"`
	Sockets   *socketSummary   `json:"socketLicenseSummary"`
	Capacity  *capacitySummary `json:"capacityLicenseSummary"`
}

func readLicense12(body []byte) (license, error) {
	var w license12
	if err := decodeJSON(body, &w); err != nil {
		return license{}, err
	}
	return license(w), nil
}

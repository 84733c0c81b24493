package v2

import "net/http"

// getLicenseSettings answers for the license that Tallystick itself does not need: none is installed, and so none can
// run out. The counts are what the provider protects altogether (decision 0025).
func (s *Surface) getLicenseSettings(r *http.Request) (any, error) {
	e, err := s.wholeEstate(r.Context())
	if err != nil {
		return nil, err
	}
	c, err := s.countsOf(r.Context(), e, e.everybody()...)
	return answer{shape: shapeOfLicenseSettings, value: licenseSettings{
		ProductName: "Tallystick", Status: "Valid", Type: "NotInstalled", CloudConnectType: "Cloud Connect Provider",
		VMs: c.virtual, Workstations: c.workstations, Servers: c.servers, CloudVMs: c.cloud, CloudReplicas: c.replicas,
		CloudWorkstations: c.cloudStations, CloudServers: c.cloudServers,
	}}, err
}

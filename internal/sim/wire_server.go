package sim

import (
	"fmt"
	"time"
)

// installationID gives the id that the server goes by at t.
func (s *server) installationID(t time.Time) string {
	if _, ok := s.faults.on(FaultNewInstallation, t); ok {
		return uuidOf(s.key, mix(key(s.seed, "reinstalled")))
	}
	return s.installation
}

// serverInfo writes GET /serverInfo (vbr-rest.md §2).
func (c *call) serverInfo() answer {
	w := c.writer()
	platform := c.s.spec.Platform
	if platform == "" {
		platform = c.s.gen.platform
	}
	w.open('{')
	if c.rev >= rev13r0 {
		w.text("platform", platform)
	}
	w.text("vbrId", c.s.installationID(c.at))
	w.text("name", c.s.spec.Name)
	w.text("buildVersion", c.s.gen.build)
	w.array("patches")
	w.close(']')
	w.text("databaseVendor", "PostgreSQL")
	w.text("sqlServerEdition", "")
	w.text("sqlServerVersion", "PostgreSQL 17.6")
	w.text("databaseSchemaVersion", c.s.gen.schema)
	w.text("databaseContentVersion", c.s.gen.schema)
	if c.rev >= rev13r0 {
		w.object("veeamRegistration")
		w.flag("isRegistered", false)
		w.close('}')
	}
	w.close('}')
	return ok(w)
}

// serverTime writes GET /serverTime: seven places after the second, and always an offset in numbers.
func (c *call) serverTime() answer {
	w := c.writer()
	w.open('{')
	w.text("serverTime", c.now.In(c.s.zone).Format("2006-01-02T15:04:05.0000000-07:00"))
	if c.s.spec.UTCOffset == 0 {
		w.text("timeZone", "(UTC) Coordinated Universal Time")
	} else {
		w.text("timeZone", fmt.Sprintf("(UTC%s)", c.now.In(c.s.zone).Format("-07:00")))
	}
	if c.rev >= rev13r2 && c.s.spec.UTCOffset == 0 {
		w.text("ianaTimeZoneId", "Etc/UTC")
	}
	w.close('}')
	return ok(w)
}

// serverCertificate writes GET /serverCertificate.
func (c *call) serverCertificate() answer {
	cert := c.s.cert
	w := c.writer()
	w.open('{')
	w.text("thumbprint", cert.thumbprint)
	w.text("serialNumber", fmt.Sprintf("%016X", cert.leaf.SerialNumber))
	w.text("keyAlgorithm", "ECDSA")
	w.text("keySize", "256")
	w.text("subject", "CN="+cert.leaf.Subject.CommonName)
	w.text("issuedTo", cert.leaf.Subject.CommonName)
	w.text("issuedBy", cert.leaf.Subject.CommonName)
	w.instant("validFrom", cert.leaf.NotBefore)
	w.instant("validBy", cert.leaf.NotAfter)
	if c.rev >= rev13r0 {
		w.flag("isTrusted", false)
	}
	w.close('}')
	return ok(w)
}

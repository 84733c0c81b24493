package fleet

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// hostsMax is how many hosts a credential set names at most.
const hostsMax = 200

// hostName is a name as DNS has it. Others, of an address as of a set, are no host that a set is for: what looks like one name and
// is resolved as another is in them.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// foldHost puts a host into the form in which hosts are compared.
func foldHost(host string) string {
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(host), "."))
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.Unmap().String()
	}
	return host
}

// checkHosts puts the hosts of a credential set into their form: names, names below a domain as *.example.com, addresses, and
// blocks of addresses as 10.1.0.0/16.
func checkHosts(fields *[]fault.Field, hosts []string) (normal []string) {
	for _, text := range hosts {
		if strings.TrimSpace(text) == "" { // it would be taken for none, and none is something else
			*fields = append(*fields, fault.Field{Path: "--host", Text: "has an empty text among its hosts"})
			continue
		}
		host, ok := checkHost(text)
		if !ok {
			*fields = append(*fields, fault.Field{Path: "--host", Text: fmt.Sprintf(
				"%q is no host name (vbr01.example.com), domain (*.example.com), address (192.0.2.7) or block of addresses (192.0.2.0/24); ports are not named", text)})
			continue
		}
		normal = append(normal, host)
	}
	slices.Sort(normal)
	normal = slices.Compact(normal)
	if len(normal) > hostsMax {
		*fields = append(*fields, fault.Field{Path: "--host", Text: fmt.Sprintf("are %d: at most %d, and a domain or a block of addresses stands for many", len(normal), hostsMax)})
	}
	return normal
}

func checkHost(text string) (host string, ok bool) {
	host = foldHost(text)
	if block, err := netip.ParsePrefix(host); err == nil {
		if block.Addr().Is4In6() { // it would cover other addresses than it seems to
			return "", false
		}
		return block.Masked().String(), true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return host, ip.Zone() == ""
	}
	return host, hostName.MatchString(strings.TrimPrefix(host, "*."))
}

// IsFor reports whether a credential set names the host of an address, whatever its port.
func (c *Credential) IsFor(address string) bool {
	host := hostOf(address)
	ip, _ := netip.ParseAddr(host)
	if !ip.IsValid() && !hostName.MatchString(host) {
		return false
	}
	return slices.ContainsFunc(c.Hosts, func(allowed string) bool {
		if block, err := netip.ParsePrefix(allowed); err == nil {
			return ip.IsValid() && ip.Zone() == "" && block.Contains(ip)
		}
		domain, below := strings.CutPrefix(allowed, "*")
		return below && !ip.IsValid() && strings.HasSuffix(host, domain) || allowed == host
	})
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return foldHost(u.Hostname())
}

// admit names why the password of a credential set is not sent where a server is to be reached: elsewhere than the set says, or,
// where it says nothing, to where it was not sent before. manages: whoever asks manages credential sets. was is how the server
// was reached; nil: it is new. Every way to a set's password goes through here.
func (c *Credential) admit(was, is *Connection, manages bool) []fault.Field {
	if is == nil || is.Credential != c.ID {
		return nil
	}
	there := was != nil && was.Credential == c.ID && hostOf(was.URL) == hostOf(is.URL)
	var fields []fault.Field
	wrong := func(path, format string, args ...any) {
		fields = append(fields, fault.Field{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case there:
	case len(c.Hosts) > 0 && !c.IsFor(is.URL):
		wrong("--url", "%s", c.notFor(is.URL))
	case len(c.Hosts) == 0 && !manages:
		wrong("--credential", "the credential set %q names no hosts yet, so that it goes to a new address only by whoever manages credential sets: an administrator names its hosts", c.Name)
	}
	if is.TLS.Insecure && !manages && !(there && was.TLS.Insecure) {
		wrong("--insecure", "goes with the credential set %q only by whoever manages credential sets: give the fingerprint of the certificate", c.Name)
	}
	return fields
}

func (c *Credential) notFor(address string) string {
	return fmt.Sprintf("the credential set %q is not for the host %q: it is for %s; whoever manages credential sets adds hosts to it", c.Name, hostOf(address), strings.Join(c.Hosts, ", "))
}

// Misplaced gives those of the servers that are logged in to with a credential set at hosts that it does not name.
func (c *Credential) Misplaced(servers []Server) (misplaced []Server) {
	for i := range servers {
		if n := servers[i].Connection; len(c.Hosts) > 0 && n != nil && n.Credential == c.ID && !c.IsFor(n.URL) {
			misplaced = append(misplaced, servers[i])
		}
	}
	return misplaced
}

// Serves refuses an address that a credential set is not for, as a store does inside the step that keeps it: its hosts may have
// been changed since they were looked at.
func (c *Credential) Serves(address string) error {
	if len(c.Hosts) == 0 || c.IsFor(address) {
		return nil
	}
	return fault.New(fault.Conflict, "%s", c.notFor(address))
}

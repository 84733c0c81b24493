package vbr

import (
	"testing"
)

func TestTypesOfRows(t *testing.T) {
	t.Parallel()
	types := newTypeTable(TypeRules{Platform: map[string]string{"XcpNg": "VBR_RHV_VM"}, Text: map[string]string{"Quantum": "VBR_Cloud_VM"}})
	for _, c := range []struct{ platform, text, want string }{
		{"VMware", "VM", "VBR_vSphere_VM"},
		{"HyperV", "Virtual Machines", "VBR_HyperV_VM"},
		{"WindowsWorkstation", "Server", "VBR_Workstation_Agent"}, // the platform is the stable key
		{"CloudReplica", "", "CC_VM_Replica"},
		{"XcpNg", "VM", "VBR_RHV_VM"}, // the extension decides
		{"", "Quantum", "VBR_Cloud_VM"},
		{"", "VM", anyVM},
		{"Unknown", "VM", anyVM},
		{"FutureVisor", "VM", "VBR_Other_VM"},
		{"UniversalCdpWindows", "CDP", "UniversalCdpWindows"},
		{"", "File Shares (500 GB)", "VBR_Nas_Backup"},
		{"", "Cloud Connect (Servers)", "CC_Server_Backup"},
		{"", "CloudConnectReplicationVM", "CC_VM_Replica"},
		{"", "Workstations (3 PCs)", "VBR_Workstation_Agent"},
		{"", "QuantumMachine", "QuantumMachine"}, // C19: its own name
		{"", "", "Unknown"},
	} {
		if got := types.ofRow(c.platform, c.text); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.platform, c.text, got, c.want)
		}
	}
}

func TestTypesOfCounters(t *testing.T) {
	t.Parallel()
	types := newTypeTable(TypeRules{Counter: map[string]string{"VBR-VBR-QUANTUM": "VBR_Cloud_VM"}})
	for counter, want := range map[string]string{
		"VBR-VBR-VM-VSPHERE":         "VBR_vSphere_VM", // the two that are publicly known
		"VBR-VBR-APPLICATION-PLUGIN": "VBR_Application_Plugins",
		"VBR-VBR-VM-HYPERV":          "VBR_HyperV_VM",
		"VBR-VBR-VM-HYPER-V":         "VBR_HyperV_VM",
		"VBR-VBR-VM-NUTANIX":         "VBR_Nutanix_VM",
		"VBR-VBR-VM-XCPNG":           "VBR_Other_VM",
		"VBR-VBR-AGENT-SERVER":       "VBR_Server_Agent",
		"VBR-VBR-AGENT-WORKSTATION":  "VBR_Workstation_Agent",
		"VBR-VBR-CLOUD-VM":           "VBR_Cloud_VM",
		"VBR-VBR-CLOUD-DATABASE":     "VBR_Cloud_Database",
		"VBR-VBR-FILE-SHARE":         "VBR_Nas_Backup",
		"VBR-VCC-BACKUP-SERVER":      "CC_Server_Backup",
		"VBR-CLOUDCONNECT-REPLICA":   "CC_VM_Replica",
		"VBR-VBR-QUANTUM":            "VBR_Cloud_VM",
		"VBR-VBR-RIDDLE":             "VBR-VBR-RIDDLE",
		"":                           "Unknown",
	} {
		if got := types.ofCounter(counter); got != want {
			t.Errorf("%q: %q, want %q", counter, got, want)
		}
	}
}

func TestParseTypeRules(t *testing.T) {
	t.Parallel()
	r, err := ParseTypeRules([]byte("[platform]\nXcpNg = \"VBR_Other_VM\"\n[counter]\n\"VBR-X\" = \"VBR_Cloud_VM\"\n"))
	if err != nil || r.Platform["XcpNg"] != "VBR_Other_VM" || r.Counter["VBR-X"] != "VBR_Cloud_VM" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"[platfrom]\nA = \"B\"\n", "[text]\nA = \"\"\n", "[text]\n\"--\" = \"X\"\n", "[text", "text = 3"} {
		if _, err := ParseTypeRules([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

package vbr

import (
	"maps"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// TypeRules name types that the built-in tables do not know, or know otherwise.
type TypeRules struct {
	Platform map[string]string `toml:"platform"` // platformType of a license row -> catalogue id
	Text     map[string]string `toml:"text"`     // free text type of a license row -> catalogue id
	Counter  map[string]string `toml:"counter"`  // counterType of the report -> catalogue id
}

// ParseTypeRules reads an extension file: TOML with the tables platform, text and counter.
//
//	[platform]
//	XcpNg = "VBR_Other_VM"
func ParseTypeRules(data []byte) (TypeRules, error) {
	var r TypeRules
	d := toml.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return TypeRules{}, fault.Wrap(err, fault.Invalid, "the file of type names: %s", err.Error())
	}
	var fields []fault.Field
	for table, rules := range map[string]map[string]string{"platform": r.Platform, "text": r.Text, "counter": r.Counter} {
		for name, id := range rules {
			if strings.TrimSpace(id) == "" || squash(name) == "" {
				fields = append(fields, fault.Field{Path: table + "." + name, Text: "is a name and a catalogue id, neither empty"})
			}
		}
	}
	return r, fault.InvalidFields("the file of type names is refused", fields)
}

// typeTable maps the vendor's words to catalogue ids.
type typeTable struct {
	platform     map[string]string // squashed
	text         map[string]string // squashed
	counterTypes map[string]string // squashed, from the extension only
}

func newTypeTable(extra TypeRules) typeTable {
	t := typeTable{platform: squashed(platformTypes), text: squashed(textTypes), counterTypes: squashed(extra.Counter)}
	maps.Copy(t.platform, squashed(extra.Platform))
	maps.Copy(t.text, squashed(extra.Text))
	return t
}

func squashed(m map[string]string) map[string]string {
	s := make(map[string]string, len(m))
	for k, v := range m {
		s[squash(k)] = v
	}
	return s
}

// squash brings names into one form: lower case, letters and digits only.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// The catalogue ids that rows of this product can have (counting.md §4).
const (
	vSphereVM    = "VBR_vSphere_VM"
	hyperVVM     = "VBR_HyperV_VM"
	nutanixVM    = "VBR_Nutanix_VM"
	proxmoxVM    = "VBR_Proxmox_VM"
	rhvVM        = "VBR_RHV_VM"
	otherVM      = "VBR_Other_VM"
	cloudVM      = "VBR_Cloud_VM"
	cloudDB      = "VBR_Cloud_Database"
	cloudShare   = "VBR_Cloud_File_Share"
	plugin       = "VBR_Application_Plugins"
	serverAgent  = "VBR_Server_Agent"
	workstation  = "VBR_Workstation_Agent"
	nas          = "VBR_Nas_Backup"
	objectStore  = "VBR_Object_Storage"
	tape         = "VBR_Tape_Backup"
	entra        = "VBR_Entra_ID"
	ccVM         = "CC_VM_Backup"
	ccServer     = "CC_Server_Backup"
	ccStation    = "CC_Workstation_Backup"
	ccReplica    = "CC_VM_Replica"
	anyVM        = "\x00vm" // a virtual machine whose hypervisor the word does not tell
	cloudPrefix  = "CC_"
	unknownWords = "Unknown"
)

// platformTypes maps platformType, the stable key (vbr-rest.md §3.5). The ids of the hypervisors that 1.3-rev2
// adds by three letters are inference from what the product supports; CDP and what else is missing stays C19.
var platformTypes = map[string]string{
	"VMware": vSphereVM, "HyperV": hyperVVM, "NutanixAhv": nutanixVM, "Proxmox": proxmoxVM, "Kvm": rhvVM,
	"Scp": otherVM, "XcpNg": otherVM, "XenServer": otherVM, "HpeVme": otherVM, "Sfr": otherVM, "Kbv": otherVM,
	"Onl": otherVM, "Pl9": otherVM, "Vrg": otherVM, "Rho": otherVM, "Vtz": otherVM,
	"AwsEc2": cloudVM, "AzureVm": cloudVM, "GcpVm": cloudVM,
	"AwsRds": cloudDB, "AwsRdsCluster": cloudDB, "AwsDynamoDb": cloudDB, "AwsRedshift": cloudDB, "AwsRedshiftServerless": cloudDB,
	"AzureSql": cloudDB, "AzureCosmosDb": cloudDB, "GcpSql": cloudDB, "GcpSpanner": cloudDB,
	"AwsEfs": cloudShare, "AwsFsx": cloudShare, "AzureFileShare": cloudShare,
	"Application": plugin, "MongoDB": plugin, "Iris": plugin,
	"WindowsServer": serverAgent, "LinuxServer": serverAgent, "LinuxPpcServer": serverAgent, "UnixServer": serverAgent,
	"MacServer": serverAgent, "OracleSolaris": serverAgent, "IbmAix": serverAgent,
	"WindowsWorkstation": workstation, "LinuxWorkstation": workstation, "MacWorkstation": workstation,
	"UnstructuredData": nas, "UnstructuredDataServer": nas,
	"Amazon2Nas": objectStore, "Azure2Nas": objectStore, "S3Compatible2Nas": objectStore,
	"File2TapeShare": tape, "File2TapeServer": tape, "Amazon2Tape": tape, "Azure2Tape": tape, "S3Compatible2Tape": tape, "NdmpNetApp2Tape": tape,
	"AzureEntraId": entra,
	"CloudBackup":  ccVM, "CloudBackupServer": ccServer, "CloudBackupWorkstation": ccStation, "CloudReplica": ccReplica,
}

// textTypes maps the free text type: REST examples, PowerShell names and console labels (license-facts.md §4).
var textTypes = map[string]string{
	"VM": anyVM, "Virtual Machine": anyVM, "Virtual Machines": anyVM, "AHVVM": nutanixVM,
	"Server": serverAgent, "Servers": serverAgent, "Server Agent": serverAgent,
	"Workstation": workstation, "Workstations": workstation, "Workstations (3 PCs)": workstation, "Workstation Agent": workstation,
	"Application": plugin, "Applications": plugin,
	"CloudMachine": cloudVM, "Cloud Machines": cloudVM, "Cloud Databases": cloudDB, "Cloud File Shares": cloudShare,
	"FileShare": nas, "File Shares": nas, "File Shares (500 GB)": nas,
	"Object Storage": objectStore, "Object Storage (500 GB)": objectStore,
	"Microsoft Entra ID": entra, "Microsoft Entra ID (10 users)": entra,
	"CloudConnectBackupVM": ccVM, "Cloud Connect (VMs)": ccVM, "Cloud Backup (VM)": ccVM,
	"CloudConnectBackupServer": ccServer, "Cloud Connect (Servers)": ccServer, "Cloud Backup (Server)": ccServer,
	"CloudConnectBackupWorkstation": ccStation, "Cloud Connect (Workstations)": ccStation, "Cloud Backup (Workstation)": ccStation,
	"CloudConnectReplicationVM": ccReplica, "Cloud Connect (Replicas)": ccReplica, "Cloud Replica (VM)": ccReplica,
}

// counterWords maps counterType by words that begin its parts; the first row whose words all occur decides.
// Only VBR-VBR-VM-VSPHERE and VBR-VBR-APPLICATION-PLUGIN are publicly known: every other row is INFERENCE.
var counterWords = []struct{ words, id string }{
	{"CLOUD REPLICA", ccReplica},
	{"VCC REPLICA", ccReplica},
	{"CC REPLICA", ccReplica},
	{"CLOUDCONNECT WORKSTATION", ccStation},
	{"CONNECT WORKSTATION", ccStation},
	{"VCC WORKSTATION", ccStation},
	{"CC WORKSTATION", ccStation},
	{"CLOUD BACKUP WORKSTATION", ccStation},
	{"CLOUDCONNECT SERVER", ccServer},
	{"CONNECT SERVER", ccServer},
	{"VCC SERVER", ccServer},
	{"CC SERVER", ccServer},
	{"CLOUD BACKUP SERVER", ccServer},
	{"CLOUDCONNECT VM", ccVM},
	{"CONNECT VM", ccVM},
	{"VCC VM", ccVM},
	{"CC VM", ccVM},
	{"CLOUD BACKUP VM", ccVM},
	{"CLOUD DATABASE", cloudDB},
	{"CLOUD FILE", cloudShare},
	{"CLOUD", cloudVM},
	{"VSPHERE", vSphereVM},
	{"VMWARE", vSphereVM},
	{"HYPERV", hyperVVM},
	{"HYPER V", hyperVVM},
	{"NUTANIX", nutanixVM},
	{"AHV", nutanixVM},
	{"PROXMOX", proxmoxVM},
	{"RHV", rhvVM},
	{"KVM", rhvVM},
	{"OLVM", rhvVM},
	{"APPLICATION", plugin},
	{"PLUGIN", plugin},
	{"WORKSTATION", workstation},
	{"AGENT SERVER", serverAgent},
	{"SERVER AGENT", serverAgent},
	{"OBJECT STORAGE", objectStore},
	{"TAPE", tape},
	{"NAS", nas},
	{"FILE SHARE", nas},
	{"FILESHARE", nas},
	{"UNSTRUCTURED", nas},
	{"ENTRA", entra},
	{"VM", otherVM},
}

// ofCounter maps a counterType; one that nothing matches keeps its name (C19).
func (t *typeTable) ofCounter(counterType string) string {
	if id, ok := t.counterTypes[squash(counterType)]; ok {
		return id
	}
	parts := strings.FieldsFunc(strings.ToUpper(counterType), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, rule := range counterWords {
		if beginAll(parts, strings.Fields(rule.words)) {
			return rule.id
		}
	}
	return orUnknown(counterType)
}

func beginAll(parts, words []string) bool {
	for _, w := range words {
		found := false
		for _, p := range parts {
			found = found || strings.HasPrefix(p, w)
		}
		if !found {
			return false
		}
	}
	return true
}

// ofRow maps a license row: platformType first, then the free text. anyVM is a virtual machine of an unknown
// hypervisor; one that nothing matches keeps its name (C19).
func (t *typeTable) ofRow(platform, kind string) string {
	if id, ok := t.platform[squash(platform)]; ok {
		return id
	}
	id, ok := t.text[squash(kind)]
	stated := platform != "" && !strings.EqualFold(platform, unknownWords)
	switch {
	case ok && id == anyVM && stated:
		return otherVM
	case ok:
		return id
	case stated:
		return platform
	default:
		return orUnknown(kind)
	}
}

func orUnknown(name string) string {
	if strings.TrimSpace(name) == "" {
		return unknownWords
	}
	return name
}

// objectPlatforms maps platformName of a backup object, which has other words than platformType.
var objectPlatforms = map[string]string{
	"VMware": vSphereVM, "CloudDirector": vSphereVM, "Vcd": vSphereVM, "HyperV": hyperVVM, "Nutanix": nutanixVM, "NutanixAHV": nutanixVM,
	"Proxmox": proxmoxVM, "AWSEC2": cloudVM, "AzureCompute": cloudVM, "GCE": cloudVM,
	"UnstructuredData": nas, "EntraID": entra, "MongoDb": plugin, "Iris": plugin,
}

var objectPlatformsSquashed = squashed(objectPlatforms)

// ofObject maps a backup object; "" where it is no machine that consumes by itself (a folder, a template) or where
// its words do not say what it is. agent tells an agent of which they do not say whether it is a server.
func (t *typeTable) ofObject(o *objectRow) (id string, agent bool) {
	kind := squash(string(o.Type))
	platform := squash(string(o.PlatformName))
	switch {
	case strings.Contains(kind, "template"), strings.Contains(kind, "folder"), strings.Contains(kind, "dir"),
		strings.Contains(kind, "vapp"), strings.Contains(kind, "container"):
		return "", false
	case strings.Contains(kind, "workstation"):
		return workstation, false
	case strings.Contains(platform, "physical"):
		if strings.Contains(kind, "server") {
			return serverAgent, false
		}
		return serverAgent, true
	}
	if id, ok := objectPlatformsSquashed[platform]; ok {
		return id, false
	}
	if id, ok := t.platform[platform]; ok { // newer revisions may use the words of platformType
		return id, false
	}
	return "", false
}

func isHypervisor(id string) bool {
	switch id {
	case vSphereVM, hyperVVM, nutanixVM, proxmoxVM, rhvVM, otherVM:
		return true
	default:
		return false
	}
}

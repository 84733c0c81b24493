package sim

import "github.com/tallystick/tallystick/internal/core/usage"

// Kind is the kind of a workload, as a scenario writes it.
type Kind string

// The kinds.
const (
	KindVSphere            Kind = "vsphere-vm"
	KindHyperV             Kind = "hyperv-vm"
	KindNutanix            Kind = "nutanix-vm"
	KindProxmox            Kind = "proxmox-vm"
	KindWindowsServer      Kind = "windows-server"
	KindLinuxServer        Kind = "linux-server"
	KindWindowsWorkstation Kind = "windows-workstation"
	KindLinuxWorkstation   Kind = "linux-workstation"
	KindApplication        Kind = "application"
	KindFileShare          Kind = "file-share"
	KindCloudVM            Kind = "cloud-vm"
	KindTenantVM           Kind = "tenant-vm"
	KindTenantServer       Kind = "tenant-server"
	KindTenantWorkstation  Kind = "tenant-workstation"
	KindTenantReplica      Kind = "tenant-replica"
	KindOther              Kind = "other" // with typeText, and platform where there is one
)

// kindRow is how the vendor writes a kind.
type kindRow struct {
	kind      Kind
	rowType   string     // type of a license row
	objects12 string     // type of the totals, 12.x
	objects13 string     // type of the totals, 13.x
	platform  string     // platformType, vbr-rest.md §3.5
	counter   string     // counterType of the report
	object    string     // type of the backup object
	names     [3]string  // platformName in 1.2, in 1.3 before rev2, from rev2
	jobs      [2]string  // job type in 1.2 ("" where it cannot say it) and in 1.3
	workload  string     // workload of the job state
	instances float64    // weight in instances
	points    [2]float64 // weight in points: Enterprise, Enterprise Plus and all others
	host      string     // hostName where the scenario says none; "" is the machine's own name
	sized     bool       // sold by 500 GB
	tenant    bool       // of a Cloud Connect tenant
	agent     bool
}

// kinds is the one table of the vendor's words for workloads.
//
// Public (vbr-rest.md §3.4–§3.6): rowType VM, Server, Application, FileShare; the totals "VM", "FileShare",
// "Application", "Virtual Machines", "Applications"; every platformType; counterType VBR-VBR-VM-VSPHERE and
// VBR-VBR-APPLICATION-PLUGIN; platform names and job types. INFERENCE, by the pattern of those, of the names that
// PowerShell uses and of the console's labels: every other rowType, total and counterType; weights of tenant VMs
// in instances; that multipliers hold points where a license is in points (vbr-rest.md §8, rows 3–5).
var kinds = []kindRow{
	{kind: KindVSphere, rowType: "VM", objects12: "VM", objects13: "Virtual Machines", platform: "VMware", counter: "VBR-VBR-VM-VSPHERE", object: "VM", names: [3]string{"VMware", "VMware", "VMware"}, jobs: [2]string{"Backup", "VSphereBackup"}, workload: "Vm", instances: 1, points: [2]float64{9, 11}, host: "vcenter01.sim.test"},
	{kind: KindHyperV, rowType: "VM", objects12: "VM", objects13: "Virtual Machines", platform: "HyperV", counter: "VBR-VBR-VM-HYPERV", object: "VM", names: [3]string{"HyperV", "HyperV", "HyperV"}, jobs: [2]string{"Backup", "HyperVBackup"}, workload: "Vm", instances: 1, points: [2]float64{9, 11}, host: "hyperv01.sim.test"},
	{kind: KindNutanix, rowType: "AHVVM", objects12: "AHVVM", objects13: "Virtual Machines", platform: "NutanixAhv", counter: "VBR-VBR-VM-NUTANIX", object: "VM", names: [3]string{"CustomPlatform", "CustomPlatform", "Nutanix"}, jobs: [2]string{"", "NutanixAHVBackupJob"}, workload: "Vm", instances: 1, points: [2]float64{9, 11}, host: "ahv01.sim.test"},
	{kind: KindProxmox, rowType: "VM", objects12: "VM", objects13: "Virtual Machines", platform: "Proxmox", counter: "VBR-VBR-VM-PROXMOX", object: "VM", names: [3]string{"CustomPlatform", "CustomPlatform", "Proxmox"}, jobs: [2]string{"", "ProxmoxBackupJob"}, workload: "Vm", instances: 1, points: [2]float64{9, 11}, host: "pve01.sim.test"},
	{kind: KindWindowsServer, rowType: "Server", objects12: "Server", objects13: "Servers", platform: "WindowsServer", counter: "VBR-VBR-AGENT-SERVER", object: "Computer", names: [3]string{"WindowsPhysical", "WindowsPhysical", "WindowsPhysical"}, jobs: [2]string{"Backup", "WindowsAgentBackup"}, workload: "Server", instances: 1, points: [2]float64{11, 11}, agent: true},
	{kind: KindLinuxServer, rowType: "Server", objects12: "Server", objects13: "Servers", platform: "LinuxServer", counter: "VBR-VBR-AGENT-SERVER", object: "Computer", names: [3]string{"LinuxPhysical", "LinuxPhysical", "LinuxPhysical"}, jobs: [2]string{"Backup", "LinuxAgentBackup"}, workload: "Server", instances: 1, points: [2]float64{11, 11}, agent: true},
	{kind: KindWindowsWorkstation, rowType: "Workstation", objects12: "Workstation", objects13: "Workstations (3 PCs)", platform: "WindowsWorkstation", counter: "VBR-VBR-AGENT-WORKSTATION", object: "Computer", names: [3]string{"WindowsPhysical", "WindowsPhysical", "WindowsPhysical"}, jobs: [2]string{"Backup", "WindowsAgentBackupWorkstationPolicy"}, workload: "Workstation", instances: 0.33, points: [2]float64{4, 4}, agent: true},
	{kind: KindLinuxWorkstation, rowType: "Workstation", objects12: "Workstation", objects13: "Workstations (3 PCs)", platform: "LinuxWorkstation", counter: "VBR-VBR-AGENT-WORKSTATION", object: "Computer", names: [3]string{"LinuxPhysical", "LinuxPhysical", "LinuxPhysical"}, jobs: [2]string{"Backup", "LinuxAgentBackupWorkstationPolicy"}, workload: "Workstation", instances: 0.33, points: [2]float64{4, 4}, agent: true},
	{kind: KindApplication, rowType: "Application", objects12: "Application", objects13: "Applications", platform: "Application", counter: "VBR-VBR-APPLICATION-PLUGIN", object: "Database", names: [3]string{"CustomPlatform", "CustomPlatform", "CustomPlatform"}, jobs: [2]string{"Backup", "Unknown"}, workload: "Application", instances: 1, points: [2]float64{11, 11}},
	{kind: KindFileShare, rowType: "FileShare", objects12: "FileShare", objects13: "File Shares (500 GB)", platform: "UnstructuredData", counter: "VBR-VBR-NAS-BACKUP", object: "FileShare", names: [3]string{"UnstructuredData", "UnstructuredData", "UnstructuredData"}, jobs: [2]string{"Backup", "FileBackup"}, workload: "File", instances: 1, points: [2]float64{10, 10}, host: "nas01.sim.test", sized: true},
	{kind: KindCloudVM, rowType: "CloudMachine", objects12: "CloudMachine", objects13: "Cloud Machines", platform: "AwsEc2", counter: "VBR-VBR-CLOUD-VM", object: "CloudVM", names: [3]string{"CustomPlatform", "AWSEC2", "AWSEC2"}, jobs: [2]string{"", "CloudBackupAWS"}, workload: "CloudVm", instances: 1, points: [2]float64{11, 11}, host: "eu-central-1"},
	{kind: KindTenantVM, rowType: "CloudConnectBackupVM", objects12: "CloudConnectBackupVM", objects13: "Cloud Connect (VMs)", platform: "CloudBackup", counter: "VBR-VCC-VM-BACKUP", object: "VM", names: [3]string{"VMware", "VMware", "VMware"}, jobs: [2]string{"Backup", "BackupCopy"}, workload: "Vm", instances: 1, points: [2]float64{5, 5}, tenant: true},
	{kind: KindTenantServer, rowType: "CloudConnectBackupServer", objects12: "CloudConnectBackupServer", objects13: "Cloud Connect (Servers)", platform: "CloudBackupServer", counter: "VBR-VCC-SERVER-BACKUP", object: "Computer", names: [3]string{"WindowsPhysical", "WindowsPhysical", "WindowsPhysical"}, jobs: [2]string{"Backup", "BackupCopy"}, workload: "Server", instances: 0.33, points: [2]float64{7, 7}, tenant: true, agent: true},
	{kind: KindTenantWorkstation, rowType: "CloudConnectBackupWorkstation", objects12: "CloudConnectBackupWorkstation", objects13: "Cloud Connect (Workstations)", platform: "CloudBackupWorkstation", counter: "VBR-VCC-WORKSTATION-BACKUP", object: "Computer", names: [3]string{"WindowsPhysical", "WindowsPhysical", "WindowsPhysical"}, jobs: [2]string{"Backup", "BackupCopy"}, workload: "Workstation", instances: 0.16, points: [2]float64{3, 3}, tenant: true, agent: true},
	{kind: KindTenantReplica, rowType: "CloudConnectReplicationVM", objects12: "CloudConnectReplicationVM", objects13: "Cloud Connect (Replicas)", platform: "CloudReplica", counter: "VBR-VCC-VM-REPLICA", object: "", instances: 1, points: [2]float64{10, 10}, tenant: true},
	{kind: KindOther, platform: "Unknown", object: "VM", names: [3]string{"CustomPlatform", "CustomPlatform", "CustomPlatform"}, jobs: [2]string{"", "Unknown"}, workload: "Vm", instances: 1, points: [2]float64{11, 11}, host: "sim.test"},
}

// kindOf finds the row of k; nil when there is none.
func kindOf(k Kind) *kindRow {
	for i := range kinds {
		if kinds[i].kind == k {
			return &kinds[i]
		}
	}
	return nil
}

// multiplier gives the units of one object of this kind (of one block, where it is sold by size).
func (l *LicenseSpec) multiplier(k *kindRow) float64 {
	if m, ok := l.Multipliers[k.kind]; ok {
		return m
	}
	switch {
	case l.Units != usage.Points:
		return k.instances
	case l.Edition == "Enterprise":
		return k.points[0]
	default:
		return k.points[1]
	}
}

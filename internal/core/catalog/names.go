package catalog

import "cmp"

// typeNames are what people call the types of the first catalogue (counting.md §4); others are called by their id.
var typeNames = map[string]string{
	"VBR_vSphere_VM": "Virtual machine, vSphere", "VBR_HyperV_VM": "Virtual machine, Hyper-V", "VBR_Nutanix_VM": "Virtual machine, Nutanix AHV",
	"VBR_Proxmox_VM": "Virtual machine, Proxmox VE", "VBR_RHV_VM": "Virtual machine, KVM", "VBR_Other_VM": "Virtual machine, other",
	"VBR_Cloud_VM": "Cloud machine", "VBR_Cloud_Database": "Cloud database", "VBR_Cloud_File_Share": "Cloud file share",
	"VBR_Application_Plugins": "Application (plug-in)", "VBR_Server_Agent": "Server agent", "VBR_Workstation_Agent": "Workstation agent",
	"VBR_Nas_Backup": "File share", "VBR_Object_Storage": "Object storage", "VBR_Tape_Backup": "Files to tape", "VBR_Entra_ID": "Entra ID users",
	"CC_VM_Backup": "Cloud backup of a virtual machine", "CC_Server_Backup": "Cloud backup of a server",
	"CC_Workstation_Backup": "Cloud backup of a workstation", "CC_VM_Replica": "Cloud replica of a virtual machine",
	"VAC_Server_Agent": "Server agent", "VAC_Workstation_Agent": "Workstation agent", "VB365_User": "Microsoft 365 user",
}

// TypeName says what people call a type, by its id.
func TypeName(id string) string { return cmp.Or(typeNames[id], id) }

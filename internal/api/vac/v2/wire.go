package v2

import "github.com/tallystick/tallystick/internal/api/query"

// The wire structs of the resources, properties in wire order (rest-v2.md §3).

type link struct {
	Href string `json:"href"`
}

type relation struct {
	Rel    string `json:"rel"`
	Method string `json:"method"`
	Href   string `json:"href"`
}

// tokenPair is what a log-in gives (rest-v2.md §1.2).
type tokenPair struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
}

// tenant is a company (rest-v2.md §3.1).
type tenant struct {
	ID                          int64       `json:"id"`
	Name                        string      `json:"name"`
	InstanceUID                 guid        `json:"instanceUid"`
	CloudConnectAgentUID        guid        `json:"cloudConnectAgentUid" fill:"late"`
	SiteName                    string      `json:"siteName" fill:"late"`
	VCDOrganizationUID          *guid       `json:"vcdOrganizationUid"`
	TenantType                  string      `json:"tenantType"`
	Description                 string      `json:"description"`
	Title                       string      `json:"title"`
	FirstName                   string      `json:"firstName"`
	LastName                    string      `json:"lastName"`
	UserName                    string      `json:"userName"`
	EmailAddress                string      `json:"emailAddress"`
	IsEnabled                   bool        `json:"isEnabled"`
	TaxID                       *string     `json:"taxId"`
	Telephone                   *string     `json:"telephone"`
	Country                     string      `json:"country"`
	City                        *string     `json:"city"`
	Street                      *string     `json:"street"`
	USState                     *int        `json:"usState"`
	ZipCode                     *string     `json:"zipCode"`
	Domain                      *string     `json:"domain"`
	CompanyID                   *string     `json:"companyId"`
	Notes                       *string     `json:"notes"`
	BackupProtectionEnabled     bool        `json:"backupProtectionEnabled"`
	BackupProtectionPeriod      int         `json:"backupProtectionPeriod"`
	NetworkFailoverEnabled      bool        `json:"networkFailoverResourcesEnabled"`
	NumberOfPublicIP            int         `json:"numberOfPublicIp"`
	PublicIPEnabled             bool        `json:"publicIpEnabled"`
	MaxConcurrentTasks          int         `json:"maxConcurrentTasks"`
	BandwidthThrottling         bool        `json:"bandwidthThrottlingEnabled"`
	AllowedBandwidth            int         `json:"allowedBandwidth"`
	AllowedBandwidthUnits       string      `json:"allowedBandwidthUnits"`
	GatewayPools                []link      `json:"gatewayPools"` // always empty
	GatewayFailoverEnabled      bool        `json:"gatewayFailoverEnabled"`
	VMsBackedUp                 int64       `json:"vMsBackedUp" fill:"late"`
	VMsReplicated               int64       `json:"vMsReplicated" fill:"late"`
	VMsBackedUpToCloud          int64       `json:"vMsBackedUpToCloud" fill:"late"`
	ManagedPhysicalWorkstations int64       `json:"managedPhysicalWorkstations" fill:"late"`
	ManagedCloudWorkstations    int64       `json:"managedCloudWorkstations"`
	ManagedPhysicalServers      int64       `json:"managedPhysicalServers" fill:"late"`
	ManagedCloudServers         int64       `json:"managedCloudServers"`
	ExpirationEnabled           bool        `json:"expirationEnabled"`
	ExpirationDate              *isoTime    `json:"expirationDate"`
	Actions                     []string    `json:"actions"`
	Links                       tenantLinks `json:"_links" fill:"late"`
}

type tenantLinks struct {
	Self             link   `json:"self"`
	BackupResources  []link `json:"backupResources"`
	Locations        []link `json:"locations"`
	ReplicaResources []link `json:"replicaResources"`
	Users            []link `json:"users"`
	SubscriptionPlan link   `json:"subscriptionPlans"`
}

// backupServer is a server that protects (rest-v2.md §3.4).
type backupServer struct {
	ID             int64       `json:"id"`
	Name           string      `json:"name"`
	SiteName       string      `json:"siteName"`
	ServerUID      guid        `json:"serverUid"`
	AgentUID       guid        `json:"agentUid"`
	IsCloudConnect bool        `json:"isCloudConnect"`
	Links          serverLinks `json:"_links" fill:"late"`
}

type serverLinks struct {
	Self               link   `json:"self"`
	BackupRepositories []link `json:"backupRepositories"`
	Jobs               []link `json:"jobs"`
}

// serverLicense is the license of a backup server (rest-v2.md §3.3.1).
type serverLicense struct {
	ID                        guid         `json:"id"`
	ContactPerson             string       `json:"contactPerson"`
	LicenseAdministratorEmail string       `json:"licenseAdministratorEmail"`
	LicenseeEmail             string       `json:"licenseeEmail"`
	Edition                   *edition     `json:"edition"`
	LicensedTo                string       `json:"licensedTo"`
	LicenseType               string       `json:"licenseType"`
	Status                    string       `json:"status"`
	SupportID                 string       `json:"supportID"`
	LicenseExpirationDate     isoTime      `json:"licenseExpirationDate"`
	SupportExpirationDate     isoTime      `json:"supportExpirationDate"`
	LicensedSockets           int64        `json:"licensedSockets"`
	UsedSockets               int64        `json:"usedSockets"`
	LicensedVMs               int64        `json:"licensedVMs"`
	UsedVMs                   int64        `json:"usedVMs"`
	BackupServerName          string       `json:"backupServerName"`
	CompanyName               *string      `json:"companyName"`
	LocationName              string       `json:"locationName"`
	NewVMs                    int64        `json:"newVMs"`
	TotalInstances            int64        `json:"totalInstances"`
	UsedInstances             int64        `json:"usedInstances"`
	Links                     licenseLinks `json:"_links"`
}

type licenseLinks struct {
	Self          link   `json:"self"`
	BackupServers []link `json:"backupServers"`
}

// cloudLicense is the license of a Cloud Connect server (rest-v2.md §3.3.2).
type cloudLicense struct {
	ID                        guid         `json:"id"`
	ContactPerson             *string      `json:"contactPerson"`
	LicenseAdministratorEmail *string      `json:"licenseAdministratorEmail"`
	LicenseeEmail             *string      `json:"licenseeEmail"`
	Edition                   *edition     `json:"edition"`
	LicensedTo                *string      `json:"licensedTo"`
	LicenseType               string       `json:"licenseType"`
	Status                    string       `json:"status"`
	SupportID                 *string      `json:"supportID"`
	LicenseExpirationDate     isoTime      `json:"licenseExpirationDate"`
	SupportExpirationDate     isoTime      `json:"supportExpirationDate"`
	LicensedVMs               int64        `json:"licensedVMs"`
	UsedVMs                   int64        `json:"usedVMs"`
	BackupServerName          string       `json:"backupServerName"`
	CompanyName               *string      `json:"companyName"`
	NewVMs                    int64        `json:"newVMs"`
	LicensedBackups           int64        `json:"licensedCloudconnectBackups"`
	UsedBackups               int64        `json:"usedCloudconnectBackups"`
	LicensedReplicas          int64        `json:"licensedCloudconnectReplicas"`
	UsedReplicas              int64        `json:"usedCloudconnectReplicas"`
	LicensedServers           int64        `json:"licensedCloudconnectServers"`
	UsedServers               int64        `json:"usedCloudconnectServers"`
	LicensedWorkstations      int64        `json:"licensedCloudconnectWorkstations"`
	UsedWorkstations          int64        `json:"usedCloudconnectWorkstations"`
	Links                     licenseLinks `json:"_links"`
}

// licenseSettings is the license of the console itself, with both spellings of two names (rest-v2.md §3.3.3, §6).
type licenseSettings struct {
	AutoupdateEnabled         bool    `json:"autoupdateEnabled"`
	ProductName               string  `json:"productName"`
	Status                    string  `json:"status"`
	Type                      string  `json:"type"`
	LicenseString             *string `json:"licenseString"`
	LicenseTo                 *string `json:"licenseTo"`
	LicensedTo                *string `json:"licensedTo"`
	ContactPerson             *string `json:"contactPerson"`
	LicenseAdministratorEmail *string `json:"licenseAdministratorEmail"`
	LicenseeEmail             *string `json:"licenseeEmail"`
	Licenses                  int64   `json:"licensesCount"`
	LicensesUsed              int64   `json:"licensesUsedCount"`
	CloudConnectType          string  `json:"cloudConnectType"`
	SupportIDCapital          *string `json:"supportID"`
	SupportID                 *string `json:"supportId"`
	LicenseID                 *string `json:"licenseID"`
	ExpirationDate            isoTime `json:"expirationDate"`
	SupportExpirationDate     isoTime `json:"supportExpirationDate"`
	LastUpdateDate            isoTime `json:"lastUpdateDate"`
	VMs                       int64   `json:"vmCount"`
	Workstations              int64   `json:"workstationCount"`
	Servers                   int64   `json:"serverCount"`
	CloudHostedWorkstations   int64   `json:"cloudWorkstationCount"` // agents on machines in a public cloud: nothing tells them apart
	CloudHostedServers        int64   `json:"cloudServerCount"`
	CloudVMs                  int64   `json:"cloudconnectBackupVmCount"`
	CloudWorkstations         int64   `json:"cloudconnectBackupWorkstationCount"`
	CloudServers              int64   `json:"cloudconnectBackupServerCount"`
	CloudReplicas             int64   `json:"cloudconnectReplicationVmCount"`
}

// alarmTemplate is a kind of alarm; "predifined" is the wire's own spelling (rest-v2.md §3.5).
type alarmTemplate struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"`
	Category   string     `json:"category"`
	InternalID int64      `json:"internalId"`
	Knowledge  knowledge  `json:"knowledge"`
	Predefined bool       `json:"predifined"`
	Enabled    bool       `json:"enabled"`
	Links      []relation `json:"_links"`
}

type knowledge struct {
	Summary    string `json:"summary"`
	Cause      string `json:"cause"`
	Resolution string `json:"resolution"`
}

// alarmEvent is one alarm with its latest activation (rest-v2.md §3.5).
type alarmEvent struct {
	ID             int64      `json:"id"`
	AlarmTemplate  int64      `json:"alarmTemplateId"`
	RepeatCount    int64      `json:"repeatCount"`
	CompanyID      int64      `json:"companyId"`
	LocationID     int64      `json:"locationId"`
	ComputerName   string     `json:"computerName"`
	ObjectName     string     `json:"objectName"`
	LastActivation activation `json:"lastActivation"`
	Links          []relation `json:"_links"`
}

type activation struct {
	Time    ticks  `json:"time"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Remark  string `json:"remark"`
}

var (
	shapeOfTenant          = query.ShapeOf[tenant]()
	shapeOfServer          = query.ShapeOf[backupServer]()
	shapeOfLicense         = query.ShapeOf[serverLicense]()
	shapeOfCloudLicense    = query.ShapeOf[cloudLicense]()
	shapeOfLicenseSettings = query.ShapeOf[licenseSettings]()
	shapeOfTemplate        = query.ShapeOf[alarmTemplate]()
	shapeOfEvent           = query.ShapeOf[alarmEvent]()
)

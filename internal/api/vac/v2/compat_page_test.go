package v2

import (
	"fmt"
	"strings"

	"github.com/tallystick/tallystick/internal/api/query"
)

// CompatibilityPage writes docs/compat/vac-v2.md from the route table.
func CompatibilityPage() string {
	var b strings.Builder
	b.WriteString(strings.Replace(compatibilityHead, "%FUNCTIONS%", strings.ReplaceAll(query.FunctionNames(), ",", ""), 1))
	for _, g := range (&Surface{}).groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| method | path | |\n|---|---|---|\n", g.name)
		for i := range g.routes {
			r := &g.routes[i]
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", r.Method, r.Pattern, r.Served)
		}
	}
	return b.String()
}

const compatibilityHead = `# REST API v2 of the provider console: what is matched, where we differ

Written by ` + "`go test ./internal/api/vac/v2 -run Compatibility -update`" + ` from the route table in
` + "`internal/api/vac/v2/routes.go`" + `; do not edit. *served*: answered from our data. *empty*: answered, well-formed, without a
source of data. *not served*: 501 with a message. Tallystick is not affiliated with Veeam; names of products and wire values are
used only to describe compatibility.

## Profiles

| | 3.0 (default) | 6.0 (` + "`--profile 6.0`" + `) |
|---|---|---|
| usage fields | ` + "`rentalInstances`, `newInstances`, `usedInstances`" + ` | ` + "`unitType`, `rentalUnits`, `newUnits`, `usedUnits`" + ` |
| agent types | ` + "`VBR_Windows_Server_Agent` …" + ` | ` + "`VBR_Server_Agent` …" + ` |
| unit kinds of a type | added into one row, ` + "`X-Usage-Units: Mixed`" + ` | a row each |
| ` + "`byVCCTenantUid`" + ` | 404 | served, addressed by the tenant's ` + "`instanceUid`" + ` |
| ` + "`/tenants/licensing/reports…`" + ` | 404 | served from the monthly statements |

## Where we differ

| subject | what we do |
|---|---|
| roles | portal administrators only, as the reference says; others get 403 |
| sessions | any number at a time; a refresh token is good once, a second use ends its whole family; a refresh ends the access token before it; who may not use this API may still log out |
| log-in | failed log-ins are limited by account and address: 429 with ` + "`Retry-After`" + ` |
| paths | letter case and a trailing slash do not matter; a tenant is addressed by number or GUID |
| unassigned company | is no tenant here: 404 |
| query options | an unknown ` + "`$`" + ` option, or one that a single object does not have, is a 400 that says so; ` + "`$count=true`" + ` and ` + "`$inlinecount=allpages`" + ` answer ` + "`{\"odata.count\":\"2\",\"value\":[…]}`" + `; ` + "`$select`" + ` gives exactly what is named, ` + "`_links`" + ` only where it is; property names match without regard to case; JSON is the only format |
| filter language | OData v3 and v4: ` + "`eq ne gt ge lt le in and or not add sub mul div divby mod`" + ` (` + "`div`" + ` of whole numbers is whole), parentheses, nested paths, texts, numbers, ` + "`guid'…'`, `datetime'…'`, `datetimeoffset'…'`" + ` and their bare forms, ` + "`null true false`" + `; functions ` + "`%FUNCTIONS%`" + `; of lists ` + "`list/any(x: …)`, `list/all(x: …)`, `list/any()`" + ` |
| usage | headers ` + "`X-Usage-At`, `X-Usage-As-Of`, `X-Usage-Complete`, `X-Usage-Missing`, `X-Usage-Units`, and `X-Usage-Coverage`, of the month so far: `98.66; read=2; stale=0; unknown=0; timeout=3` is the percentage of the server that was read least, how the servers stand, and the readings that did not come about, by reason" + `; ` + "`?asOf=`" + ` gives the figure of another instant |
| usage reports | one for each month of which there are statements, the newest first, made of the latest statement of each company: ` + "`reportId`" + ` is ` + "`202610`" + ` for October 2026; a month without statements is a 404, since nothing was counted; ` + "`initialCount`" + ` is what was counted, ` + "`reportedCount` and `usedPoints`" + ` what is billed after adjustments, whose reasons have no place here (` + "`statement show`" + ` has them); ` + "`weight`" + ` is the average, or ` + "`null`" + ` where what is billed is not so many times that; points are the units of the statement, of products apart by edition and kind of unit, and a total over kinds is ` + "`null`" + `; what free licenses and licenses of others are used for is in ` + "`appendices`" + `; tenants that belong to nobody are an organization of type ` + "`unknown`" + `; ` + "`licenseId` and `supportId`" + ` are ` + "`null`" + `; headers, of the reports that are shown with more than which they are: ` + "`X-Report-Final` (no company is without a final statement), `X-Report-Status: 2026-10 draft=1 approved=2 undrafted=1`, `X-Usage-Complete`, `X-Usage-Units`" + ` |
| finalization | makes all approved statements of the latest month final, or none: a 409 names the companies whose statement is not approved or not made, as the wire has no place for the reasons that approving may need; again, it changes nothing |
| tenant | what we have no source for has the value of none; ` + "`title`" + ` is ` + "`Unknown`" + ` where none is given; ` + "`siteName`" + ` and ` + "`cloudConnectAgentUid`" + ` name the Cloud Connect server on which the company is a tenant, unless a POST named an agent; ` + "`actions`" + ` is what can be done now; counts come from the usage rows |
| writing a tenant | POST and PUT answer 201 with the tenant as GET gives it, POST with ` + "`Location`" + `; a PUT replaces everything but the password, the agent, the organization and whether it is enabled: what is not given has its first value again; what GET gives can be put back; ` + "`userName`" + ` makes the workloads of that account on shared servers the tenant's, and a PUT that names another account adds it and takes none away; numbers and truth values may be quoted, names differ in letter case, properties that are only read or not known are left aside; ` + "`MbitPerSec`" + ` becomes ` + "`MB/s`" + ` or ` + "`KB/s`" + `; the account's password is not kept, since we do not manage the account; a taken name is a 409, and so is deleting a tenant that still has servers |
| backup resources | quotas as they were written here: nobody enforces them, and no backup server tells how much is used: ` + "`usedStorageQuota`" + ` and ` + "`usedTrafficQuota`" + ` are 0; the interval is the month; -1 and 0 are unlimited; both spellings of POST and GET are taken |
| locations | each tenant has one, ` + "`Default location`" + `, with the tenant's number: where servers stand is nothing that this console knows; its sizes are those of the repositories of the tenant's own backup servers |
| resellers | are kept here, with quotas and sites; a tenant is the client of one at most; ` + "`managedClients`" + ` takes ` + "`{\"tenantId\":7}`, `{\"tenantIds\":[7,8]}` or `[7,8]`" + `; agents are counted from the clients' rows of ` + "`availabilityConsoleUsage`" + `, what is used of a quota is 0; a reseller with clients is not deleted (409) |
| subscription plans | are made with ` + "`tallystick plan`" + `, as the reference has no route for it; plan 0 is always there, asks for nothing, and is what a tenant has that was given no other; prices have six places at most; the unit of a space or a transfer is ` + "`GB` or `TB`" + `; no invoice is made of them |
| users | those who log in to this console, without personal data; ` + "`portal-readonly`" + ` is shown as ` + "`Portal Operator`" + `, and ` + "`company-readonly`" + ` as ` + "`Invoice Auditor`" + `, the nearest roles that there are; none has a quota of its own |
| backup policies | are kept and come back as they were posted, but ` + "`id`, `type`, `tenantsCount`, `modifiedDate`, `createdBy`, `_links`" + `, which are this console's; no agent is told |
| backup server | ` + "`serverUid`" + ` is the installation id, all zeros before the first reading; ` + "`agentUid`" + ` repeats it, as no agent of ours runs there; consoles are not listed |
| repository | sizes are in GB of 1024³ bytes with at most six places, 0 where the server states none; ` + "`healthState`" + ` is ` + "`Error`" + ` where it is offline, ` + "`Warning`" + ` where its components are out of date; all of them are as of the server's last reading; those of shared servers belong to no tenant: their ` + "`companyName`" + ` is ` + "`null`" + `, and ` + "`tenants` and `locations`" + ` link to all tenants |
| job | as of the server's last reading; ` + "`avgDuration`" + ` is 0 and ` + "`actions`" + ` empty; ` + "`endTime`" + ` is the start and the duration of the last run, which servers before 13 do not tell; a time that is not told is ` + "`0001-01-01T00:00:00`" + `; ` + "`protectedVMs`" + ` are the objects of jobs of virtual machines; ` + "`_links.tenants`" + ` is one link, as a client reads it; ` + "`companyId`" + ` is 1 on shared servers, and ` + "`locationId`" + ` repeats it; 3.0 has no names for jobs of agents: they are ` + "`Backup`" + ` |
| computer | one for each agent that a console lists now, as of its last reading: of a backup server's machines there is none, and of a console that was never read, either; ` + "`id`" + ` follows from the console's number, the tenant that a shared console names and the agent's id there, and stays the same when the agent goes and comes back; ` + "`lastHeartbeat`" + ` is the last restore point, the last sign of life that is told; ` + "`activationDate`" + ` is when protection began, where the console states it; ` + "`platformType` and `guestOs`" + ` follow from the platform that is stated, or from a type that names one; ` + "`licenceType` is `Activated`, or `null`" + ` where the license was revoked; what only the console knows is ` + "`null`" + `; what maps to no tenant links to all tenants |
| backup agent | one for each computer, with an ` + "`id`" + ` of its own; ` + "`companyId`" + ` is 1 where no tenant is meant, and ` + "`locationId`" + ` repeats it; ` + "`operationMode` is `UnLicensed`" + ` where the license was revoked, and ` + "`null`" + ` where the type does not say; ` + "`guiMode` is `Na`" + `; what only the console knows is ` + "`null`" + `; no console tells of the agents' jobs: their list is empty |
| license | a server that was never read has none; ` + "`usedVMs`, `newVMs`, `usedInstances`" + ` are the server's part in the usage rows, instances rounded up to whole ones; ` + "`licensedVMs`" + ` is 0; an unknown date is ` + "`0001-01-01T00:00:00`" + `; ` + "`Empty`, `Evaluation`, `Free`" + ` are written ` + "`NotInstalled`, `Trial`, `Community`" + `; ` + "`Invalid`, `Expired`" + ` are ` + "`Error`" + ` |
| Cloud Connect license | ` + "`used…`" + ` are the server's part in the usage rows of all companies and of what belongs to none; ` + "`newVMs`" + ` counts new machines and replicas alike; ` + "`licensed…`" + ` are 0, as a server states one total; a text that is not stated is ` + "`null`, so is `companyName`" + ` of a shared server |
| license settings | Tallystick needs no license: ` + "`type`" + ` is ` + "`NotInstalled`, `status` `Valid`" + `; the counts are what the provider protects; both ` + "`licenseTo` and `licensedTo`, `supportID` and `supportId`" + ` are there, and ` + "`null`" + ` |
| texts that nobody states | ` + "`null`" + ` where a dashboard script writes them as tags, of which a time-series database takes none that is empty: edition and company of a license, company of a repository, bottleneck of a job |
| alarms | templates 15 and 42 are the vendor's, from 1001 on our own; ` + "`locationId`" + ` repeats ` + "`companyId`" + `; events of shared servers have company 1; one about a company's statement has no ` + "`computerName`" + `, and the month as ` + "`objectName`" + `; ` + "`status`" + ` is Error, Warning, Information, Acknowledged or Resolved, and ` + "`remark`" + ` what a person said of it |
| countries and states | the 249 of ISO 3166-1, numbered from 3 by name, as the reference's sample begins; states with the District of Columbia and the inhabited territories, numbered from 1; numbers never change |
| documents | Swagger 2.0 of what is served in the profile, without a token, at ` + "`/swagger/docs/v2`" + `; an interactive page at ` + "`/swagger/`, which loads from nowhere else; `$count` and `$inlinecount`" + ` are not in it, as they change the answer's form |
| empty | lists that nothing is ever in take the query options all the same; one of them is a 404 by its name, as is what lies below one; below an unknown tenant the tenant is |
| not served | a 501 says why, where there is a reason: licenses and agents are only read; of what is empty, nothing can be made |
| errors | ` + "`{\"Message\":…}`, with `ModelState`" + ` on a 400; the reference is silent |
`

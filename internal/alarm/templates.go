package alarm

import "slices"

// Templates lists all templates by number. 15 and 42 must exist, also without
// events: clients ask for them and stop when they are missing (rest-v2.md §3.5).
func Templates() []Template { return slices.Clone(templates) }

// TemplateByID finds a template.
func TemplateByID(id TemplateID) (Template, bool) {
	i := slices.IndexFunc(templates, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return Template{}, false
	}
	return templates[i], true
}

var templates = []Template{
	{ServerConnection, "Backup server connection state", "Backup server", Knowledge{
		"A backup server could not be read.",
		"It is switched off or unreachable, its certificate changed, or it refuses the account.",
		"Run server test for it: it says in words what is wrong. Its last reading stands until then; figures are marked stale or unknown, never zero.",
	}},
	{CloudConnectConnection, "Cloud Connect server connection state", "Cloud Connect server", Knowledge{
		"A Cloud Connect server could not be read.",
		"It is switched off or unreachable, its certificate changed, or it refuses the account.",
		"Run server test for it: it says in words what is wrong. Its last reading stands until then; figures are marked stale or unknown, never zero.",
	}},
	{NewInstallation, "Installation id changed", "Backup server", Knowledge{
		"A server answers with another installation id than before.",
		"It was reinstalled, its database was replaced, or its address now leads to another server.",
		"Check that it is the right server. Its machines are counted as if it were read for the first time: none of them is new without a stated date.",
	}},
	{UnknownLicenseType, "Unknown license type", "License", Knowledge{
		"A license states a type that is not known.",
		"The product is newer than this program, or the license is unusual.",
		"Until it is known, the license is treated as one without free new machines.",
	}},
	{AssumedWeight, "Assumed weight", "License", Knowledge{
		"Workloads are counted with an assumed weight.",
		"The catalogue has no weight for this type under this edition, package or unit kind, or a size is missing.",
		"Compare with the vendor's report; have the weight added to the catalogue.",
	}},
	{UnknownWorkloadType, "Unknown workload type", "License", Knowledge{
		"Workloads have a type that the catalogue does not know.",
		"The product is newer than the catalogue.",
		"They are counted in the row Unknown with their stated units, or 1 each; have the type added to the catalogue.",
	}},
	{CountersMissing, "License report missing", "Backup server", Knowledge{
		"A server that gave license counters has not given them for 48 hours.",
		"Its license report times out or fails.",
		"Readings are accepted without counters and counted from the list. Look at the server's own report.",
	}},
	{UnassignedTenant, "Unassigned tenant", "Cloud Connect server", Knowledge{
		"A shared server names a tenant that belongs to no company.",
		"The tenant is new, was renamed, or its company was removed.",
		"Map the tenant to a company. Until then its workloads belong to the unassigned company.",
	}},
	{ClonedInstallation, "Cloned installation id", "Backup server", Knowledge{
		"Two servers have the same installation id.",
		"One was cloned from the other.",
		"Both are counted. Reset the installation id of one of them, or remove the server that was added twice.",
	}},
	{ClockOffset, "Server clock offset", "Backup server", Knowledge{
		"A server's clock differs from ours by more than 5 minutes.",
		"One of the two clocks is not synchronised.",
		"Synchronise both: months turn by the clock.",
	}},
	{ReportedDiffers, "Reported differs from computed", "License", Knowledge{
		"For longer than a day a server's own license counters and our count of what it lists have said different things of a type.",
		"The vendor counts machines that we do not, or the other way round: lapsed, revoked, covered or new ones, or ones that came or went.",
		"Run reconcile without a company, which shows shared servers as a whole, too: it names the machines that may be why. The figure is the reported one, unless the server's authority says otherwise.",
	}},
	{FinalOutdated, "Final statement outdated", "Statement", Knowledge{
		"Facts that arrived after a company's statement of a month became final make another one.",
		"A reading of that month came late or was corrected, or something was recorded that holds for that month, too: a tenant mapped for the first time, or a change that holds from an earlier time.",
		"The final statement never changes. Make a new one with statement supersede; the alarm ends when that is final. If what arrived is wrong, correct it: then it ends as well.",
	}},
	{StaleFigures, "Stale figures", "Backup server", Knowledge{
		"There is no reading of a server that is fresh enough: three times its interval have passed since the last one.",
		"The server cannot be read, nobody imports its readings any more, or nothing collects.",
		"See collect status, and run server test for it; import a reading where it is fed by import; remove the server where it is gone. Its last figures stand, marked as stale.",
	}},
	{LicenseExpiring, "License expiration", "License", Knowledge{
		"A license ends within 30 days, 14, 7 or one, or has ended.",
		"It was not renewed, or the server does not have the new key yet.",
		"Install the renewed key on the server; the next reading ends the alarm. The vendor may grant some time after the end, depending on the type of the license.",
	}},
	{LicenseExceeded, "License exceeded", "License", Knowledge{
		"A server uses more than its license holds: a warning where the vendor still allows it, an error where it does not.",
		"More machines are protected than were licensed. How much more is allowed depends on the product and on the type of the license.",
		"Take machines out of the jobs, or have the license enlarged. Beyond what is allowed, the server refuses to process more machines.",
	}},
	{StatementWaiting, "Statement waiting", "Statement", Knowledge{
		"The statements of a month that is over are not all final on the 10th of the next one.",
		"They were not drafted, approved or finalised, or one was made again and is still a draft.",
		"See statement list for the month; draft, approve and finalise what is left.",
	}},
	{FigureChanged, "Figure changed", "Statement", Knowledge{
		"A company's statement, which is not final yet, has a figure that moved by more than 25 percent, and by 10 units or more, against the month before.",
		"Machines came or went, a server was added or lost, a tenant was mapped, or a weight changed.",
		"Run usage diff over the two months: it says by what. Finalise the statement when it is right.",
	}},
	{SupportExpiring, "Support expiration", "License", Knowledge{
		"The support of a license ends within 30 days, 14, 7 or one, or has ended.",
		"The support contract was not renewed, or the server does not have the new key yet.",
		"Renew it and install the new key on the server; the next reading ends the alarm. A perpetual license goes on without, but gets no updates.",
	}},
}

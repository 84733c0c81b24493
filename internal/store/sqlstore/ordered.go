package sqlstore

// Statement is one text, for an engine's test of its indexes.
type Statement struct {
	Name  string
	SQL   string
	Args  int  // number of parameters
	Whole bool // it takes a table in the order of its key, all of it or its first row
}

// Ordered lists every statement that promises an order or answers by a key on a
// path that is taken often: an index must serve each, without a sort of its own.
func Ordered() []Statement {
	return []Statement{
		{"companies", companiesSQL, 1, false},
		{"company by name", companyNamedSQL, 2, false},
		{"servers", serversSQL, 0, true},
		{"server by name", serverNamedSQL, 2, false},
		{"registry", registrySQL, 0, true},
		{"registry after", registryAfterSQL, 1, false},
		{"users", usersSQL, 0, true},
		{"user by name", userByNameSQL, 1, false},
		{"session by access", sessionByAccess, 1, false},
		{"session by refresh", sessionByRefresh, 1, false},
		{"sessions that ended", forgetSessionsSQL, 1, false},
		{"sessions of a family", endFamilySQL, 1, false},
		{"open sessions of a user", sessionsOfSQL, 3, false},
		{"number of a user's open sessions", openSessionsSQL, 2, false},
		{"one session of a user", endOneSQL, 2, false},
		{"sessions of a user", endUserSQL, 1, false},
		{"record", recordSQL, 2, false},
		{"records", recordsSQL, 1, false},
		{"records of a company", companyRecords, 2, false},
		{"records of an owner", ownedRecords, 2, false},
		{"audit", auditSQL, 2, true},
		{"audit of a company", auditOfSQL, 3, false},
		{"events", eventsSQL, 0, true},
		{"events of a template", eventsOfSQL, 1, false},
		{"events of a server", serverEventsSQL, 1, false},
		{"events of a company", companyEventsSQL, 1, false},
		{"activations of an event", activationsOfSQL, 1, false},
		{"steps of an event", stepsOfSQL, 1, false},
		{"gaps that arrived", gapsArrivedSQL, 1, false},
		{"gap at", gapAtSQL, 1, false},
		{"log at", logAtSQL, 1, false},
		{"log since", logSinceSQL, 1, false},
		{"log after", logAfterSQL, 1, false},
		{"facts of a subject", subjectFactsSQL, 2, false},
		{"facts after", factsAfterSQL, 2, false},
		{"corrections after", correctionsAfterSQL, 2, false},
		{"installations after", installationsSQL, 2, false},
		{"gap taken at", gapTakenSQL, 3, false},
		{"tip", tipSQL, 1, false},
		{"chunks", chunksSQL, 3, false},
		{"based chunks", basedSQL, 3, false},
		{"tips of some", tipsOfSomeSQL, aheadServers, false},
		{"chunks of some", chunksOfSomeSQL, aheadServers, false},
		{"based chunks of each", basedEachSQL, 2 * aheadServers, false},
		{"revoked", revokedSQL, 2, false},
		{"revoked by", revokedBySQL, 1, false},
		{"readings", readingsSQL, 0, true},
		{"readings of one", readingsOfSQL, 1, false},
		{"gaps after", gapsAfterSQL, 2, false},
		{"gaps of", gapsOfSQL, 1, false},
		{"gaps within", gapsWithinSQL, 4, false},
		{"gaps around", gapsAroundSQL, 4, false},
		{"gaps of some within", gapsOfSomeSQL, aheadServers + 3, false},
		{"statement", statementSQL, 3, false},
		{"latest statement", latestStatementSQL, 2, false},
		{"statements of a company", statementsOfSQL, 1, false},
		{"bundle", bundleSQL, 3, false},
		{"statements of a month", statementsInSQL, 1, false},
		{"months of statements", monthsSQL, 0, true},
		{"marks of statements", marksSQL, 1, false},
		{"repositories", repositoriesSQL, 0, true},
		{"repositories of a server", repositoriesOfSQL, 1, false},
		{"numbers of a server's repositories", repositoryIDsOfSQL, 1, false},
		{"jobs", jobsSQL, 0, true},
		{"jobs of a server", jobsOfSQL, 1, false},
		{"numbers of a server's jobs", jobIDsOfSQL, 1, false},
		{"inventories", inventoriesSQL, 0, true},
	}
}

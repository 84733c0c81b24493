package sqlstore

// Statement is one text with the number of its parameters, for an engine's test of its indexes.
type Statement struct {
	Name string
	SQL  string
	Args int
}

// Ordered lists every statement that promises an order or answers by a key on a
// path that is taken often: an index must serve each, without a sort of its own.
func Ordered() []Statement {
	return []Statement{
		{"companies", companiesSQL, 1},
		{"company by name", companyNamedSQL, 2},
		{"servers", serversSQL, 0},
		{"server by name", serverNamedSQL, 2},
		{"registry", registrySQL, 0},
		{"users", usersSQL, 0},
		{"user by name", userByNameSQL, 1},
		{"session by access", sessionByAccess, 1},
		{"session by refresh", sessionByRefresh, 1},
		{"sessions that ended", forgetSessionsSQL, 1},
		{"sessions of a family", endFamilySQL, 1},
		{"sessions of a user", endUserSQL, 1},
		{"events", eventsSQL, 0},
		{"events of a template", eventsOfSQL, 1},
		{"events of a server", serverEventsSQL, 1},
		{"last entry", lastEntrySQL, 0},
		{"head", headSQL, 0},
		{"position at", positionAtSQL, 1},
		{"facts of a subject", subjectFactsSQL, 2},
		{"facts after", factsAfterSQL, 2},
		{"corrections after", correctionsAfterSQL, 2},
		{"installations after", installationsSQL, 2},
		{"snapshot taken at", snapshotTakenSQL, 2},
		{"gap taken at", gapTakenSQL, 3},
		{"history", historySQL, 3},
		{"earliest", earliestSQL, 3},
		{"latest", latestSQL, 3},
		{"added", addedSQL, 3},
		{"newest", newestSQL, 2},
		{"readings", readingsSQL, 0},
		{"readings of one", readingsOfSQL, 1},
		{"next snapshot", nextSnapshotSQL, 1},
		{"next fact", nextFactSQL, 1},
		{"gaps after", gapsAfterSQL, 2},
	}
}

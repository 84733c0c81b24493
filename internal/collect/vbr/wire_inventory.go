package vbr

import "encoding/json"

// Repositories and jobs, of any revision that has license paths. 1.2 writes the words of a state in lower case and says
// nothing of the last run but its start and its result.

// repositoryState is a row of GET /backupInfrastructure/repositories/states.
type repositoryState struct {
	ID         text   `json:"id"`
	Name       text   `json:"name"`
	Capacity   number `json:"capacityGB"`
	Free       number `json:"freeGB"`
	Used       number `json:"usedSpaceGB"`
	IsOnline   text   `json:"isOnline"`
	IsOutdated text   `json:"isOutOfDate"` // from 1.3-rev0
}

func (r repositoryState) key() string { return string(r.ID) }

// jobState is a row of GET /jobs/states.
type jobState struct {
	ID         text        `json:"id"`
	Name       text        `json:"name"`
	Type       text        `json:"type"`
	Workload   text        `json:"workload"`
	Status     text        `json:"status"`
	LastResult text        `json:"lastResult"`
	LastRun    stamp       `json:"lastRun"`
	Objects    number      `json:"objectsCount"`
	Progress   runProgress `json:"sessionProgress"` // from 1.3-rev0, of the last run
}

func (r jobState) key() string { return string(r.ID) }

// runProgress is how far the last run came: at its end, all of it.
type runProgress struct {
	Duration    text   `json:"duration"`       // 00:26:04
	Rate        text   `json:"processingRate"` // 18.3 MB/s, 53.7 MB, N/A; with the server's decimal sign
	Bottleneck  text   `json:"bottleneck"`
	Transferred number `json:"transferredSize"` // bytes
}

// jobSettings is a row of GET /jobs, of which the rest is nobody's business here. What a schedule looks like depends on
// the type of the job.
type jobSettings struct {
	ID         text            `json:"id"`
	IsDisabled text            `json:"isDisabled"`
	Schedule   json.RawMessage `json:"schedule"`
}

func (r jobSettings) key() string { return string(r.ID) }

// schedule is that of most types.
type schedule struct {
	RunAutomatically text       `json:"runAutomatically"`
	Daily            switchable `json:"daily"`
	Monthly          switchable `json:"monthly"`
	Periodically     switchable `json:"periodically"`
	Continuously     switchable `json:"continuously"`
	AfterThisJob     switchable `json:"afterThisJob"`
}

type switchable struct {
	IsEnabled text `json:"isEnabled"`
}

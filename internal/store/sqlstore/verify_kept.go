package sqlstore

import (
	"fmt"
	"maps"
	"reflect"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

const allTipsSQL = `SELECT server, installation_id FROM tips ORDER BY server`

// rows: what a row says is what was put there.
func (v *verifier) rows() error {
	for _, t := range summedTables() {
		proofs, err := collect(v.ctx, v.tx, t.scan, t.all)
		if err := v.damaged(err, "table "+t.table); err != nil {
			return err
		}
		for _, p := range proofs {
			if err := p.err(); err != nil {
				v.say("table %s: %s has a wrong checksum", t.table, p.row())
			}
		}
	}
	return nil
}

// mark: it is there; its checksum was looked at before.
func (v *verifier) mark() error {
	there, err := exists(v.ctx, v.tx, markThereSQL)
	if err == nil && !there {
		v.say("it is not there up to where late facts were looked for")
	}
	return err
}

// installations are read before the readings that they come from.
func (v *verifier) installations() error {
	rows, err := collect(v.ctx, v.tx, unproven(scanInstallation), allInstalledSQL)
	v.installed = make(map[said]usage.Position, len(rows))
	for _, r := range rows {
		v.installed[r.said] = r.position
	}
	return err
}

// histories: every reading of every server can be read whole, and what is kept beside them is what they say.
func (v *verifier) histories() error {
	tips, err := collect(v.ctx, v.tx, scanPair[usage.ServerID, string], allTipsSQL)
	if err != nil {
		return err
	}
	for _, tip := range tips {
		if err := v.unreadable(tip.a, v.history(tip.a, tip.b)); err != nil {
			return err
		}
	}
	return nil
}

// unreadable is damaged for a server's readings: those behind the damage, and what only they say, are told once, by their number.
func (v *verifier) unreadable(server usage.ServerID, err error) error {
	where := "the readings of server " + server.String()
	if fault.Is(err, fault.Internal) {
		hidden := 0
		for i := range v.entries {
			if l := &v.entries[i]; l.server == server && l.kind == series.KindSnapshot && !l.found {
				l.found = true
				hidden++
			}
		}
		maps.DeleteFunc(v.installed, func(of said, _ usage.Position) bool { return of.server == server })
		if hidden > 0 {
			where += fmt.Sprintf(", of which %d cannot be read", hidden)
		}
	}
	return v.damaged(err, where)
}

func (v *verifier) history(server usage.ServerID, installation string) error {
	h, err := openHistory(v.ctx, v.tx, server)
	if err != nil {
		return err
	}
	first := make(map[string]usage.Position)
	err = h.Snapshots(func(at usage.Position, s *usage.Snapshot) error {
		v.take(at, series.KindSnapshot, server)
		if _, known := first[s.Server.InstallationID]; !known {
			first[s.Server.InstallationID] = at
		}
		return v.ctx.Err()
	})
	if err != nil {
		return err
	}
	for id, at := range first {
		if v.installed[said{server, id}] != at {
			v.say("server %d said the installation id %q first as entry %d, and what is kept of it is another", server, id, at)
		}
		delete(v.installed, said{server, id})
	}
	return v.summary(server, installation)
}

// summary: what is kept of a server's latest readings is what follows from them.
func (v *verifier) summary(server usage.ServerID, installation string) error {
	tip, _, err := readTip(v.ctx, v.tx, server)
	if err != nil {
		return err
	}
	revoked, err := revokedOf(v.ctx, v.tx, server, endOfLedger)
	if err != nil {
		return err
	}
	kept := tip.Summary
	err = tip.Summarize(series.Part{
		History: series.Open(tip, &source{v.ctx, v.tx, server}), Until: endOfTime, Before: endOfLedger, Revoked: revoked,
	})
	if err == nil && (!reflect.DeepEqual(kept, tip.Summary) || installation != tip.Summary.Installation) {
		v.say("what is kept of the latest reading of server %d is not what its readings say", server)
	}
	return err
}

// derived: nothing is kept of installation ids that nobody said.
func (v *verifier) derived() error {
	for of := range v.installed {
		v.say("the installation id %q of server %d is kept, and no reading says it", of.id, of.server)
	}
	return nil
}

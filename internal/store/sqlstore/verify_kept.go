package sqlstore

import (
	"reflect"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/store/series"
)

const (
	allTipsSQL      = `SELECT server, installation_id FROM tips ORDER BY server`
	allInstalledSQL = `SELECT server, installation_id, position FROM installations ORDER BY server, position`
)

// said is an installation id of a server.
type said struct {
	server usage.ServerID
	id     string
}

type position = usage.Position

// installations are read before the readings that they come from.
func (v *verifier) installations() error {
	type row struct {
		said
		position
	}
	rows, err := collect(v.ctx, v.tx, func(s scanner) (r row, err error) {
		err = s.Scan(&r.server, &r.id, &r.position)
		return r, err
	}, allInstalledSQL)
	v.installed = make(map[said]position, len(rows))
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
		err := v.history(tip.a, tip.b)
		if err := v.damaged(err, "the readings of server "+tip.a.String()); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) history(server usage.ServerID, installation string) error {
	h, err := openHistory(v.ctx, v.tx, server)
	if err != nil {
		return err
	}
	first := make(map[string]position)
	err = h.Snapshots(func(at position, s *usage.Snapshot) error {
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

package app

import (
	"context"
	"fmt"

	v1 "github.com/tallystick/tallystick/internal/api/native/v1"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

// console is what our own API asks of the running program.
type console struct{ *App }

func (a console) Test(ctx context.Context, s fleet.Server) (v1.Finding, error) {
	f, err := a.App.Test(ctx, s)
	return v1.Finding{
		Product: f.Product, Version: f.Version, Revision: f.Revision, ServerName: f.ServerName, InstallationID: f.InstallationID,
		License: f.License, Fingerprint: f.Fingerprint, Hints: f.Hints,
	}, err
}

func (a console) Collect(ctx context.Context, ids []usage.ServerID, each func(v1.Reading)) error {
	return a.App.Collect(ctx, ids, func(o Outcome) {
		each(v1.Reading{Server: o.Server, Name: o.Name, OK: o.OK, Entry: o.Position, Text: o.Text, Gap: o.Gap})
	})
}

func (a console) Schedule(ctx context.Context, ids ...usage.ServerID) ([]v1.Scheduled, error) {
	all, err := a.CollectStatus(ctx, ids...)
	list := make([]v1.Scheduled, len(all))
	for i := range all {
		s := &all[i]
		list[i] = v1.Scheduled{
			Server: s.Server, Name: s.Name, Interval: s.Interval, Reading: s.Reading, Next: s.Next, LastAt: s.LastAt, Failures: s.Failures, Last: s.Last,
		}
	}
	return list, err
}

func (a console) Bundle(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (v1.File, error) {
	made, err := a.Export(ctx, company, month, number)
	if err != nil {
		return v1.File{}, err
	}
	return v1.File{Name: fmt.Sprintf("%s-%s-%d.zip", made.Statement.CompanyUID, month, made.Statement.Number), MediaType: "application/zip", Data: made.Data}, nil
}

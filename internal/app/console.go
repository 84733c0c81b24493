package app

import (
	"bytes"
	"context"
	"errors"
	"reflect"

	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/collect"
	"github.com/tallystick/tallystick/internal/compare"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/report"
)

// console is what surfaces ask of the running program.
type console struct{ *App }

func (a console) Test(ctx context.Context, s fleet.Server) (api.Finding, error) {
	if s.ID < 0 || a.otherwise(ctx, &s) { // nobody asks for it again
		defer a.runner.Release(context.WithoutCancel(ctx), s.ID)
	}
	f, err := a.App.Test(ctx, s)
	if failed := (*collect.Failure)(nil); errors.As(err, &failed) {
		return api.Finding{Failed: &api.Failure{Reason: failed.Reason, Text: failed.Text}, Fingerprint: failed.Fingerprint}, nil
	}
	return api.Finding{
		Product: f.Product, Version: f.Version, Revision: f.Revision, ServerName: f.ServerName, InstallationID: f.InstallationID,
		License: f.License, Fingerprint: f.Fingerprint, Hints: f.Hints,
	}, err
}

// otherwise reports whether a server would be reached in another way than it is.
func (a console) otherwise(ctx context.Context, s *fleet.Server) bool {
	kept, err := a.Store.Server(ctx, s.ID)
	return err != nil || !reflect.DeepEqual(kept.Connection, s.Connection)
}

func (a console) Collect(ctx context.Context, ids []usage.ServerID, each func(api.Reading)) error {
	return a.App.Collect(ctx, ids, func(o Outcome) {
		each(api.Reading{Server: o.Server, Name: o.Name, OK: o.OK, Entry: o.Position, Text: o.Text, Gap: o.Gap})
	})
}

func (a console) Schedule(ctx context.Context, ids ...usage.ServerID) ([]api.Scheduled, error) {
	all, err := a.CollectStatus(ctx, ids...)
	list := make([]api.Scheduled, len(all))
	for i := range all {
		s := &all[i]
		list[i] = api.Scheduled{
			Server: s.Server, Name: s.Name, Interval: s.Interval, Reading: s.Reading, Next: s.Next, LastAt: s.LastAt, Failures: s.Failures, Last: s.Last,
		}
	}
	return list, err
}

func (a console) Bundle(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (api.File, error) {
	made, err := a.Export(ctx, company, month, number)
	if err != nil {
		return api.File{}, err
	}
	return api.File{Name: made.FileName(), MediaType: "application/zip", Data: made.Data}, nil
}

func (a console) SigningKeys(ctx context.Context) ([]api.SigningKey, error) {
	keys, err := a.App.SigningKeys(ctx)
	list := make([]api.SigningKey, len(keys))
	for i := range keys {
		list[i] = api.SigningKey{Fingerprint: keys[i].Fingerprint, Signs: keys[i].Signs}
	}
	return list, err
}

func (a console) TestSet(ctx context.Context, s fleet.Server, set fleet.CredentialID, edit fleet.CredentialEdit) error {
	err := a.TestCredential(ctx, s, set, edit)
	if failed := (*collect.Failure)(nil); errors.As(err, &failed) {
		return fault.Wrap(err, fault.Conflict, "%s cannot be logged in to with this account, and nothing is changed: %s", s.Name, failed.Text)
	}
	return err
}

func (a console) Report(ctx context.Context, company usage.CompanyID, month usage.Month, number int, form string) (api.File, error) {
	reports, err := a.Reports()
	if err != nil {
		return api.File{}, err
	}
	var r report.Report
	if company == 0 {
		r, err = reports.OfAll(ctx, month, form)
	} else {
		r, err = reports.OfCompany(ctx, company, month, number, form)
	}
	if err != nil {
		return api.File{}, err
	}
	var b bytes.Buffer
	err = r.Write(&b)
	return api.File{Name: r.FileName(), MediaType: r.Format.MediaType(), Data: b.Bytes()}, err
}

func (a console) Compare(ctx context.Context, company usage.CompanyID, month usage.Month, file, mapping string) (compare.Result, error) {
	q := CompareQuery{Month: month, File: Named{"file", []byte(file)}}
	if mapping != "" {
		q.Mapping = Named{"mapping", []byte(mapping)}
	}
	if company != 0 {
		q.Company = &company
	}
	return a.App.Compare(ctx, q)
}

// mark tells texts apart that may hold passwords, with the key file.
func (a *App) mark(ctx context.Context, text []byte) ([]byte, error) {
	box, err := a.secrets(ctx)
	if err != nil {
		return nil, err
	}
	return box.Mark(text), nil
}

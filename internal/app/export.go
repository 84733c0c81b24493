package app

import (
	"context"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/secret"
	"github.com/tallystick/tallystick/internal/statement/bundle"
)

// Export makes the signed bundle of a final statement; number 0: the month's latest.
func (a *App) Export(ctx context.Context, company usage.CompanyID, month usage.Month, number int) (bundle.Made, error) {
	x := bundle.Exporter{Counter: a.Months.Counter, Statements: a.Store, Exports: a.Store, Keys: signers{a}}
	return x.Export(ctx, company, month, number)
}

// SigningKey is a key that statements are signed with, by what may be shown of it.
type SigningKey struct {
	Fingerprint string `json:"fingerprint"` // to be handed out in another way than the bundles
	Signs       bool   `json:"signs"`       // it signs now; else it did
	File        string `json:"file"`
}

// SigningKeys lists the keys that statements are signed with, that which signs now first. The first one of all is made
// here; NotFound: it is lost.
func (a *App) SigningKeys(ctx context.Context) (list []SigningKey, err error) {
	keys, err := a.signingKeys(ctx)
	for _, k := range keys {
		list = append(list, SigningKey{bundle.Fingerprint(k.Public()), k.Number == 0, k.Path})
	}
	return list, err
}

// RotateSigningKey makes a new key that signs from now on; bundles that exist keep theirs, which stays.
func (a *App) RotateSigningKey(ctx context.Context) ([]SigningKey, error) {
	if err := secret.RotateSigning(a.dir); err != nil {
		return nil, err
	}
	return a.SigningKeys(ctx)
}

func (a *App) signingKeys(ctx context.Context) ([]secret.SigningKey, error) {
	keys, err := secret.SigningKeys(a.dir)
	if !fault.Is(err, fault.NotFound) {
		return keys, err
	}
	used, asking := a.Store.Signers(ctx)
	switch {
	case asking != nil:
		return nil, asking
	case len(used) > 0:
		return nil, withoutSigningKey(err)
	}
	if err := secret.CreateSigning(a.dir); err != nil {
		return nil, err
	}
	return secret.SigningKeys(a.dir)
}

// withoutSigningKey says what to do where the key that signs is not there, and what was signed with it.
func withoutSigningKey(err error) error {
	return fault.Wrap(err, fault.NotFound, "%s, and statements were signed with it: put statement*.key back from your copy. If it is lost, make a new one with "+
		"'tallystick statement key rotate' and hand out its fingerprint; the bundles that exist can still be checked, and not be exported again", fault.Text(err))
}

// signers finds the keys that sign.
type signers struct{ app *App }

func (s signers) Signer(ctx context.Context, fingerprint string) (bundle.Signer, error) {
	keys, err := s.app.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if fingerprint == "" || bundle.Fingerprint(k.Public()) == fingerprint {
			return k, nil
		}
	}
	return nil, fault.New(fault.NotFound, "the key %s, with which this bundle was signed, is not in %s: put its file back from your backup", fingerprint, s.app.dir)
}

// signing looks whether every key that ever signed a bundle is there.
func (d *doctor) signing(ctx context.Context, a *App) {
	keys, err := secret.SigningKeys(d.options.DataDir)
	used, asking := a.Store.Signers(ctx)
	none := fault.Is(err, fault.NotFound)
	switch {
	case asking != nil:
		d.failed("signing", asking)
		return
	case none && len(used) == 0:
		d.good("signing", "there is no key yet: the first that needs one makes it")
		return
	case none:
		d.failed("signing", withoutSigningKey(err))
		return
	case err != nil:
		d.failed("signing", err)
		return
	}
	there := make(map[string]bool)
	for _, k := range keys {
		there[bundle.Fingerprint(k.Public())] = true
	}
	for _, fingerprint := range used {
		if !there[fingerprint] {
			d.bad("signing", "statements were signed with the key %s, which is not there: put its file, statement*.key, back from your copy. Without it, its bundles can be checked, and not be exported again", fingerprint)
			return
		}
	}
	d.good("signing", "statements are signed with the key %s; %d older ones are kept", bundle.Fingerprint(keys[0].Public()), len(keys)-1)
}

package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Factor is a user's second factor beside the password: codes of an authenticator app (TOTP, RFC 6238), and some of paper for
// the day on which the app is lost.
type Factor struct {
	User     UserID
	Sealed   []byte      // the secret that the app knows
	Step     int64       // the latest time step whose code was taken: no code is taken twice (RFC 6238 §5.2)
	Recovery []TokenHash // of the codes of paper that were not used yet
	AddedAt  time.Time
}

// FactorStore keeps second factors.
type FactorStore interface {
	// AddFactor keeps the factor of a user who has none: NotFound, Conflict.
	AddFactor(ctx context.Context, f Factor) error
	// Factor gives a user's; NotFound.
	Factor(ctx context.Context, user UserID) (Factor, error)
	// Factors lists all by user.
	Factors(ctx context.Context) ([]Factor, error)
	// ChangeFactor keeps what next makes of a user's factor: both in one step, so that a code counts once. NotFound; an error of
	// next, which asks no store, is the answer.
	ChangeFactor(ctx context.Context, user UserID, next func(Factor) (Factor, error)) error
	// RemoveFactor takes a user's factor off; NotFound.
	RemoveFactor(ctx context.Context, user UserID) error
}

// Owner is what a text is sealed for, and opens for alone: the second factor of a user, or with 0 what somebody holds between a password and a code.
type Owner struct{ Factor UserID }

// Sealer keeps texts secret, and tells when they were changed.
type Sealer interface {
	Seal(of Owner, text string) ([]byte, error)
	// Unseal: Conflict, sealed with another key; Invalid, damaged or another owner's.
	Unseal(of Owner, sealed []byte) (string, error)
}

// errSealed says to people that nothing can be sealed or opened: what is wrong with the key file, and what helps, is for whoever runs the console.
func errSealed(cause error, what string) error {
	return fault.Wrap(cause, fault.Unavailable, "%s at the moment: whoever runs the console finds out why with tallystick doctor", what)
}

const (
	secretBytes   = 20 // RFC 4226 §4, R6: 160 bits
	stepSeconds   = 30 // RFC 6238 §4.1
	stepsAround   = 1  // a code of the step before or behind is taken: clocks differ, and people type slowly (RFC 6238 §5.2)
	codeDigits    = otp.DigitsSix
	codeFree      = 5 // wrong codes of a user before the waits begin
	recoveryCodes = 10
	recoveryBytes = 10 // 80 bits: nobody finds one from its hash
	halfLife      = 5 * time.Minute
)

var paper = base32.StdEncoding.WithPadding(base32.NoPadding)

// Entry is what signing in comes to: a Pair, or half of it where a second factor is wanted.
type Entry struct {
	Pair Pair
	Half string // for SignInSecond, within five minutes; opens nothing by itself
}

// half is how far somebody came with a password.
type half struct {
	User  UserID `json:"user"`
	Mark  []byte `json:"mark"`  // SHA-256 of the hash that was right: another password makes it worth nothing
	Until int64  `json:"until"` // seconds since 1970
	Added int64  `json:"added"` // the factor that was wanted, by when it was added, in microseconds
}

func passwordMark(u *User) []byte {
	sum := sha256.Sum256([]byte(u.PasswordHash))
	return sum[:]
}

// factorOf gives a user's second factor; nil: there is none.
func (s *Service) factorOf(ctx context.Context, user UserID) (*Factor, error) {
	f, err := s.Factors.Factor(ctx, user)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // having none is usual, and no fault
	}
	return &f, err
}

// HasFactor gives a user's second factor without its secret; nil: there is none.
func (s *Service) HasFactor(ctx context.Context, user UserID) (*Factor, error) {
	f, err := s.factorOf(ctx, user)
	if f != nil {
		f.Sealed = nil
	}
	return f, err
}

// halfway gives what goes on to the second factor.
func (s *Service) halfway(u *User, f *Factor) (string, error) {
	text, err := json.Marshal(half{u.ID, passwordMark(u), s.Now().Add(halfLife).Unix(), f.AddedAt.UnixMicro()})
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(Owner{}, string(text))
	if err != nil {
		return "", errSealed(err, "nobody with a second factor can sign in")
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// errLate: a half is worth nothing any more.
func errLate() error {
	return fault.New(fault.Conflict, "signing in took too long, or the user was changed meanwhile: begin again")
}

// halfOf reads a half, and finds whose it is. Conflict: it is to be begun again.
func (s *Service) halfOf(ctx context.Context, text string) (User, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return User{}, errLate()
	}
	opened, err := s.Sealer.Unseal(Owner{}, sealed)
	switch {
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.Conflict):
		return User{}, errLate()
	case err != nil:
		return User{}, errSealed(err, "nobody with a second factor can sign in")
	}
	var h half
	if err := json.Unmarshal([]byte(opened), &h); err != nil {
		return User{}, err
	}
	u, err := s.Users.User(ctx, h.User)
	if err != nil {
		return User{}, err
	}
	f, err := s.factorOf(ctx, h.User)
	switch left := h.Until - s.Now().Unix(); {
	case err != nil:
		return User{}, err
	case left <= 0, left > int64(halfLife/time.Second), // a clock that was set back makes none live longer
		!u.Enabled, subtle.ConstantTimeCompare(h.Mark, passwordMark(&u)) != 1, f == nil, f.AddedAt.UnixMicro() != h.Added:
		return User{}, errLate()
	}
	return u, nil
}

// SignInSecond ends what SignIn began, with a code of the app or one of paper. Unauthenticated: the code is wrong, or was used
// already; Limited, with RetryAfter; Conflict: it is to be begun again; Unavailable, in words: codes of the app cannot be checked.
func (s *Service) SignInSecond(ctx context.Context, from Client, half, code string) (Pair, error) {
	u, err := s.halfOf(ctx, half)
	if err != nil {
		return Pair{}, err
	}
	ctx = audit.By(ctx, audit.Actor{Name: u.Name, Via: "portal"})
	if err := s.spend(ctx, from, u.ID, code); err != nil {
		if fault.Is(err, fault.Unauthenticated) { // of who knows the password: the user is to hear of it
			err = cmp.Or(s.Users.UpdateUser(audit.Note(ctx, audit.Changed, "a wrong code, after the right password"), u.ID, UserChange{}, false), err)
		}
		return Pair{}, err
	}
	return s.openBrowser(ctx, &u, from)
}

// spend takes a code of a user's factor, once. Unauthenticated, or Limited.
func (s *Service) spend(ctx context.Context, from Client, user UserID, code string) error {
	now, address, account := s.Now(), addressKey(from.Address), fmt.Sprint(user)
	if wait := s.addresses.take(address, addressFree, now); wait > 0 {
		return limited(wait, "too many failed log-ins from this address")
	}
	if wait := s.codes.take(account, codeFree, now); wait > 0 {
		s.addresses.giveBack(address) // refused before it could fail
		return limited(wait, "too many wrong codes of this user")
	}
	f, err := s.factorOf(ctx, user)
	if err == nil && f == nil {
		err = errLate()
	}
	if err == nil {
		err = s.take(ctx, f, code, now)
	}
	if !fault.Is(err, fault.Unauthenticated) { // right, or our trouble
		s.addresses.giveBack(address)
		s.codes.giveBack(account)
	}
	if err == nil {
		s.codes.reset(account)
	}
	return err
}

func errCode() error {
	return fault.New(fault.Unauthenticated, "the code is wrong, or was used already")
}

// take marks a code as used. Unauthenticated: it is none, or was used.
func (s *Service) take(ctx context.Context, f *Factor, code string, now time.Time) error {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	if len(code) == paper.EncodedLen(recoveryBytes) {
		return s.takePaper(ctx, f, hashToken(strings.ToUpper(code)))
	}
	if len(code) != codeDigits.Length() {
		return errCode()
	}
	secret, err := s.Sealer.Unseal(Owner{f.User}, f.Sealed)
	if err != nil {
		return errSealed(err, "codes of the app cannot be checked, but recovery codes can,")
	}
	step, err := stepOf(secret, code, now)
	if err != nil {
		return err
	}
	return s.Factors.ChangeFactor(ctx, f.User, func(is Factor) (Factor, error) {
		if step <= is.Step || !is.AddedAt.Equal(f.AddedAt) {
			return is, errCode()
		}
		is.Step = step
		return is, nil
	})
}

func (s *Service) takePaper(ctx context.Context, f *Factor, hash TokenHash) error {
	var detail audit.Detail
	detail.Say("a recovery code was used")
	return s.Factors.ChangeFactor(audit.Note(ctx, audit.Changed, detail.String()), f.User, func(is Factor) (Factor, error) {
		if !is.AddedAt.Equal(f.AddedAt) {
			return is, errCode()
		}
		i := slices.IndexFunc(is.Recovery, func(h TokenHash) bool { return subtle.ConstantTimeCompare(h[:], hash[:]) == 1 })
		if i < 0 {
			return is, errCode()
		}
		is.Recovery = slices.Delete(slices.Clone(is.Recovery), i, i+1)
		return is, nil
	})
}

// stepOf finds the time step that a code is of. Unauthenticated: none of those around now.
func stepOf(secret, code string, now time.Time) (int64, error) {
	at := now.Unix() / stepSeconds
	found := int64(0)
	for step := at - stepsAround; step <= at+stepsAround; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: codeDigits, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // G115: behind 1970
		if err != nil {
			return 0, fault.Wrap(err, fault.Internal, "a code cannot be made")
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	if found == 0 {
		return 0, errCode()
	}
	return found, nil
}

// Offer is a second factor that a user may turn on: nothing is kept before a code of it was typed.
type Offer struct {
	Secret string // in base32, for who types it into the app
	URL    string // otpauth://, for a picture that the app reads
	Sealed string // for AddFactor
}

// OfferFactor makes a new secret for a user's app. issuer tells people in the app what the code is for.
func (s *Service) OfferFactor(actor Actor, issuer string) (Offer, error) {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return s.offer(actor, issuer, paper.EncodeToString(raw))
}

// OfferAgain gives an offer as it was, after a code of it was typed wrong. Invalid: it is none of this user's.
func (s *Service) OfferAgain(actor Actor, issuer, sealed string) (Offer, error) {
	secret, err := s.offered(actor.User, sealed)
	if err != nil {
		return Offer{}, err
	}
	return s.offer(actor, issuer, secret)
}

func (s *Service) offered(user UserID, sealed string) (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return "", fault.New(fault.Invalid, "this is no offer of a second factor")
	}
	return s.Sealer.Unseal(Owner{user}, text)
}

func (s *Service) offer(actor Actor, issuer, secret string) (Offer, error) {
	sealed, err := s.Sealer.Seal(Owner{actor.User}, secret)
	if err != nil {
		return Offer{}, errSealed(err, "no second factor can be turned on")
	}
	return Offer{Secret: secret, URL: keyURL(issuer, actor.Name, secret), Sealed: base64.RawURLEncoding.EncodeToString(sealed)}, nil
}

// AddFactor turns an offered factor on, for a user who knows the password and has a code of it, and gives the codes of paper:
// they are shown this once. All sessions end, and the browser goes on with a new one. Unauthenticated: the password is wrong; Invalid, with the field code; Conflict: there is one already; Limited.
func (s *Service) AddFactor(ctx context.Context, from Client, user UserID, password, sealed, code string) ([]string, Pair, error) {
	secret, err := s.offered(user, sealed)
	if err != nil {
		return nil, Pair{}, err
	}
	if err := s.known(ctx, from, user, password); err != nil {
		return nil, Pair{}, err
	}
	now := s.Now()
	step, err := stepOf(secret, strings.ReplaceAll(code, " ", ""), now)
	if fault.Is(err, fault.Unauthenticated) {
		return nil, Pair{}, fault.InvalidFields("the second factor is not turned on", []fault.Field{{Path: "code", Text: "is not what the app shows now: if it shows this one, compare the clock of the device with the console's"}})
	}
	if err != nil {
		return nil, Pair{}, err
	}
	text, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, Pair{}, err
	}
	codes, hashes := newPaper()
	var detail audit.Detail
	detail.Change("second factor", "off", "on")
	err = s.Factors.AddFactor(audit.Note(ctx, audit.Changed, detail.String()), Factor{User: user, Sealed: text, Step: step, Recovery: hashes, AddedAt: usage.Truncate(now)})
	if err == nil {
		_, err = s.RevokeAll(ctx, user)
	}
	if err != nil {
		return nil, Pair{}, err
	}
	u, err := s.Users.User(ctx, user)
	if err != nil {
		return nil, Pair{}, err
	}
	pair, err := s.openBrowser(ctx, &u, from)
	return codes, pair, err
}

// keyURL is how apps are told of a secret: the format of Google Authenticator's key URIs, which others read too.
func keyURL(issuer, account, secret string) string {
	escaped := url.PathEscape(issuer)
	return fmt.Sprintf("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		escaped, url.PathEscape(account), secret, escaped, codeDigits.Length(), stepSeconds)
}

func newPaper() (codes []string, hashes []TokenHash) {
	for range recoveryCodes {
		raw := make([]byte, recoveryBytes)
		_, _ = rand.Read(raw) // never fails: it ends the program instead
		code := paper.EncodeToString(raw)
		hashes = append(hashes, hashToken(code))
		codes = append(codes, strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, "-"))
	}
	return codes, hashes
}

// known asks whether a user knows the password. Unauthenticated, or Limited.
func (s *Service) known(ctx context.Context, from Client, user UserID, password string) error {
	u, err := s.Users.User(ctx, user)
	if err == nil {
		_, err = s.verified(ctx, from, []Credentials{{u.Name, password}})
	}
	return err
}

// RenewRecovery gives a user, who knows the password and has a code, new codes of paper; the old ones open nothing any more. Unauthenticated: the
// password is wrong; Invalid, with the field code; Limited; NotFound: there is no second factor.
func (s *Service) RenewRecovery(ctx context.Context, from Client, user UserID, password, code string) ([]string, error) {
	was, err := s.proven(ctx, from, user, password, code)
	if err != nil {
		return nil, err
	}
	codes, hashes := newPaper()
	var detail audit.Detail
	detail.Say("new recovery codes")
	return codes, s.Factors.ChangeFactor(audit.Note(ctx, audit.Changed, detail.String()), user, func(f Factor) (Factor, error) {
		if !f.AddedAt.Equal(was) {
			return f, errLate()
		}
		f.Recovery = hashes
		return f, nil
	})
}

// DropFactor turns a user's own second factor off; errors as those of RenewRecovery.
func (s *Service) DropFactor(ctx context.Context, from Client, user UserID, password, code string) error {
	if _, err := s.proven(ctx, from, user, password, code); err != nil {
		return err
	}
	return s.RemoveFactor(ctx, user)
}

// proven asks for the password and a code, and gives when the factor was added.
func (s *Service) proven(ctx context.Context, from Client, user UserID, password, code string) (time.Time, error) {
	f, err := s.Factors.Factor(ctx, user)
	if err != nil {
		return time.Time{}, err
	}
	if err := s.known(ctx, from, user, password); err != nil {
		return time.Time{}, err
	}
	err = s.spend(ctx, from, user, code)
	if fault.Is(err, fault.Unauthenticated) {
		err = fault.InvalidFields("nothing is changed", []fault.Field{{Path: "code", Text: "is wrong, or was used already"}})
	}
	return f.AddedAt, err
}

// RemoveFactor takes a user's second factor off, as an administrator does for who has lost it. NotFound.
func (s *Service) RemoveFactor(ctx context.Context, user UserID) error {
	var detail audit.Detail
	detail.Change("second factor", "on", "off")
	if err := s.Factors.RemoveFactor(audit.Note(ctx, audit.Changed, detail.String()), user); err != nil {
		return err
	}
	s.codes.reset(fmt.Sprint(user))
	return nil
}

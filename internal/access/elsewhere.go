package access

import "context"

// How many have a provider of identities asked at a time. It may take its time to answer, which costs us next to nothing.
const elsewhereMax = 16

// BeginElsewhere lets somebody set out to sign in at a provider of identities, which asks that one something. Nothing is wrong with that: an address may
// do it often at once, and slowly from then on, so that nobody is kept out. done is called when the provider has answered. Limited, with RetryAfter.
func (s *Service) BeginElsewhere(ctx context.Context, from Client) (done func(), err error) {
	if wait := s.begun.take(addressKey(from.Address), s.Now()); wait > 0 {
		return nil, limited(wait, "too many sign-ins were begun from this address")
	}
	if err := s.elsewhere.enter(ctx, elsewhereMax); err != nil {
		return nil, err
	}
	return s.elsewhere.leave, nil
}

// FinishElsewhere lets somebody have a provider asked about a code that came back from there. It counts as a failure of the address, as a password
// does, before it is asked, and no longer once the provider vouches for somebody; passwords that were wrong count apart. done is called with whether
// it does. Limited, with RetryAfter.
func (s *Service) FinishElsewhere(ctx context.Context, from Client) (done func(vouched bool), err error) {
	address := addressKey(from.Address)
	if wait := s.returned.take(address, addressFree, s.Now()); wait > 0 {
		return nil, limited(wait, "too many sign-ins from this address came to nothing")
	}
	if err := s.elsewhere.enter(ctx, elsewhereMax); err != nil {
		s.returned.giveBack(address) // nobody was asked
		return nil, err
	}
	return func(vouched bool) {
		s.elsewhere.leave()
		if vouched {
			s.returned.giveBack(address)
		}
	}, nil
}

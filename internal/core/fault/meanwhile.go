package fault

import "errors"

var errMeanwhile = errors.New("changed meanwhile")

// Meanwhile is a Conflict: somebody else changed what was to be changed since it was read.
func Meanwhile(what string) error {
	return Wrap(errMeanwhile, Conflict, "%s was changed by somebody else meanwhile", what)
}

// IsMeanwhile reports whether an error is Meanwhile.
func IsMeanwhile(err error) bool { return errors.Is(err, errMeanwhile) }

// againMax bounds how often somebody else may be quicker.
const againMax = 10

// Again calls change, which reads and writes, until nobody else was quicker, or often was.
func Again(change func() error) error {
	for try := 1; ; try++ {
		if err := change(); !IsMeanwhile(err) || try == againMax {
			return err
		}
	}
}

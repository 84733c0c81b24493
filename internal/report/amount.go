package report

import (
	"math/big"
	"strings"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Amount is an exact decimal of any size: money, which a price with six places times a discount and a tax with six places
// makes longer than units can be. The zero value is 0.
type Amount struct {
	digits *big.Int // nil: 0
	places int      // behind the point
}

// unitPlaces is how many places units have.
const unitPlaces = 6

// AmountOf gives a decimal of units, prices and percentages among them.
func AmountOf(u usage.Units) Amount { return Amount{big.NewInt(int64(u)), unitPlaces} }

// AmountOfWhole gives a whole number.
func AmountOfWhole(n int64) Amount { return Amount{big.NewInt(n), 0} }

func (a Amount) int() *big.Int {
	if a.digits == nil {
		return new(big.Int)
	}
	return a.digits
}

// Times gives a product.
func (a Amount) Times(o Amount) Amount {
	return Amount{new(big.Int).Mul(a.int(), o.int()), a.places + o.places}
}

// Plus gives a sum.
func (a Amount) Plus(o Amount) Amount {
	places := max(a.places, o.places)
	return Amount{new(big.Int).Add(a.scaled(places), o.scaled(places)), places}
}

// Percent gives so many percent of it.
func (a Amount) Percent(p usage.Units) Amount {
	of := a.Times(AmountOf(p))
	of.places += 2
	return of
}

// scaled gives the digits with so many places, which are not fewer than there are.
func (a Amount) scaled(places int) *big.Int {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places-a.places)), nil)
	return scale.Mul(scale, a.int())
}

// String writes it without exponent or trailing zeros.
func (a Amount) String() string {
	text := new(big.Int).Abs(a.int()).String()
	if missing := a.places + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	if whole, fraction := text[:len(text)-a.places], strings.TrimRight(text[len(text)-a.places:], "0"); fraction != "" {
		text = whole + "." + fraction
	} else {
		text = whole
	}
	if a.int().Sign() < 0 {
		text = "-" + text
	}
	return text
}

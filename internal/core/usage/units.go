package usage

import (
	"math"
	"math/big"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// Units is an exact amount of license units (or gigabytes): int64 fixed point,
// one millionth each. 0.33 units are 330000.
type Units int64

// One is one whole unit.
const One Units = 1_000_000

// unitsDigitsMax bounds what a source may state: digits before the point (vbr-rest.md §10).
const unitsDigitsMax = 12

// unitsEnd is the first amount with more digits than that.
const unitsEnd = 1_000_000_000_000 * One

// unitsTextMax bounds the text of one decimal, so that a hostile exponent costs nothing.
const unitsTextMax = 64

// ParseUnits reads a decimal: digits, an optional point and an optional
// exponent, as in JSON. More than six places are rounded half-even (C20);
// rounded says so. Negative, not finite or more than 12 digits before the point
// is Invalid.
func ParseUnits(text string) (u Units, rounded bool, err error) {
	if !decimalSyntax(text) {
		return 0, false, fault.New(fault.Invalid, "%q is not a decimal number that is zero or more", clip(text))
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	shift := 0
	if exponent != "" {
		if shift, err = smallInt(exponent); err != nil {
			return 0, false, fault.New(fault.Invalid, "%q is out of range", clip(text))
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, false, nil
	}
	places := len(fraction) - shift // value = digits / 10^places
	if len(digits)-places <= unitsDigitsMax {
		value, rounded := scaleHalfEven(digits, places)
		if value < int64(unitsEnd) {
			return Units(value), rounded, nil
		}
	}
	return 0, false, fault.New(fault.Invalid, "%q has more than %d digits before the point", clip(text), unitsDigitsMax)
}

// scaleHalfEven gives digits / 10^places in millionths, rounded half-even.
func scaleHalfEven(digits string, places int) (int64, bool) {
	n, _ := new(big.Int).SetString(digits, 10)
	drop := places - 6
	if drop <= 0 {
		return n.Mul(n, pow10(-drop)).Int64(), false
	}
	if drop > len(digits)+1 {
		return 0, true
	}
	quotient, rest := new(big.Int).QuoRem(n, pow10(drop), new(big.Int))
	if rest.Sign() == 0 {
		return quotient.Int64(), false
	}
	switch twice := rest.Lsh(rest, 1).Cmp(pow10(drop)); {
	case twice > 0, twice == 0 && quotient.Bit(0) == 1:
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient.Int64(), true
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// decimalSyntax accepts what JSON calls a number, without a sign in front.
func decimalSyntax(s string) bool {
	if s == "" || len(s) > unitsTextMax {
		return false
	}
	rest := s
	digits := func() bool {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		rest = rest[n:]
		return n > 0
	}
	if !digits() {
		return false
	}
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		if !digits() {
			return false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		if !digits() {
			return false
		}
	}
	return rest == ""
}

// smallInt reads an exponent; beyond three digits no value of ours can be meant.
func smallInt(s string) (int, error) {
	sign := 1
	switch s[0] {
	case '-':
		sign, s = -1, s[1:]
	case '+':
		s = s[1:]
	}
	s = strings.TrimLeft(s, "0")
	if len(s) > 3 {
		return 0, fault.New(fault.Invalid, "exponent out of range")
	}
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return sign * n, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// String writes u as C20 says: no exponent, no trailing zeros.
func (u Units) String() string { return string(u.Append(nil)) }

// Append appends the text of u to b.
func (u Units) Append(b []byte) []byte {
	v := uint64(u) //nolint:gosec // two's complement is meant: the sign is written first
	if u < 0 {
		b = append(b, '-')
		v = -v
	}
	b = appendUint(b, v/uint64(One))
	fraction := v % uint64(One)
	if fraction == 0 {
		return b
	}
	b = append(b, '.')
	for scale := uint64(One) / 10; fraction > 0; scale /= 10 {
		b = append(b, byte('0'+fraction/scale)) //nolint:gosec // a digit: fraction/scale is below 10
		fraction %= scale
	}
	return b
}

func appendUint(b []byte, v uint64) []byte {
	var buf [20]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + v%10)
		v /= 10
		if v == 0 {
			return append(b, buf[i:]...)
		}
	}
}

// MarshalJSON writes u as a JSON number without exponent or trailing zeros (C20).
func (u Units) MarshalJSON() ([]byte, error) { return u.Append(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes: also amounts that are negative, which differences are.
func (u *Units) UnmarshalJSON(text []byte) error {
	digits, negative := strings.CutPrefix(string(text), "-")
	value, rounded, err := ParseUnits(digits)
	if err == nil && rounded {
		err = fault.New(fault.Invalid, "%q has more than six places", clip(string(text)))
	}
	if *u = value; negative {
		*u = -value
	}
	return err
}

// Add gives a + b; ok is false when the sum does not fit.
func Add(a, b Units) (sum Units, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}

// Times gives count x weight; ok is false when the product does not fit.
func (u Units) Times(count int64) (product Units, ok bool) {
	if u == 0 || count == 0 {
		return 0, true
	}
	product = u * Units(count)
	if product/Units(count) != u || (count == -1 && u == math.MinInt64) {
		return 0, false
	}
	return product, true
}

package report_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
)

// Amounts are exact: sums, products and percentages come to what fractions come to.
func TestAmount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		amount := rapid.Int64Range(-1_000_000_000_000_000, 1_000_000_000_000_000)
		price, count, percent := usage.Units(amount.Draw(r, "price")), amount.Draw(r, "count"), usage.Units(rapid.Int64Range(0, 100_000_000).Draw(r, "percent"))
		got := report.AmountOf(price).Times(report.AmountOfWhole(count)).Percent(percent).Plus(report.AmountOf(price))
		want := big.NewRat(int64(price), 1_000_000)
		part := new(big.Rat).Mul(want, new(big.Rat).SetInt64(count))
		part.Mul(part, big.NewRat(int64(percent), 100_000_000))
		want = want.Add(want, part)
		text := got.String()
		back, ok := new(big.Rat).SetString(text)
		if !ok || back.Cmp(want) != 0 {
			r.Fatalf("%s is not %s", text, want.FloatString(20))
		}
		if n := len(text); n > 1 && text != "0" && back.Sign() == 0 || n > 2 && text[n-1] == '0' && !back.IsInt() {
			r.Fatalf("%s has zeros that say nothing", text)
		}
	})
	var none report.Amount
	for got, want := range map[string]string{
		none.String(): "0", none.Plus(report.AmountOf(-5)).String(): "-0.000005", report.AmountOf(4_500_000).Percent(90 * usage.One).String(): "4.05",
	} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

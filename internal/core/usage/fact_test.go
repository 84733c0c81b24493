package usage

import (
	"testing"
	"time"
)

// C38: the first value is valid from the beginning of time, a later one from its validFrom.
func TestValueAt(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, time.UTC) }
	facts := []Fact{
		{Value: "a", ValidFrom: day(20)}, // first: always, whatever it says
		{Value: "b", ValidFrom: day(10)},
		{Value: "c", ValidFrom: day(5)},  // backdated: valid from 5 to 10
		{Value: "d", ValidFrom: day(10)}, // the later entry of one instant wins
	}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{day(1), "a"},
		{day(5).Add(-time.Microsecond), "a"},
		{day(5), "c"},
		{day(9), "c"},
		{day(10), "d"},
		{day(30), "d"},
	} {
		if got, ok := ValueAt(facts, c.at); !ok || got != c.want {
			t.Errorf("at %s: %q, %v; want %q", c.at.Format(time.DateOnly), got, ok, c.want)
		}
	}
	if _, ok := ValueAt(nil, day(1)); ok {
		t.Error("no fact gave a value")
	}
}

func TestTenantSubjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server ServerID
		tenant string
	}{{0, "Contoso"}, {7, "a/b c"}, {12, "*"}} {
		server, tenant, ok := TenantSubject(c.server, " "+c.tenant+" ").Tenant()
		if !ok || server != c.server || tenant != c.tenant {
			t.Errorf("%d/%q came back as %d/%q, %v", c.server, c.tenant, server, tenant, ok)
		}
	}
	if _, _, ok := ServerSubject(3).Tenant(); ok {
		t.Error("a server's subject passed as a tenant's")
	}
}

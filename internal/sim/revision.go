package sim

// revision is a revision of the vendor's API, by its place in the order of time.
type revision int

const (
	rev11r0 revision = iota
	rev11r1
	rev11r2
	rev12r0
	rev12r1
	rev13r0
	rev13r1
	rev13r2
)

// revisionNames are the values of x-api-version (vbr-rest.md §1.3).
var revisionNames = [...]string{
	"1.1-rev0", "1.1-rev1", "1.1-rev2", "1.2-rev0", "1.2-rev1", "1.3-rev0", "1.3-rev1", "1.3-rev2",
}

func (r revision) String() string { return revisionNames[r] }

func revisionOf(name string) (revision, bool) {
	for i, n := range revisionNames {
		if n == name {
			return revision(i), true
		}
	}
	return 0, false
}

// The three shapes of the license wire (vbr-rest.md §3.2).
func (r revision) nulls() bool    { return r < rev13r0 }  // absent optional fields are explicit nulls
func (r revision) sections() bool { return r >= rev13r2 } // expiry dates live inside the sections

// generation is what a wire serves.
type generation struct {
	first, last revision
	build       string
	schema      string
	platform    string
	grant       Grant
}

var generations = map[Wire]generation{
	Wire122: {rev11r0, rev11r2, "12.2.0.334", "9227", "Windows", GrantLower},
	Wire123: {rev12r0, rev12r1, "12.3.1.1139", "9228", "Windows", GrantLower},
	Wire130: {rev12r0, rev13r1, "13.0.1.180", "9688", "Linux", GrantBoth},
	Wire131: {rev12r0, rev13r2, "13.1.0.411", "9702", "Linux", GrantBoth},
}

func (g generation) serves(r revision) bool { return r >= g.first && r <= g.last }

func (g generation) names() []string { return revisionNames[g.first : g.last+1] }

package metering

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// flags collects what wants a person's eye, each once.
type flags struct{ list []Flag }

func (f *flags) add(kind FlagKind, s *Server, typ, format string, args ...any) {
	for i := range f.list {
		if o := &f.list[i]; o.Kind == kind && o.Server == s.ID && o.Type == typ {
			return
		}
	}
	f.list = append(f.list, Flag{kind, s.ID, typ, fmt.Sprintf(format, args...)})
}

// assumed is one flag a server and type (C17).
func (f *flags) assumed(s *Server, typ, why string) {
	f.add(AssumedWeight, s, typ, "%s: %s", s.Name, why)
}

// unknownType is one flag a server and type (C19).
func (f *flags) unknownType(s *Server, stated string) {
	f.add(UnknownType, s, stated, "%s lists workloads of the type %q, which the catalogue does not know", s.Name, stated)
}

// workload flags what is odd about one workload that counts.
func (f *flags) workload(s *Server, it *item, why string) {
	if !it.known {
		f.unknownType(s, it.w.Type)
	}
	if why != "" {
		f.assumed(s, it.typ.ID, why)
	}
}

// flagServer flags what is odd about a server (C11, C34).
func (n *count) flagServer(s *Server) {
	if t := s.Snapshot.License.Type; !t.Known() {
		n.flags.add(UnknownLicense, s, "", "%s has a license of the unknown type %q: it is not counted as Rental", s.Name, t)
	}
	if s.Cloned {
		n.flags.add(ClonedServer, s, "", "%s has the same installation id as another server: both are counted", s.Name)
	}
}

// sorted gives the flags by server, kind and type, so that the same facts give the same bytes (C42).
func (f *flags) sorted() []Flag {
	slices.SortFunc(f.list, func(a, b Flag) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Type, b.Type))
	})
	return f.list
}

package fleet

import (
	"slices"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// Installations are servers by their installation ids. Where several have one, a machine was added twice, or one is a clone (C34).
type Installations map[string][]Server

// InstallationsOf takes servers, in their order; those without an id are not in it.
func InstallationsOf(servers []Server) Installations {
	all := make(Installations, len(servers))
	for i := range servers {
		if id := usage.Fold(servers[i].InstallationID); id != "" {
			all[id] = append(all[id], servers[i])
		}
	}
	return all
}

// Twins gives the others that have the installation id of a server that is there.
func (all Installations) Twins(s *Server) []Server {
	if s.RemovedAt != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all[usage.Fold(s.InstallationID)]), func(v Server) bool { return v.ID == s.ID })
}

// TwinHint says what twins mean; empty: there are none.
func TwinHint(twins []Server) string {
	if len(twins) == 0 {
		return ""
	}
	return "the same installation id is that of server " + serverNames(twins) + ": a machine that was added twice is counted twice, so remove one of them; " +
		"where one was cloned from the other, counting both is right"
}

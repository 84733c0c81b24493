package v1

import (
	"strconv"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

// credential is a credential set as answers have it; its password is in none.
type credential struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Username  string   `json:"username"`
	Hosts     []string `json:"hosts"` // where the password is sent; none: only to its servers
	CreatedAt instant  `json:"createdAt"`
	ChangedAt instant  `json:"changedAt"` // since when username and password are these
}

func toCredential(v *fleet.Credential) credential {
	return credential{int64(v.ID), v.Name, v.Username, append([]string{}, v.Hosts...), instant(v.CreatedAt), instant(v.ChangedAt)}
}

func (s *Surface) listCredentials(c *call) (any, error) {
	if err := c.forProvider(access.ManageServers); err != nil {
		return nil, err
	}
	all, err := s.Directory.Credentials.Credentials(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]credential, len(all))
	for i := range all {
		list[i] = toCredential(&all[i])
	}
	return rowsOf("id", list), nil
}

// managesSets reports whether the caller manages credential sets, and so may use one at a new address whatever its hosts.
func (c *call) managesSets() bool {
	return access.May(c.actor, access.ManageCredentials, access.Provider)
}

// credential finds the one of the path, for whoever may do something with it.
func (s *Surface) credential(c *call, action access.Action) (fleet.Credential, error) {
	if err := c.forProvider(action); err != nil {
		return fleet.Credential{}, err
	}
	id, err := c.record("credential", "credential set")
	if err != nil {
		return fleet.Credential{}, err
	}
	all, err := s.Directory.Credentials.Credentials(c.ctx())
	if err != nil {
		return fleet.Credential{}, err
	}
	for i := range all {
		if all[i].ID == fleet.CredentialID(id) {
			return all[i], nil
		}
	}
	return fleet.Credential{}, notThere("credential set", id)
}

func (s *Surface) getCredential(c *call) (any, error) {
	found, err := s.credential(c, access.ManageServers)
	if err != nil {
		return nil, err
	}
	return object{value: toCredential(&found)}, nil
}

// edit is what a request says as an edit.
func (in *credentialChange) edit() fleet.CredentialEdit {
	return fleet.CredentialEdit{Name: in.Name, Username: in.Username, Password: in.Password, Hosts: in.Hosts}
}

// credentialChange is what a request says of a credential set; nil: nothing.
type credentialChange struct {
	Name     *string   `json:"name"`
	Username *string   `json:"username"`
	Password *string   `json:"password"`
	Hosts    *[]string `json:"hosts" null:"clears"` // instead of those that it has
	TestAt   *int64    `json:"testAt"`              // a server to log in to first: where that fails, nothing is changed
}

func (s *Surface) addCredential(c *call) (any, error) {
	if err := c.forProvider(access.ManageCredentials); err != nil {
		return nil, err
	}
	var in credentialChange
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.TestAt != nil {
		c.fail("testAt", "goes with a change: a server that has the set is added after it")
		return nil, c.err()
	}
	n := fleet.NewCredential{}
	set(&n.Name, in.Name)
	set(&n.Username, in.Username)
	set(&n.Password, in.Password)
	set(&n.Hosts, in.Hosts)
	added, err := s.Directory.AddCredential(c.ctx(), n)
	if err != nil {
		return nil, err
	}
	return made(toCredential(&added), "/credentials/"+added.ID.String()), nil
}

// editCredential changes a set for all its servers in one step.
func (s *Surface) editCredential(c *call) (any, error) {
	found, err := s.credential(c, access.ManageCredentials)
	var in credentialChange
	if err == nil {
		err = c.read(&in)
	}
	if err == nil && in.TestAt != nil {
		err = c.matchCredential(&found) // nobody is logged in for who is late already
	}
	if err == nil && in.TestAt != nil {
		err = s.testSet(c, found.ID, &in)
	}
	if err != nil {
		return nil, err
	}
	edit := in.edit()
	edit.When = c.matchCredential
	changed, err := s.Directory.EditCredential(c.ctx(), found.ID, edit)
	if err != nil {
		return nil, err
	}
	return object{value: toCredential(&changed)}, nil
}

// testSet logs in to a server with a set as it would be.
func (s *Surface) testSet(c *call, id fleet.CredentialID, in *credentialChange) error {
	at, err := s.Directory.FindServer(c.ctx(), strconv.FormatInt(*in.TestAt, 10))
	if fault.Is(err, fault.NotFound) {
		c.fail("testAt", "is none: there is no server %d", *in.TestAt)
		return c.err()
	}
	if err != nil {
		return err
	}
	return s.Console.TestSet(c.ctx(), at, id, in.edit())
}

func (s *Surface) removeCredential(c *call) (any, error) {
	found, err := s.credential(c, access.ManageCredentials)
	if err != nil {
		return nil, err
	}
	return nothing{}, s.Directory.RemoveCredential(c.ctx(), found.ID, c.matchCredential)
}

func (c *call) matchCredential(now *fleet.Credential) error { return c.match(toCredential(now)) }

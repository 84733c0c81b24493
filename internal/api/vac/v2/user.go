package v2

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/api/query"
	"github.com/tallystick/tallystick/internal/core/fault"
)

// Users finds those who log in; access.UserStore is one.
type Users interface {
	Users(ctx context.Context) ([]access.User, error)
	User(ctx context.Context, id access.UserID) (access.User, error)
}

var shapeOfUser = query.ShapeOf[user]()

func (s *Surface) listUsers(r *http.Request) (any, error) {
	users, err := s.Users.Users(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]user, len(users))
	for i := range users {
		list[i] = s.toWireUser(r, &users[i])
	}
	return answer{shape: shapeOfUser, value: list}, nil
}

func (s *Surface) getUser(r *http.Request) (any, error) {
	u, err := s.userOf(r)
	if err != nil {
		return nil, err
	}
	return answer{shape: shapeOfUser, value: s.toWireUser(r, &u)}, nil
}

func (s *Surface) userOf(r *http.Request) (u access.User, err error) {
	id, err := pathNumber(r, "ID", "user")
	if err != nil {
		return u, err
	}
	if u, err = s.Users.User(r.Context(), access.UserID(id)); fault.Is(err, fault.NotFound) {
		err = noneOf(r, "ID", "user")
	}
	return u, err
}

// listUserResources is empty: quotas are whole tenants' (docs/compat).
func (s *Surface) listUserResources(r *http.Request) (any, error) {
	_, err := s.userOf(r)
	return answer{shape: shapeOfUserResource, value: []userResource{}}, err
}

var shapeOfUserResource = query.ShapeOf[userResource]()

func (s *Surface) toWireUser(r *http.Request, u *access.User) user {
	base := s.base(r)
	w := user{
		ID: int64(u.ID), UserName: u.Name, Role: wireRole(u.Role, s.Profile), Status: "Enabled",
		Links: userLinks{Self: link{fmt.Sprintf("%s/users/%d", base, u.ID)}, Locations: []link{}},
	}
	if !u.Enabled {
		w.Status = "Disabled"
	}
	if u.Company != 0 {
		w.Links.Tenants = &link{base + "/tenants/" + u.Company.String()}
	}
	return w
}

// wireRole gives the nearest role of the reference: it has none that only reads (rest-v2.md §3.8).
func wireRole(role access.Role, p Profile) string {
	switch role {
	case access.PortalAdministrator:
		return "Portal Administrator"
	case access.PortalOperator, access.PortalReadonly:
		return "Portal Operator"
	case access.CompanyAdministrator:
		if p == Profile60 {
			return "Company Owner"
		}
		return "Company Administrator"
	default:
		return "Invoice Auditor"
	}
}

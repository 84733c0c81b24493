package v1

import (
	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// compareMax bounds a request to compare: a file, in JSON, with its mapping.
const compareMax = 32 << 20

// comparison is a request to line up a month with what somebody else counted.
type comparison struct {
	Company *int64 `json:"company"` // absent: all
	File    string `json:"file"`    // a CSV, or a license or usage report in JSON
	Mapping string `json:"mapping"` // what a CSV holds (TOML); empty: one of our own statements
	All     bool   `json:"all"`     // equal rows, too
}

func (s *Surface) compareMonth(c *call) (any, error) {
	month, err := s.monthOf(c, access.WorkOnStatements)
	if err != nil {
		return nil, err
	}
	var in comparison
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.File == "" {
		c.fail("file", "is required")
		return nil, c.err()
	}
	var company int64
	if in.Company != nil {
		found, err := s.companyNamed(c, usage.CompanyID(*in.Company).String(), access.Read, true)
		if err != nil {
			return nil, err
		}
		company = int64(found.ID)
	}
	select {
	case s.compares <- struct{}{}:
		defer func() { <-s.compares }()
	case <-c.ctx().Done():
		return nil, fault.Wrap(c.ctx().Err(), fault.Unavailable, "Another comparison is under way: try again.")
	}
	result, err := s.Console.Compare(c.ctx(), usage.CompanyID(company), month, in.File, in.Mapping)
	if err != nil {
		return nil, err
	}
	return object{value: result.JSON(month, in.All)}, nil
}

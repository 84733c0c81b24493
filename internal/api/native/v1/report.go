package v1

import "github.com/tallystick/tallystick/internal/access"

// getReport answers with a statement in another form; a month is over all companies.
func (s *Surface) getReport(c *call) (any, error) {
	t, err := s.shownStatement(c)
	if err != nil {
		return nil, err
	}
	form, err := c.form()
	if err != nil {
		return nil, err
	}
	month, err := c.monthID()
	if err != nil {
		return nil, err
	}
	file, err := s.Console.Report(c.ctx(), t.Company, month, t.Number, form)
	if err != nil {
		return nil, err
	}
	return fileAnswer(c, file), nil
}

func (s *Surface) getMonthReport(c *call) (any, error) {
	month, err := s.monthOf(c, access.Read)
	if err != nil {
		return nil, err
	}
	form, err := c.form()
	if err != nil {
		return nil, err
	}
	file, err := s.Console.Report(c.ctx(), 0, month, 0, form)
	if err != nil {
		return nil, err
	}
	return fileAnswer(c, file), nil
}

// form is the form of a report.
func (c *call) form() (string, error) {
	form := c.word("format", "pdf", "xlsx", "csv", "json", "focus")
	if form == "" && len(c.wrong) == 0 {
		c.fail("format", "is required: pdf, xlsx, csv, json or focus")
	}
	return form, c.err()
}

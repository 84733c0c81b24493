package reporttest

import (
	"image/color"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/report"
)

// Hostile are names that a spreadsheet would take for formulas.
var Hostile = []string{`=HYPERLINK("http://evil.example","x")`, "+1+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "=1+1;=2+2"}

// Sample is a document with all kinds of cells, and names that nobody would choose with good intent.
func Sample() report.Document {
	at := time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC)
	main := report.Section{
		Key: "usage", Title: "Usage: [all] / 'each'?", Note: "A note.", Main: true, By: "unit",
		Columns: []report.Column{
			{Key: "name", Title: "Name", Kind: report.Text},
			{Key: "status", Title: "Status", Kind: report.Text},
			{Key: "detail", Title: "Detail", Kind: report.Text, Detail: true},
			{Key: "count", Title: "Count", Kind: report.Whole, Sum: true},
			{Key: "unit", Title: "Unit", Kind: report.Text},
			{Key: "units", Title: "Units", Kind: report.Units, Sum: true},
			{Key: "day", Title: "Day", Kind: report.Date},
			{Key: "at", Title: "At", Kind: report.Time},
		},
	}
	row := func(name string, count int64, unit string, units usage.Units) {
		main.Rows = append(main.Rows, []report.Cell{
			report.OfText(name), report.OfText(report.NotFinal), report.OfText("detail of " + name), report.OfWhole(count), report.OfText(unit), report.OfUnits(units),
			report.OfDate(at), report.OfTime(&at),
		})
	}
	row("web01 Größe Ωμέγα Сервер", 3, "Points", 33*usage.One)
	row("db01", 10, "Instances", 3_300_000)
	for _, name := range Hostile {
		row(name, 7, "Points", 100_000)
	}
	row(strings.Repeat("a very long name ", 30), 1, "Instances", 160_000)
	main.Rows = append(main.Rows, []report.Cell{
		report.OfText("nothing is known of this one"), report.OfText(report.NotFinal), {}, {}, {}, {}, {}, {},
	})
	points := report.Total{Label: "Total Points", Of: "Points", Cells: make([]report.Cell, len(main.Columns))}
	points.Cells[3], points.Cells[5] = report.OfWhole(3+7*int64(len(Hostile))), report.OfUnits(33*usage.One+100_000*usage.Units(len(Hostile)))
	main.Totals = []report.Total{
		{Label: "Total Instances", Of: "Instances", Cells: []report.Cell{{}, {}, {}, report.OfWhole(11), {}, report.OfUnits(3_460_000), {}, {}}}, points,
	}
	return report.Document{
		Key: "statement", Title: "License usage statement", Subject: "Northwind, 2026-10", MadeAt: at, Mark: report.NotFinal + ": approved",
		Look:    report.Look{Name: "Provider & Söhne", Accent: color.RGBA{0x1f, 0x4e, 0x79, 0xff}},
		Missing: []string{"VBR02 was not read: nothing of it is in the figures"}, Notes: []string{"A note of all."},
		Facts:    []report.Fact{{Key: "company", Title: "Company", Value: report.OfText("=Northwind")}, {Key: "at", Title: "At", Value: report.OfTime(&at)}},
		Sections: []report.Section{main, {Key: "more", Title: "Usage: [all] / 'each'?", Columns: main.Columns[:1], Rows: [][]report.Cell{{report.OfText("other")}}}},
	}
}

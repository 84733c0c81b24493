package app

import "time"

// CheckAlarmsEvery makes a console check alarms more often than anybody would want.
func (a *App) CheckAlarmsEvery(d time.Duration) { a.alarmsEvery = d }

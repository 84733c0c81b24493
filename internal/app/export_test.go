package app

import "time"

// CheckAlarmsEvery makes a console check alarms more often than anybody would want.
func (a *App) CheckAlarmsEvery(d time.Duration) { a.alarmsEvery = d }

// MetricsOpen reports whether /metrics asks for no token.
func (o *ServeOptions) MetricsOpen() bool { return o.metricsOpen() }

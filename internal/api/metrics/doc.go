// Package metrics tells a monitoring system how the console is: /metrics, in the text format of Prometheus or in OpenMetrics.
//
// Its rule: missing is not zero. What is counted as it happens (requests, readings, appends) costs next to nothing where it
// happens. Everything else is asked for at a scrape, and what is dear is kept for some minutes; what does not answer is absent,
// and tallystick_source_up says so. Nothing is global, and no label is made of what a client sent.
//
// docs/metrics.md lists every name.
package metrics

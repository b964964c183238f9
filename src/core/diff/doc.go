// Package diff says how to get from what is to what is wanted: Ops compares desired and observed kernel state and returns ordered
// operations, make before break; Effects compares what was and what is decided and returns what has to happen once: evictions of
// tracked connections, flushes of sticky sets, hooks. Both are pure functions; package reconcile carries their results out.
package diff

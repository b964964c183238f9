// Package plan computes what the kernel should hold from the configuration and from what is so: Compute(Config, Facts) is a pure
// function whose result is plain data with reasons. It decides nothing about how to get there: that is core/diff.
package plan

// Package cases holds set-ups, each a configuration and facts with the plan that must come out, for the goldens of core/plan and for
// the tests that load every plan into a kernel.
package cases

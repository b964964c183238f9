// Package scenario_test runs the real daemon on a real kernel, in networks of
// namespaces, through what routers meet. The numbers in the names of the tests
// are those of the scenarios.
package scenario_test

// Command report runs the stages of `make test` and counts what they did.
//
//	report stage NAME COMMAND…   run one check, or with -json one `go test -json`
//	report summary               print every failure, the skips and the closing line
//	report skipped               print the tests that a machine with more features can run
//
// A stage that fails does not end the run: all of them are seen, and the
// summary fails. Results lie in build/results, one file a stage.
package main

// Command report runs the stages of `make test` and counts what they did.
//
//	report stage NAME COMMAND…   run one check, or with -json one `go test -json`
//	report again GO              run once more, alone, the tests that failed on kernels
//	report summary               print every failure, the skips and the closing line
//	report skipped               print the tests that a machine with more features can run
//
// A stage that fails does not end the run: all of them are seen, and the
// summary fails. The tests on kernels measure times, and a busy machine can
// spoil one: up to five failed tests have a second run each. What passes then is
// counted as passed, and named. Results lie in build/results, one file a stage.
package main

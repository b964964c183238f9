// Package hook runs the user's executables when something changed: every executable of a directory, in lexical order, one event after
// another, in its own goroutine. A hook can be slow, hang, fail or fork without the daemon, the next event or the next hook caring.
package hook

// Package reconcile is the loop that makes the kernel hold what the plan says. Events, verdicts, reloads and timers only mark the world
// dirty; one goroutine decides: observe, plan, diff, apply, effects, publish. Start, reload, failover, repair, crash recovery and
// shutdown are the same path, and the difference is always taken against what the kernel says, never against memory.
//
// The package touches the kernel through the small interfaces of ports.go only; package daemon hands in what speaks netlink.
package reconcile

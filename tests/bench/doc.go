// Command bench measures multiwan on this machine and prints the tables of docs/measurements.md: how long a fault lasts for a flow, beside
// stand-ins of the usual way; how long the loop takes; what the daemon costs; how large it is. It needs root and works in network
// namespaces only.
//
//	go run ./tests/bench [-only failover,switch,…] [-quick]
//
// Where the issue promises a bound, it exits with 1 if the figure does not hold it. A promised worst case is held by the worst sample,
// any other bound by the median: the machine does other things too, and the worst sample stands beside it.
package main

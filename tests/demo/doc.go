// Command demo shows multiwan's main jobs, in network namespaces.
//
// Part one: a LAN host behind a router with two providers, each dropping foreign sources. A ping, a bulk TCP and a UDP flow run from the
// LAN while provider A is cut in silence, comes back, and has its carrier pulled.
//
// Part two: two sites with two providers each. An encrypted pseudowire over either is a member of a bond, which is a port of the LAN's
// bridge. A file and a UDP flow go from host to host while provider A dies and comes back. Where this machine's kernel lacks L2TP, ESP or
// bonding it runs in the virtual machine of the tests.
//
// Part three: the same with one pseudowire of redundancy 'duplicate', under a call and a session in a remote shell.
//
// All print a timeline and a table of figures; the first two draw the flows into build/demo.svg and build/demo-sites.svg.
//
//	go run ./tests/demo [-part 1|2|3] [-svg FILE] [-sites FILE] [-fast]
package main

// Command demo shows multiwan's main job on this machine, in network namespaces: a LAN host behind a router with two providers, each
// dropping foreign sources. A ping, a bulk TCP and a UDP flow run from the LAN while provider A is cut in silence, comes back, and has its
// carrier pulled. It prints a timeline and a table of figures, and draws the flows into build/demo.svg.
//
//	go run ./tests/demo [-svg FILE] [-fast]
package main

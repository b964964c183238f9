// Package probe sends the probes that the package health asks for and hands
// the answers back. A Runner is one WAN of one address family; a Prober is one
// method on one Path.
//
// # A probe never leaves by another WAN
//
// Every socket is bound to the device (SO_BINDTODEVICE), to the source address
// and, where packets are routed, carries the probe mark of the WAN, which the
// routing rules send to the WAN's own table whatever its state. Neighbour
// requests (ARP, neighbour solicitation) are not routed at all, nor are
// Ethernet loopback messages, which ask the far end of a pseudowire or bond
// member; a Responder there answers them. A socket is
// opened for one Path and closed when the path changes, the carrier comes or
// goes, or any send fails.
//
// # Cost
//
// Nothing is forked. A runner has no goroutine of its own for probing: a timer
// sends the rounds, one reader a socket takes the answers and feeds the
// machine itself, without handing over to another goroutine. Filters in the
// kernel keep packets of other programs from waking the readers. All runners
// with one epoch send at the same instants.
package probe

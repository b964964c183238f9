// Package probe sends the probes that the package health asks for and hands
// the answers back. A Runner is one WAN of one address family; a Prober is one
// method on one Path.
//
// # Who does what
//
// runner.go asks the machine, sends, and publishes; path.go and target.go are
// what it is given, resolve.go finds the addresses of names. prober.go is what
// the methods have in common, each with a file of its own: ping, arping (with
// solicit for IPv6, layer2 for ports without addresses), dns, stream (tcp and
// http), loopback. They keep their probes under way in inflight.go and their
// socket in a renewing (socket.go). burst.go and pathmtu.go send on request,
// apart from any runner; responder.go answers the far end's loopback probes.
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

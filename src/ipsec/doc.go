// Package ipsec has strongSwan's charon hold connections and the SAs of them, over its VICI socket.
//
// Client keeps a session with charon, whenever charon is there, and what was declared by Set in it: connections and keys are loaded,
// connections that we are to set up are initiated, again and again with back-off, and what is ours and no longer wanted is unloaded. Ours is what
// is named multiwan-…; nothing else is ever touched. Events of charon are hints only (they may be dropped): after each one, and after each
// reconnect, the SAs are listed again.
//
// Charon is asked for one try at a time. Its own repetition waits up to 165 s for an answer before it begins anew, so a path that comes
// back would stay unused for minutes; Initiate replaces a try under way by a new one.
//
// Tunnel mode and routes: charon adds a route to table 220 for the far selector of a tunnel-mode SA (charon.install_routes in
// strongswan.conf(5), for all connections alike). It adds none where the selector is for a protocol or a port, so selectors such as
// 172.30.201.5/32[udp/1701] keep the routing as it is.
package ipsec

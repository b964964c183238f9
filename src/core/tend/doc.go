// Package tend decides when a far end that does not answer is called anew, and how thoroughly. It knows no sockets: what is known comes in,
// what to do goes out.
package tend

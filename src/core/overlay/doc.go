// Package overlay decides what joins sites: pseudowires, their protection, bonds over them, bridges that they go into, and IPv6 tunnels
// over IPv4. Compute(Config, Facts) is a pure function whose result is plain data with reasons: kernel objects, IKE connections, nftables
// chains that go into the tables of core/plan, and what the status shows. Peer turns the configuration of one end into the other's.
package overlay

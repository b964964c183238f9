// Package sites tests what joins sites: pseudowires, their protection, bridges, bonds, between two routers that run the daemon and a real
// charon.
package sites

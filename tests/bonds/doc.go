// Package bonds tests pseudowires that move from line to line, bonds over several of them in every mode and with every monitor, and tunnels
// of other programs over several lines: between two routers that run the daemon, with a real charon and a real OpenVPN.
package bonds

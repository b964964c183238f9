// Package daemon builds the tasks of `multiwan run` and runs them under one errgroup: the loop, a prober for each WAN and family, the
// kernel's events, the hooks and the control socket. It decides nothing: it carries what one task says to those that need it, and keeps
// what the status shows.
package daemon

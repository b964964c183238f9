// Package ipsec tests the client of charon with a real charon: set-up, failures and their reasons, restarts, moves, and the text for swanctl.
package ipsec

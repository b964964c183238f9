// Package sysctl reads and writes kernel settings below /proc/sys. Names have '/' between their parts, because device names hold dots:
// net/ipv4/conf/eth0.111/rp_filter.
package sysctl

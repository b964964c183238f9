// Package status is the document that says how multiwan and its WANs are: what ubus, the command line, LuCI and collectors of metrics
// show. It is plain data with JSON names (docs/status.md describes each), pure functions that build it from what the other packages
// know, and a table for terminals. It holds no secrets: nothing of a configuration value enters that is not named here.
package status

// Package facts fills in what the plan must know of each WAN on a machine without netifd: from the configuration, links, addresses and
// the default routes of table main.
package facts

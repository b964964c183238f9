package mwan3

// lost says, by section type and option, why what has no counterpart needs none or
// what to do instead.
var lost = map[string]map[string]string{
	"globals": {
		"mmx_mask":              "multiwan marks with globals.mark_mask, by default 0x7f000000, which leaves mwan3's bits alone",
		"logging":               "rules are not logged packet by packet; ask `multiwan explain`",
		"loglevel":              "rules are not logged packet by packet; globals.log_level is about the daemon's own messages",
		"rt_table_lookup":       "only the main table is looked at before the rules: put its routes there, or write rules with policy 'main' for them",
		"bypass_network":        "write a first rule with these addresses as dest_ip and policy 'main'",
		"source_routing":        "multiwan's tables are its own, not copies of main",
		"local_source":          "the router's own traffic gets the address of its WAN without being told",
		"ipv6_routing":          "bound sources always leave by their own WAN, IPv6 ones too",
		"enabled":               "globals.enabled says so for multiwan; leave mwan3 switched off",
		"iif_rule_base":         "multiwan's rules are 1000 priorities from globals.rule_base",
		"fwmark_rule_base":      "multiwan's rules are 1000 priorities from globals.rule_base",
		"unreachable_rule_base": "multiwan's rules are 1000 priorities from globals.rule_base",
		"iface_max":             "multiwan takes 61 interfaces",
	},
	"interface": {
		"initial_state":   "what the probes say decides from the first round on",
		"max_ttl":         "probes have the system's TTL",
		"snat6":           "the router's own traffic takes the address of its WAN; forwarded traffic has interface.snat6 (none, prefix, masquerade)",
		"local_source":    "the router's own traffic gets the address of its WAN without being told",
		"track_ipv6":      "list these addresses as targets of the probe",
		"flush_conntrack": "connections of a WAN that goes down are moved at once, and no others; when it is back policy.failback decides, 'move' where ifup or connected stood here, else 'keep' as in mwan3",
	},
	"rule": {
		"logging": "rules are not logged packet by packet; ask `multiwan explain`",
	},
}

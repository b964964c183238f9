#!/bin/sh
# netifd's handler of `option proto 'l2tpv3'`: multiwan makes the pseudowire, tells
# netifd that it is there or why not, and reads the options by itself.

[ -n "$INCLUDE_ONLY" ] || {
	. /lib/functions.sh
	. ../netifd-proto.sh
	init_proto "$@"
}

proto_l2tpv3_init_config() {
	no_device=1
	no_proto_task=1
	available=1
	proto_config_add_string "peeraddr:or(host,ipaddr)"
	proto_config_add_string "localaddr:ipaddr"
	proto_config_add_string "tunlink"
	proto_config_add_string "encap"
	proto_config_add_int "sport:port"
	proto_config_add_int "dport:port"
	proto_config_add_int "tunnel_id:uinteger"
	proto_config_add_int "peer_tunnel_id:uinteger"
	proto_config_add_int "session_id:uinteger"
	proto_config_add_int "peer_session_id:uinteger"
	proto_config_add_string "cookie"
	proto_config_add_string "peer_cookie"
	proto_config_add_string "l2spec_type"
	proto_config_add_string "ipsec"
	proto_config_add_string "mtu"
	proto_config_add_array "probe:list(uciname)"
	proto_config_add_array "ipaddr:list(cidr4)"
	proto_config_add_array "ip6addr:list(cidr6)"
}

proto_l2tpv3_setup() {
	ubus -t 5 call multiwan pseudowire_up "{\"interface\":\"$1\"}" >/dev/null 2>&1 ||
		proto_notify_error "$1" NO_DAEMON "multiwan does not run"
}

proto_l2tpv3_teardown() {
	ubus -t 5 call multiwan pseudowire_down "{\"interface\":\"$1\"}" >/dev/null 2>&1
}

[ -n "$INCLUDE_ONLY" ] || add_protocol l2tpv3

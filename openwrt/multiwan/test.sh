#!/bin/sh
# What the feed's CI runs in a container: test.sh PACKAGE VERSION.
case "$1" in
multiwan)
	[ "$(multiwan --version)" = "$2" ] || exit 1
	multiwan check /etc/config/multiwan || exit 1
	;;
multiwan-l2tpv3 | multiwan-ipsec | luci-app-multiwan | luci-proto-l2tpv3 | luci-i18n-multiwan-de | luci-i18n-l2tpv3-de) ;; # no program
*)
	echo "unknown package $1" >&2
	exit 1
	;;
esac

#!/bin/sh
# Stand-in of the home-made way, written for this comparison: fping every second,
# and another default route after three rounds without any answer.
#   fping.sh DEVICE BACKUP-DEVICE BACKUP-GATEWAY TARGET...
device=$1 backup=$2 gateway=$3
shift 3

lost=0
echo ready
while :; do
	if [ -n "$(fping -a -r 0 -t 500 -I "$device" "$@" 2>/dev/null)" ]; then
		lost=0
	else
		lost=$((lost + 1))
		if [ "$lost" -ge 3 ]; then
			ip route replace default via "$gateway" dev "$backup" metric 1
			conntrack -F >/dev/null 2>&1
			exit 0
		fi
	fi
	sleep 1
done

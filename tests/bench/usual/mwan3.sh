#!/bin/sh
# Stand-in of the way that mwan3 watches a line, written for this comparison: one
# ping process after another for each target, a score of rounds, and a switch by
# executed programs. The switch here is one route and one flush of the connection
# table, which is less work than the original's.
#   mwan3.sh DEVICE BACKUP-DEVICE BACKUP-GATEWAY INTERVAL TIMEOUT DOWN TARGET...
device=$1 backup=$2 gateway=$3 interval=$4 timeout=$5 down=$6
shift 6

fail_over() {
	ip route replace default via "$gateway" dev "$backup" metric 1
	conntrack -F >/dev/null 2>&1
	exit 0
}

# A lost carrier comes as an event, as netifd's hotplug scripts get it.
ip monitor link | while read -r line; do
	case $line in *" $device"[:@]*NO-CARRIER*) fail_over ;; esac
done &

lost=0
echo ready
while :; do
	answered=0
	for target; do
		ping -n -q -c 1 -W "$timeout" -I "$device" "$target" >/dev/null 2>&1 && answered=$((answered + 1))
	done
	if [ "$answered" -ge 1 ]; then
		lost=0
	else
		lost=$((lost + 1))
		[ "$lost" -ge "$down" ] && fail_over
	fi
	sleep "$interval"
done

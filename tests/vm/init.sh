#!/bin/sh
# PID 1 of the test machine: mounts what programs expect, runs /job/run and
# says on the console how it ended. The lines that begin with VM- are read by
# the host.
export PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /dev/net
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup 2>/dev/null
mkdir -p /run/netns /run/lock
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
exec </dev/null
modprobe tun # its device node is not there before
ip link set dev lo up
echo "VM-READY $(cut -d' ' -f1 /proc/uptime)"
/job/run 2>&1
code=$?
sync
echo "VM-EXIT $code $(cut -d' ' -f1 /proc/uptime)"
echo o > /proc/sysrq-trigger
sleep 60

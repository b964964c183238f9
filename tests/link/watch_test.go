package link

import (
	"context"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
	"multiwan/tests/lab"
)

// TestWatch holds that rtnl.Watch tells of everything that needs another look: devices of ours that come, change and go, ports that join and
// leave, also when a bridge alone knows of it.
func TestWatch(t *testing.T) {
	lab.Need(t, lab.Bridge)
	h, c := router(t)
	expect := watch(t, h)
	must(t, c.AddLink(veth("v1", "u1")))
	expect("made", func(e rtnl.Event) bool { return e.Device == "v1" && e.Own && !e.Gone })
	expect("made, the other end", func(e rtnl.Event) bool { return e.Device == "u1" && e.Own && !e.Gone })
	h.IP("link add name br0 type bridge")
	h.IP("link set dev v1 master br0")
	br0 := int(show(h, "br0")["ifindex"].(float64))
	expect("joined", func(e rtnl.Event) bool { return e.Device == "v1" && e.Master == br0 && e.Own })
	h.IP("link set dev v1 type bridge_slave isolated on")
	expect("isolated", func(e rtnl.Event) bool { return e.Device == "v1" && e.Master == br0 })
	h.IP("link set dev v1 nomaster")
	expect("left", func(e rtnl.Event) bool {
		if e.Device == "v1" && e.Gone {
			t.Error("a port that leaves a bridge passes for a device that is gone")
		}
		return e.Device == "v1" && e.Master == 0 && e.Own
	})
	h.IP("link set dev v1 alias mine")
	expect("taken over", func(e rtnl.Event) bool { return e.Device == "v1" && !e.Own && !e.Gone })
	h.IP("link set dev v1 alias multiwan:x")
	h.IP("link set dev v1 mtu 1300")
	expect("changed", func(e rtnl.Event) bool { return e.Device == "v1" && e.Own })
	must(t, c.DelLink("v1"))
	expect("gone", func(e rtnl.Event) bool { return e.Device == "v1" && e.Gone })
}

// TestWatchJoining is TestWatch for what this machine's kernel may lack: VLANs of ports, and mirrors.
func TestWatchJoining(t *testing.T) {
	lab.Need(t, lab.BridgeVLAN, lab.Mirred)
	h, c := router(t)
	expect := watch(t, h)
	must(t, c.AddLink(veth("v1", "u1")))
	h.IP("link add name br0 type bridge vlan_filtering 1")
	must(t, c.SetPort(kstate.Port{Device: "v1", Master: "br0", PVID: 111}))
	h.IP("link set dev v1 mtu 1300") // everything before has been told with this
	expect("joined", func(e rtnl.Event) bool { return e.Device == "v1" && e.Own && e.Master != 0 })
	drain(expect, h)
	for _, verb := range []string{"add", "del"} {
		_, err := h.Exec("", "bridge", "vlan", verb, "dev", "v1", "vid", "5")
		must(t, err)
		expect("VLAN "+verb, func(e rtnl.Event) bool { return e.Kind == rtnl.LinkChanged && e.Device == "v1" })
	}
	must(t, c.AddMirror(kstate.Mirror{From: "u1", To: "v1"}))
	expect("mirror", func(e rtnl.Event) bool { return e.Kind == rtnl.FilterChanged && e.Own && !e.Gone })
	_, err := h.Exec("", "tc", "filter", "del", "dev", "u1", "ingress")
	must(t, err)
	expect("mirror deleted", func(e rtnl.Event) bool { return e.Kind == rtnl.FilterChanged && e.Gone })
	must(t, c.AddMirror(kstate.Mirror{From: "u1", To: "v1"}))
	expect("mirror again", func(e rtnl.Event) bool { return e.Kind == rtnl.FilterChanged && !e.Gone })
	_, err = h.Exec("", "tc", "qdisc", "del", "dev", "u1", "clsact")
	must(t, err)
	expect("its place deleted", func(e rtnl.Event) bool { return e.Kind == rtnl.FilterChanged && e.Gone })
}

// drain reads the events up to that of a device made for it.
func drain(expect func(string, func(rtnl.Event) bool), h *lab.Host) {
	h.IP("link add name end type bridge")
	expect("end", func(e rtnl.Event) bool { return e.Device == "end" })
}

// watch starts a watch; the function that it returns reads events until one passes.
func watch(t *testing.T, h *lab.Host) func(what string, pass func(rtnl.Event) bool) {
	t.Helper()
	watching, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	var events <-chan rtnl.Event
	var err error
	h.Do(func() { events, err = rtnl.Watch(watching) })
	must(t, err)
	return func(what string, pass func(rtnl.Event) bool) {
		t.Helper()
		timeout := time.After(5 * time.Second)
		for {
			select {
			case e := <-events:
				if pass(e) {
					return
				}
			case <-timeout:
				t.Fatalf("%s: no event", what)
			}
		}
	}
}

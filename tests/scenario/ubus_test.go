package scenario_test

import (
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"multiwan/src/core/json"
	"multiwan/src/core/status"
	"multiwan/src/openwrt/ubus"
	"multiwan/tests/lab"
	"multiwan/tests/ubusd"
	"multiwan/tests/ubusd/netifd"
)

// netifdOf publishes WANs on a bus as netifd does, until it is told to leave.
func netifdOf(t *testing.T, b *ubusd.Bus, wans []*lab.WAN) (leave func()) {
	t.Helper()
	var list []string
	for _, w := range wans {
		list = append(list, fmt.Sprintf(`{"interface":%q,"up":true,"proto":"static","device":%q,"l3_device":%q,"ipv4-address":[{"address":%q,"mask":24}],
			"ipv6-address":[{"address":%q,"mask":64}],"route":[{"target":"0.0.0.0","mask":0,"nexthop":%q},{"target":"::","mask":0,"nexthop":%q}]}`,
			w.Name, w.Device, w.Device, w.Addr4, w.Addr6, w.Gateway4, w.Gateway6))
	}
	return netifd.Publish(t, b, list...)
}

func client(t *testing.T, b *ubusd.Bus) *ubus.Conn {
	t.Helper()
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// heard collects the states that multiwan.update tells.
type heard struct {
	mu     sync.Mutex
	states []string
}

func (h *heard) has(s string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.states {
		if x == s {
			return true
		}
	}
	return false
}

func listen(t *testing.T, c *ubus.Conn) *heard {
	t.Helper()
	h := &heard{}
	own, err := c.Add(t.Context(), &ubus.Object{Handle: func(r *ubus.Request) {
		name, _ := r.Args.Get("interface")
		state, _ := r.Args.Get("state")
		h.mu.Lock()
		defer h.mu.Unlock()
		h.states = append(h.states, r.Method+" "+name.String()+" "+state.String())
	}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.Lookup(t.Context(), "multiwan")
	if err == nil {
		err = c.Subscribe(t.Context(), own, found[0].ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestNetifdAndUbus knows its WANs by netifd alone, which comes after the daemon; a failure is told to subscribers; and a daemon that is
// killed and started again asks netifd before it touches anything, so no packet is lost.
func TestNetifdAndUbus(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	b := ubusd.Start(t)
	config := regexp.MustCompile(`(?m)^\toption device .*\n`).ReplaceAllString(n.UCI(fastProbe, bySecond), "")
	r := &router{Network: n, Daemon: lab.StartDaemon(n.Router, config, "--ubus", b.Path), t: t}
	if w := r.status().Interfaces["wan0"]; w.Index != 0 || w.State != "waiting" {
		t.Errorf("without netifd: %+v", w)
	}
	netifdOf(t, b, n.WANs)
	r.steady()
	c := client(t, b)
	answer, err := c.Call(t.Context(), "multiwan", "status", nil)
	var doc status.Document
	if err == nil {
		err = json.Unmarshal(answer.JSON(), &doc)
	}
	if w := doc.Interfaces["wan1"]; err != nil || w.State != "up" || w.Device != n.WANs[1].Device {
		t.Errorf("%v: %+v", err, w)
	}
	flows := streams(t, n)
	at := time.Now()
	r.Kill()
	r.Start()
	if d := r.steady(); d.Counters.Writes != 0 {
		t.Errorf("the second start wrote: %s", brief(d))
	}
	unbroken(t, flows, at, "")

	h := listen(t, c)
	n.WANs[0].BlackHole()
	if !lab.Wait(patience, func() bool { return h.has("multiwan.update wan0 down") }) {
		t.Errorf("heard %v", h.states)
	}
}

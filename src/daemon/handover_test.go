package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/openwrt/ubus"
)

// fakePorts is a kernel with ports; what was asked of it and of netifd stands in one list.
type fakePorts struct {
	mu      sync.Mutex
	masters map[string]string
	did     []string
}

func (f *fakePorts) note(format string, args ...any) {
	f.did = append(f.did, fmt.Sprintf(format, args...))
}

func (f *fakePorts) Master(device string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.masters[device], nil
}

func (f *fakePorts) SetPort(p kstate.Port) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("set %s in %s, was in %s", p.Device, p.Master, f.masters[p.Device])
	f.masters[p.Device] = p.Master
	return nil
}

func (f *fakePorts) ClearPort(p kstate.Port) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note("clear %s, was in %s", p.Device, f.masters[p.Device])
	delete(f.masters, p.Device)
	return nil
}

// TestHandover: a bridge of netifd gets its port by netifd, with the VLAN where that is the bridge's, and netifd gets it back; other bridges
// are none of its business; what netifd does not do is an error, to be tried again.
func TestHandover(t *testing.T) {
	f := &fakePorts{masters: map[string]string{}}
	refuse := false
	d, b, _ := onBus(t, nil)
	n, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	dump := `{"interface":[{"interface":"lan","up":true,"proto":"static","device":"br-lan","l3_device":"br-lan"},` +
		`{"interface":"guest","up":true,"proto":"static","device":"br-v.20","l3_device":"br-v.20"}]}`
	netifd := &protoNetifd{dump: dump}
	for _, x := range []struct{ path, bridge string }{{"", ""}, {".lan", "br-lan"}, {".guest", "br-v"}} {
		handle := netifd.handle
		if x.path != "" {
			handle = func(r *ubus.Request) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.note("%s %s%s", r.Method, x.path[1:], r.Args.JSON())
				name, _ := r.Args.Get("name")
				switch {
				case r.Method == "add_device" && !refuse:
					f.masters[name.String()] = x.bridge
				case r.Method == "remove_device":
					delete(f.masters, name.String())
				}
				_ = r.Done(ubus.OK)
			}
		}
		if _, err := n.Add(t.Context(), &ubus.Object{Path: "network.interface" + x.path, Handle: handle}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "netifd", func() bool { name, _ := d.netifd.On("br-lan", 0); return name == "lan" })
	h := handover{ports: f, netifd: d.netifd}
	check := func(want ...string) {
		t.Helper()
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Equal(f.did, want) {
			t.Errorf("did\n%s\nwant\n%s", strings.Join(f.did, "\n"), strings.Join(want, "\n"))
		}
		f.did = nil
	}
	for _, p := range []kstate.Port{{Device: "dc", Master: "br-lan"}, {Device: "dc", Master: "br-lan"}, {Device: "v", Master: "br-lan", PVID: 111},
		{Device: "g", Master: "br-v", PVID: 20}, {Device: "x", Master: "br-v", PVID: 30}, {Device: "y", Master: "br-mine"}} {
		if err := h.set(p); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	check(`add_device lan{"name":"dc","link-ext":true}`, "set dc in br-lan, was in br-lan", "set dc in br-lan, was in br-lan",
		`add_device lan{"name":"v","link-ext":true,"vlan":["111:u*"]}`, "set v in br-lan, was in br-lan",
		`add_device guest{"name":"g","link-ext":true}`, "set g in br-v, was in br-v", "set x in br-v, was in ", "set y in br-mine, was in ")
	if err := h.clear(kstate.Port{Device: "dc", Master: "br-lan"}); err != nil {
		t.Error(err)
	}
	h.giveBack("v")
	h.giveBack("y")
	h.giveBack("g")
	check(`remove_device lan{"name":"dc","link-ext":true}`, "clear dc, was in ", `remove_device lan{"name":"v","link-ext":true}`,
		`remove_device guest{"name":"g","link-ext":true}`)
	refuse = true
	if err := h.set(kstate.Port{Device: "dc", Master: "br-lan"}); err == nil || !strings.Contains(err.Error(), "has not put it into br-lan yet") {
		t.Errorf("netifd did nothing: %v", err)
	}
	check(`add_device lan{"name":"dc","link-ext":true}`)
	n.Close()
	if err := h.set(kstate.Port{Device: "dc", Master: "br-lan"}); !errors.Is(err, ubus.NotFound) {
		t.Errorf("without netifd: %v", err)
	}
	if err := (handover{ports: f}).set(kstate.Port{Device: "dc", Master: "br-lan"}); err != nil {
		t.Errorf("where netifd is not asked: %v", err)
	}
	check("set dc in br-lan, was in ")
}

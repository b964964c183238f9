package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"multiwan/src/control"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/openwrt/ubus"
	"multiwan/src/reconcile"
)

const networkFile = `
config interface 'pw1'
	option proto 'l2tpv3'
	option peeraddr '192.0.2.7'
	option tunlink 'wan'
	option sport '1702'
	option tunnel_id '5'
	list ipaddr '10.9.0.1/30'
	option ip6addr 'fd00:9::1/64'
config interface 'bad'
	option proto 'l2tpv3'
	option peeraddr '192.0.2.8'
	option tunnel_id 'x'
config interface 'late'
	option proto 'l2tpv3'
	option peeraddr 'far.example.com'
	option tunnel_id '7'
`

// protoNetifd is a netifd with interfaces of our protocol, which keeps what it is told.
type protoNetifd struct {
	mu    sync.Mutex
	dump  string
	heard []string
}

func (f *protoNetifd) handle(r *ubus.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == "dump" {
		if t, err := ubus.FromJSON([]byte(f.dump)); err == nil {
			_ = r.Reply(t)
		}
	} else {
		f.heard = append(f.heard, r.Method+" "+string(r.Args.JSON()))
	}
	_ = r.Done(ubus.OK)
}

func (f *protoNetifd) has(dump string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dump = dump
}

func (f *protoNetifd) told(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, h := range f.heard {
		if h == "notify_proto "+what {
			f.heard = append(f.heard[:i:i], f.heard[i+1:]...)
			return true
		}
	}
	return false
}

// TestRaised: an interface with proto l2tpv3 becomes a pseudowire when netifd raises it, netifd hears that its device is there, or why it is
// not by a code; one with errors holds up no other; what is lowered goes.
func TestRaised(t *testing.T) {
	f := &protoNetifd{dump: `{"interface":[{"interface":"pw1","proto":"l2tpv3","pending":true},{"interface":"bad","proto":"l2tpv3","pending":true},` +
		`{"interface":"late","proto":"l2tpv3","pending":true},{"interface":"lan","proto":"static","up":true,"device":"br-lan"}]}`}
	d, b, c := onBus(t, func(d *daemon) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(d.file.path), "network"), []byte(networkFile), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	n, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Add(t.Context(), &ubus.Object{Path: "network.interface", Handle: f.handle}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.raised.run(ctx) }()
	defer func() { stop(); <-done }()
	if answer, err := invoke(t, c, "pseudowire_up", `{"interface":"pw1"}`); err != nil || string(answer.JSON()) != `{"pseudowire_up":true}` {
		t.Fatalf("%s, %v", answer.JSON(), err)
	}
	names := func() (out string) {
		for _, w := range d.file.running().Pseudowires {
			out += " " + w.Name
		}
		return out
	}
	await(t, "pseudowires", func() bool { return names() == " late pw1" })
	w := d.file.running().Pseudowires[1]
	if w.Device != "l2-pw1" || w.Interface != "wan" || w.LocalPort != 1702 || w.TunnelID != 5 || w.Remote.String() != "192.0.2.7" {
		t.Errorf("%+v", w)
	}
	pass := func(state, reason string, index int) {
		d.record.pass(reconcile.Snapshot{Config: d.file.running(), Plan: &plan.Plan{}, Indexes: map[string]int{"l2-pw1": index},
			Overlay: &overlay.Plan{Pseudowires: []overlay.PseudowirePlan{{Name: "pw1", Device: "l2-pw1", State: state, Reason: reason},
				{Name: "late", Device: "l2-late", State: overlay.Waiting, Reason: "kernel module l2tp_eth is missing, on OpenWrt install kmod-l2tp-eth"}}}})
		d.raised.wake()
	}
	heard := func(what string) {
		t.Helper()
		await(t, what, func() bool { return f.told(what) })
	}
	pass(overlay.Waiting, "no address", 0)
	heard(`{"interface":"pw1","action":3,"error":["WAITING","no address"]}`)
	heard(`{"interface":"late","action":3,"error":["KERNEL_MODULE","kernel module l2tp_eth is missing, on OpenWrt install kmod-l2tp-eth"]}`)
	await(t, "the error of bad", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return strings.Contains(strings.Join(f.heard, "\n"), `"interface":"bad","action":3,"error":["CONFIG","tunnel_id: want`)
	})
	pass(overlay.Ready, "", 7)
	const up = `{"interface":"pw1","action":0,"link-up":true,"ifname":"l2-pw1","ipaddr":[{"ipaddr":"10.9.0.1","mask":"30"}],"ip6addr":[{"ipaddr":"fd00:9::1","mask":"64"}]}`
	heard(up)
	pass(overlay.Ready, "", 7) // no news
	if _, err := d.callPseudowire(true)(t.Context(), control.Args{"interface": "pw1"}); err != nil {
		t.Fatal(err)
	}
	heard(up) // raised again: netifd has forgotten
	pass(overlay.Ready, "", 8)
	heard(`{"interface":"pw1","action":0,"link-up":false}`)
	heard(up) // another device under its name, without addresses
	f.has(`{"interface":[{"interface":"pw1","proto":"l2tpv3","autostart":true},{"interface":"bad","proto":"l2tpv3","pending":true},` +
		`{"interface":"late","proto":"l2tpv3","pending":true}]}`) // what netifd says just then
	d.netifd.Again()
	await(t, "the dump, which has no lan", func() bool { name, _ := d.netifd.On("br-lan", 0); return name == "" })
	if names() != " late pw1" {
		t.Errorf("pseudowires%s", names())
	}
	pass(overlay.Refused, "the far end is one of our own", 8)
	heard(`{"interface":"pw1","action":0,"link-up":false}`)
	const refused = `{"interface":"pw1","action":3,"error":["REFUSED","the far end is one of our own"]}`
	heard(refused)
	if _, err := invoke(t, c, "pseudowire_down", `{"interface":"pw1"}`); err != nil { // while netifd still lists it
		t.Fatal(err)
	}
	for range 2 { // the second comes when all of the first was said
		if _, err := invoke(t, c, "pseudowire_up", `{"interface":"late"}`); err != nil {
			t.Fatal(err)
		}
		heard(`{"interface":"late","action":3,"error":["KERNEL_MODULE","kernel module l2tp_eth is missing, on OpenWrt install kmod-l2tp-eth"]}`)
	}
	if f.told(refused) {
		t.Error("netifd hears an error of what it lowered again")
	}
	f.has(`{"interface":[{"interface":"pw1","proto":"l2tpv3"},{"interface":"lan","proto":"static","up":true,"device":"br-lan"}]}`)
	if _, err := invoke(t, c, "pseudowire_down", `{"interface":"pw1"}`); err != nil {
		t.Fatal(err)
	}
	await(t, "nothing", func() bool { return names() == "" })
	if _, err := invoke(t, c, "pseudowire_up", `{}`); err == nil {
		t.Error("an interface without a name is taken")
	}
}

// TestExtensionPlaces: what is found in a pseudowire of /etc/config/network is told with that file, its section, its line and its option's name there.
func TestExtensionPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "multiwan")
	const network = "\nconfig interface 'lan'\n\toption proto 'static'\n\nconfig interface 'pw1'\n\toption proto 'l2tpv3'\n\toption peeraddr '192.0.2.7'\n" +
		"\toption ipsec 'off'\n\toption tunnel_id '5'\n\nconfig interface 'pw2'\n\toption proto 'l2tpv3'\n\toption peeraddr 'not an address'\n\toption tunnel_id '6'\n" +
		"\nconfig interface 'pw3'\n\toption proto 'l2tpv3'\n\toption peeraddr '192.0.2.8'\n\toption sport '1703'\n\toption tunnel_id '7'\n" +
		"\nconfig interface 'pw4'\n\toption proto 'l2tpv3'\n\toption peeraddr '192.0.2.9'\n\toption tunnel_id '8'\n"
	if err := os.WriteFile(filepath.Join(dir, "network"), []byte(network), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{
		"config globals 'globals'\n\toption surprise '1'\nconfig ipsec 'off'\n\toption enabled '0'\n\toption remote '192.0.2.7'\n\toption initiate 'yes'\n\toption psk 'enough and to spare'\n",
		"config globals 'globals'\n\toption surprise '1'\nconfig ipsec 'off'\n\toption enabled '0'\n\toption remote '192.0.2.7'\n\toption initiate 'yes'\n\toption psk 'enough and to spare'",
	} {
		e := extended(path, []byte(own), []string{"pw1", "pw2", "pw3", "pw4"})
		if !strings.HasPrefix(e.faults["pw2"], "peeraddr: want") || len(e.faults) != 2 ||
			!strings.HasPrefix(e.faults["pw4"], "sport: want another local_port than 1701, pseudowire pw1 (line 5) has it") {
			t.Errorf("faults %v", e.faults)
		}
		f := file{path: path, extend: func(string, []byte) extension { return e }}
		if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
		_, found := f.load(true)
		if _, warnings := status.Diagnose(found, path); warnings[0].File != "" || warnings[1].File != filepath.Join(dir, "network") ||
			!strings.HasPrefix(warnings[1].Text(path), warnings[1].File+":8: pw1.ipsec: ") {
			t.Errorf("%+v", warnings)
		}
		var told []string
		for _, d := range found {
			told = append(told, strings.TrimPrefix(d.String(), dir))
		}
		want := []string{`/multiwan:2: warning: globals.surprise: unknown option`, `/network:8: warning: pw1.ipsec: "off": is not enabled: the pseudowire waits for it`,
			`/network:16: warning: pw3.ipsec: not encrypted: without this option its frames cross the WAN in clear`}
		if len(told) != len(want) {
			t.Fatalf("%q", told)
		}
		for i := range want {
			if !strings.HasPrefix(told[i], want[i]) {
				t.Errorf("%q, want %q", told[i], want[i])
			}
		}
	}
}

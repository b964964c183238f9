package sites

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestForeignPeer makes the far end by hand, with what `multiwan peer` prints for iproute2 and strongSwan. Neither end ever sends in clear.
func TestForeignPeer(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	for i, c := range []cable{
		{options: []string{"cookie 0102030405060708", "peer_cookie 11121314", "peer_tunnel_id 5", "session_id 6", "peer_session_id 7", "remote_port 1799"}},
		{options: []string{"encap ip", "l2spec none"}, ipsec: []string{"initiate no"}},
	} {
		if i == 0 {
			n.A.Start(config(n.A, c))
			n.B.Charon = lab.StartCharon(n.B.Router)
		} else {
			n.A.Daemon.Write(config(n.A, c))
			n.A.Daemon.Reload()
			n.B.Router.IP("l2tp del tunnel tunnel_id 5")
		}
		script, err := n.A.Daemon.CLI("peer", "--for", "ip", "--secrets", "pw")
		if err != nil {
			t.Fatalf("%v\n%s", err, script)
		}
		file := filepath.Join(t.TempDir(), "conf")
		uri := " --uri " + n.B.Charon.URI()
		script = strings.ReplaceAll(script, "/etc/swanctl/conf.d/multiwan-pw.conf", file)
		script = strings.ReplaceAll(script, "swanctl --load-all", "swanctl --load-all --noprompt --file "+file+uri)
		script = strings.ReplaceAll(script, "swanctl --initiate", "swanctl --initiate"+uri)
		if out, err := n.B.Router.Exec("set -e\nexport STRONGSWAN_CONF="+n.B.Charon.Settings()+"\n"+script+"\nip link set dev pw master br-lan\n", "sh"); err != nil {
			conf, _ := os.ReadFile(file)
			t.Fatalf("%v\n%s\n%s\n%s", err, out, script, conf)
		}
		begin := time.Now()
		p := n.Reaches(10 * time.Second)
		t.Logf("frames pass %v after the peer's script", p.Received.Sub(begin))
		if i > 0 {
			break
		}
		// The far end's own block stands when charon's policies go.
		ping := n.B.Host.PingFlow(n.A.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
		if out, err := n.B.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--timeout", "1"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		ping.WaitAnswer(t, time.Now(), 10*time.Second)
		ping.Stop()
	}
	noClear(t, wire)
}

// TestLoadAll has swanctl load all that stands in files, as OpenWrt's service of strongSwan does at each reload. The daemon's own file keeps its
// connections: nothing is lost, and no connection is loaded again.
func TestLoadAll(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{})
	n.B.Host.Echo()
	n.A.Charon = lab.StartCharon(n.A.Router)
	kept := filepath.Join(t.TempDir(), "kept", "swanctl.conf")
	n.A.Daemon = lab.StartDaemon(n.A.Router, config(n.A, cable{}), "--vici", n.A.Charon.Socket(), "--swanctl", kept)
	n.B.Start(config(n.B, cable{}))
	n.Reaches(20 * time.Second)
	flow := n.A.Host.UDPFlow(lab.Echo(n.B.Host4), lab.FlowOptions{Interval: 5 * time.Millisecond})
	flow.WaitAnswer(t, time.Time{}, time.Second)
	all := filepath.Join(t.TempDir(), "all.conf")
	if err := os.WriteFile(all, []byte("include "+kept+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out, err := n.A.Charon.Swanctl("--load-all", "--noprompt", "--file", all); err != nil || strings.Contains(out, "unloading") {
			t.Errorf("%v: %s", err, out)
		}
		if out, err := n.A.Charon.Swanctl("--list-conns"); err != nil || !strings.Contains(out, "multiwan-sa_pw") {
			t.Errorf("%v: %s", err, out)
		}
		time.Sleep(300 * time.Millisecond)
	}
	if r := flow.Stop(); r.Lost() > 0 {
		t.Errorf("%d of %d lost", r.Lost(), len(r.Packets))
	}
	if log := n.A.Daemon.Log(); strings.Contains(log, "loaded again") || strings.Contains(log, "unloaded") {
		t.Errorf("connections were loaded again:\n%s", log)
	}
	if _, err := n.A.Daemon.CLI("stop"); err != nil {
		t.Fatal(err)
	}
	if !lab.Wait(5*time.Second, func() bool { _, err := os.Stat(kept); return errors.Is(err, os.ErrNotExist) }) {
		t.Error("the file is there after stop")
	}
}

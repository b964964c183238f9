package sites

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// document asks a site's daemon for its status.
func document(t *testing.T, s *lab.Site) (d status.Document) {
	t.Helper()
	out, err := s.Daemon.CLI("status", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// until waits until the status of a site is as wanted, and returns it.
func until(t *testing.T, s *lab.Site, what string, good func(*status.Document) bool) (d status.Document) {
	t.Helper()
	if !lab.Wait(30*time.Second, func() bool { d = document(t, s); return good(&d) }) {
		text, _ := json.Marshal(d)
		t.Fatalf("%s: not within 30 s: %s", what, text)
	}
	return d
}

// TestStatus: a key that differs is named as the reason, once in the log, while the kernel stops every packet; with the right one the status
// says how all of it does.
func TestStatus(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{})
	n.A.Start(config(n.A, cable{psk: "one key"}))
	n.B.Start(config(n.B, cable{psk: "another key"}))
	d := until(t, n.A, "two failures for the key", func(d *status.Document) bool {
		return d.IPsec["sa_pw"].Cause == "auth" && d.IPsec["sa_pw"].Failures >= 2
	})
	if x := d.IPsec["sa_pw"]; x.State == "up" || !strings.HasPrefix(x.Reason, "wrong key or identity") {
		t.Errorf("ipsec: %+v", x)
	}
	if w := d.Pseudowires["pw"]; w.State != "waiting" || w.Guard != "blocked" || w.Reason == "" {
		t.Errorf("pseudowire: %+v", w)
	}
	// The log follows the status by a pass, which charon's events call.
	lab.Wait(5*time.Second, func() bool { return strings.Contains(n.A.Daemon.Log(), "wrong key or identity") })
	log := n.A.Daemon.Log()
	// Both ends call once, so this one may hear of it both ways, each logged once: that it was refused, and what it refused.
	refused, refuses := strings.Count(log, "received AUTHENTICATION_FAILED"), strings.Count(log, "MAC mismatched")
	if all := strings.Count(log, "wrong key or identity"); all == 0 || all != refused+refuses || refused > 1 || refuses > 1 {
		t.Errorf("the wrong key is logged %d times, %d and %d", all, refused, refuses)
	}
	for _, key := range []string{"one key", "another key"} {
		if strings.Contains(log, key) || strings.Contains(n.B.Daemon.Log(), key) {
			t.Errorf("the log has the key %q", key)
		}
	}

	peer, err := n.A.Daemon.CLI("peer", "sa_pw", "--secrets")
	if err != nil {
		t.Fatal(err)
	}
	n.B.Daemon.Write(n.B.UCI(debug, peer))
	n.B.Daemon.Reload()
	d = until(t, n.A, "all up", func(d *status.Document) bool {
		return d.Pseudowires["pw"].State == "up" && d.IPsec["sa_pw"].State == "up"
	})
	n.Reaches(20 * time.Second)
	d = until(t, n.A, "traffic", func(d *status.Document) bool {
		return d.IPsec["sa_pw"].BytesOut > 0 && d.IPsec["sa_pw"].BytesIn > 0 && d.Pseudowires["pw"].RTT != nil // from the first regular probe
	})
	w, x := d.Pseudowires["pw"], d.IPsec["sa_pw"]
	if w.Guard != "protected" || !w.Protected || w.MTU != 1500 || !strings.Contains(w.How, "esp") || w.MSS4 == 0 || w.Attached != "br-lan" || w.RTT == nil ||
		w.Local != n.A.WANs[0].Addr4.String() || w.Interface != "wan0" || len(w.Probes) == 0 || w.Traffic == nil || w.Traffic.RxFrames == 0 || w.Since == 0 {
		t.Errorf("pseudowire: %+v", w)
	}
	if x.IKE != "ESTABLISHED" || x.Child != "INSTALLED" || x.RekeyIn <= 0 || x.IKERekeyIn <= 0 || x.Established == 0 || x.Reason != "" || x.ESPProposal == "" {
		t.Errorf("ipsec: %+v", x)
	}
	text, err := n.A.Daemon.CLI("status")
	if err != nil {
		t.Fatal(err)
	}
	history, err := n.A.Daemon.CLI("history", "--short")
	if err != nil || !strings.Contains(history, "sa_pw ipsec") || !strings.Contains(history, "pw layer2") {
		t.Errorf("%v: history\n%s", err, history)
	}
	why, err := n.A.Daemon.CLI("explain", "router", n.B.WANs[0].Addr4.String(), "udp", "1701")
	if !strings.Contains(why, "outer packets of pseudowire pw, dropped unless under ipsec sa_pw") {
		t.Errorf("%v: explain\n%s", err, why)
	}
	t.Logf("%s\n%s\n%s", text, history, why)
}

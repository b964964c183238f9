package sites

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// certs are files that prove who sites are.
type certs struct {
	ca string               // that has signed the far end's certificate
	of map[string][2]string // certificate and private key by site
}

// uci is what a site's IPsec section has of it.
func (c *certs) uci(site string) string {
	return fmt.Sprintf("\toption cert '%s'\n\toption key '%s'\n\toption ca '%s'\n", c.of[site][0], c.of[site][1], c.ca)
}

// with is a copy in which a site has another certificate.
func (c *certs) with(site, cert, key string) *certs {
	other := &certs{ca: c.ca, of: maps.Clone(c.of)}
	other.of[site] = [2]string{cert, key}
	return other
}

// TestCertificates has both ends prove who they are by certificates of one authority, renews these, tries one of another authority, and stops:
// no private key of ours is left in charon, and another's is.
func TestCertificates(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	dir := t.TempDir()
	ca, wrong := lab.NewAuthority(t, dir, "ca"), lab.NewAuthority(t, dir, "wrong")
	certA, keyA := ca.Issue("a", "a.pem", "a.key")
	certB, keyB := ca.Issue("b", "b.pem", "b.key")
	all := &certs{ca: ca.File, of: map[string][2]string{"a": {certA, keyA}, "b": {certB, keyB}}}
	foreign := map[*lab.Site]string{}
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Charon = lab.StartCharon(s.Router)
		_, file := wrong.Issue("somebody", s.Name+".foreign", s.Name+".foreign.key")
		key, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.Charon.LoadPrivateKey(key)
		foreign[s] = s.Charon.PrivateKeys()[0]
		s.Start(config(s, cable{certs: all}))
	}
	n.Reaches(20 * time.Second)
	// ours waits until charon has another's private key and one of ours, and returns the id of that.
	ours := func(s *lab.Site, not string) string {
		t.Helper()
		var keys []string
		if !lab.Wait(5*time.Second, func() bool {
			keys = slices.DeleteFunc(s.Charon.PrivateKeys(), func(id string) bool { return id == foreign[s] })
			return len(keys) == 1 && keys[0] != not
		}) {
			t.Fatalf("%s: private keys %q beside %s, %q was there before", s.Name, keys, foreign[s], not)
		}
		return keys[0]
	}
	first := map[*lab.Site]string{n.A: ours(n.A, ""), n.B: ours(n.B, "")}

	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	ca.Issue("b", "b.pem", "b.key") // B's in the same files
	n.B.Daemon.Reload()
	ours(n.B, first[n.B])
	if r := flow.Stop(); r.Lost() > 0 {
		t.Errorf("%d of %d pings lost by a certificate renewed in its file", r.Lost(), len(r.Packets))
	}
	passes := func(what string, a *certs) {
		t.Helper()
		begin := time.Now()
		n.A.Daemon.Write(config(n.A, cable{certs: a}))
		n.A.Daemon.Reload()
		ours(n.A, first[n.A])
		t.Logf("%s: frames pass %v after the reload", what, n.Reaches(20*time.Second).Received.Sub(begin))
	}
	cert, key := ca.Issue("a", "renewed.pem", "renewed.key")
	passes("a renewed certificate in another file", all.with("a", cert, key))

	cert, key = wrong.Issue("a", "wrong.pem", "wrong.key")
	n.A.Daemon.Write(config(n.A, cable{certs: all.with("a", cert, key)}))
	n.A.Daemon.Reload()
	fails(t, n.A, "auth", 30*time.Second)
	t.Logf("A says %q, B %q", n.A.Status().IPsec["sa_pw"].Reason, n.B.Status().IPsec["sa_pw"].Reason)
	if c := n.B.Status().IPsec["sa_pw"].Cause; c != "certificate" {
		t.Errorf("B refuses A's certificate: cause %q", c)
	}
	ping := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	time.Sleep(time.Second)
	if r := ping.Stop(); r.Lost() != len(r.Packets) {
		t.Error("frames pass by a certificate of the wrong authority")
	}
	cert, key = ca.Issue("a", "right.pem", "right.key")
	passes("the right authority again", all.with("a", cert, key))

	// proven says whether charon has the private key of a certificate.
	proven := func(s *lab.Site) bool {
		out, err := s.Charon.Swanctl("--list-certs")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(out, "has private key")
	}
	if !proven(n.A) || !proven(n.B) {
		t.Error("swanctl does not show that charon has a private key")
	}
	n.B.Daemon.Kill() // the commands stop a daemon, and what is left of one
	for _, s := range []*lab.Site{n.A, n.B} {
		if out, err := s.Daemon.CLI("stop", "--vici", s.Charon.Socket()); err != nil {
			t.Errorf("stop: %v\n%s", err, out)
		}
		if keys := s.Charon.PrivateKeys(); len(keys) != 1 || keys[0] != foreign[s] {
			t.Errorf("%s: private keys %q are left, of which %s is another's", s.Name, keys, foreign[s])
		}
		for _, what := range []string{"--list-conns", "--list-sas"} {
			if out, err := s.Charon.Swanctl(what); err != nil || strings.TrimSpace(out) != "" {
				t.Errorf("%s %s after the stop: %v\n%s", s.Name, what, err, out)
			}
		}
		if proven(s) { // VICI can take a certificate back only together with others': it stays, without its key
			t.Errorf("%s: charon has the key of a certificate after the stop", s.Name)
		}
	}
	noClear(t, wire)
}

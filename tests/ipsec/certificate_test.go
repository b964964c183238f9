package ipsec_test

import (
	"net/netip"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/ipsec"
	"multiwan/tests/lab"
)

// TestCertificates has both ends held by clients, over IPv6 and in UDP, with certificates of two authorities,
// then of one.
func TestCertificates(t *testing.T) {
	p := newPair(t)
	good, other := lab.NewAuthority(t, t.TempDir(), "good"), lab.NewAuthority(t, t.TempDir(), "other")
	with := func(c kstate.Conn, a *lab.Authority, local, remote string) kstate.Conn {
		c.PSK, c.LocalID, c.RemoteID = nil, local, remote
		c.Cert, c.PrivateKey = a.Issue(local, local+".crt", local+".key")
		c.CA = good.File
		return c
	}
	site := conn("dc2")
	site.Local, site.Remote, site.ForceEncap = netip.MustParseAddr(addrA6), addrB6, true
	site.LocalTS, site.RemoteTS = []string{addrA6 + "/128[115]"}, []string{addrB6 + "/128[115]"}
	ours := with(site, good, "a.example.org", "b.example.org")
	theirs := site
	theirs.Name, theirs.Local, theirs.Remote, theirs.Initiate = "dc1", netip.MustParseAddr(addrB6), addrA6, false
	theirs.LocalTS, theirs.RemoteTS = theirs.RemoteTS, theirs.LocalTS
	a, b := client(t, p.a), client(t, p.b)

	b.Set([]kstate.Conn{with(theirs, other, "b.example.org", "a.example.org")})
	await(t, b, "dc1", 10*time.Second, "loaded", func(s ipsec.Status) bool { return s.Loaded })
	a.Set([]kstate.Conn{ours})
	st, _ := await(t, a, "dc2", 20*time.Second, "refused", func(s ipsec.Status) bool { return s.Failures > 0 })
	if st.Reason.Cause != ipsec.CauseCertificate && st.Reason.Cause != ipsec.CauseAuth {
		t.Errorf("reason %+v", st.Reason)
	}
	t.Logf("a certificate of another authority: %s %q", st.Reason.Cause, st.Reason.Text)

	b.Set([]kstate.Conn{with(theirs, good, "b.example.org", "a.example.org")})
	await(t, b, "dc1", 10*time.Second, "loaded", func(s ipsec.Status) bool { return s.Loaded })
	a.Initiate("dc2")
	await(t, a, "dc2", 20*time.Second, "up", isUp)
	st, _ = await(t, b, "dc1", 20*time.Second, "up", isUp)
	if !st.SA.Child.Encap || !st.SA.NAT || st.SA.Remote.Port() != 4500 {
		t.Errorf("not in UDP: %+v", st.SA)
	}
	if st.SA.Initiator || st.SA.RemoteID != "a.example.org" {
		t.Errorf("the other end: %+v", st.SA)
	}
}

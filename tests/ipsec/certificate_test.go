package ipsec_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/ipsec"
)

// authority is a CA that writes the files of its subjects into a directory.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue(name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes NAME.crt and NAME.key.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", secret)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TestCertificates has both ends held by clients, over IPv6 and in UDP, with certificates of two authorities,
// then of one.
func TestCertificates(t *testing.T) {
	p := newPair(t)
	good, other := newAuthority(t, "good"), newAuthority(t, "other")
	for _, a := range []*authority{good, other} {
		for _, name := range []string{"a.example.org", "b.example.org"} {
			a.issue(name, &x509.Certificate{DNSNames: []string{name}})
		}
	}
	with := func(c kstate.Conn, a *authority, local, remote string) kstate.Conn {
		c.PSK, c.LocalID, c.RemoteID = nil, local, remote
		c.Cert, c.PrivateKey, c.CA = a.file(local+".crt"), a.file(local+".key"), good.file("good.crt")
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

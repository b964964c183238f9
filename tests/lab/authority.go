package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates and writes them into a directory, in PEM.
type Authority struct {
	// File has its own certificate.
	File string

	tb   TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one, whose certificate is NAME.pem in the directory.
func NewAuthority(tb TB, dir, name string) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, dir: dir, File: filepath.Join(dir, name+".pem")}
	a.cert, a.key = a.sign(name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.write(a.File, "CERTIFICATE", a.cert.Raw)
	return a
}

// sign makes a key and a certificate, by itself where there is no authority yet.
func (a *Authority) sign(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	c.Subject = pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.tb.Fatalf("%v", err)
	}
	return c, key
}

// Issue writes a certificate for an identity, a name of a host, and its private key to files of these names, and returns their paths.
func (a *Authority) Issue(identity, cert, key string) (certFile, keyFile string) {
	a.tb.Helper()
	certFile, keyFile = filepath.Join(a.dir, cert), filepath.Join(a.dir, key)
	c, k := a.sign(identity, &x509.Certificate{DNSNames: []string{identity}, KeyUsage: x509.KeyUsageDigitalSignature})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.tb.Fatalf("%v", err)
	}
	a.write(certFile, "CERTIFICATE", c.Raw)
	a.write(keyFile, "PRIVATE KEY", der)
	return certFile, keyFile
}

func (a *Authority) write(file, kind string, der []byte) {
	a.tb.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.tb.Fatalf("%v", err)
	}
}

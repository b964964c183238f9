package sites

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// TestKeys has both ends write the same key in different ways: as text, in hexadecimal and in base64, with bytes that are no text.
func TestKeys(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	const text = "a text, which says: 100 % #1 \\ \"quoted\""
	bytes := "\x00\x01\xff\xfe not text \n\x80"
	hexed := func(key string) string { return "0x" + hex.EncodeToString([]byte(key)) }
	based := func(key string) string { return "0s" + base64.StdEncoding.EncodeToString([]byte(key)) }
	for i, keys := range [][2]string{{hexed(bytes), based(bytes)}, {based(text), text}, {text, hexed(text)}} {
		for end, s := range []*lab.Site{n.A, n.B} {
			if i == 0 {
				s.Start(config(s, cable{psk: keys[end]}))
			} else {
				s.Daemon.Write(config(s, cable{psk: keys[end]}))
				s.Daemon.Reload()
			}
		}
		if i > 0 { // that of the former key goes first
			time.Sleep(time.Second)
		}
		d := until(t, n.A, "up by "+keys[0]+" and "+keys[1], func(d *status.Document) bool { return d.IPsec["sa_pw"].State == "up" })
		if d.IPsec["sa_pw"].Reason != "" {
			t.Errorf("%+v", d.IPsec["sa_pw"])
		}
		n.Reaches(20 * time.Second)
	}
	noClear(t, wire)
}

package kstate

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func conn(name string) Conn {
	return Conn{
		Name: name, Local: netip.MustParseAddr("192.0.2.1"), Remote: "198.51.100.1", LocalID: "a@x", RemoteID: "b@x",
		PSK: Secret("hunter2"), IKEProposals: []string{"aes128gcm16-prfsha256-curve25519"}, ESPProposals: []string{"aes128gcm16"},
		Mode: ModeTransport, LocalTS: []string{"192.0.2.1/32[udp/1701]"}, RemoteTS: []string{"198.51.100.1/32[udp/1702]"},
		DPD: 30 * time.Second, Initiate: true,
	}
}

func TestConnEqual(t *testing.T) {
	for _, c := range []struct {
		name                string
		change              func(*Conn)
		equal, life, inside bool
	}{
		{"nothing", func(*Conn) {}, true, true, true},
		{"dpd", func(c *Conn) { c.DPD = time.Second }, false, true, true},
		{"rekey", func(c *Conn) { c.RekeyChild = time.Hour }, false, true, true},
		{"ike rekey", func(c *Conn) { c.RekeyIKE = time.Hour }, false, true, true},
		{"initiate", func(c *Conn) { c.Initiate = false }, false, true, true},
		{"local", func(c *Conn) { c.Local = netip.MustParseAddr("192.0.2.2") }, false, false, true},
		{"remote", func(c *Conn) { c.Remote = "198.51.100.2" }, false, false, true},
		{"name", func(c *Conn) { c.Name = "y" }, false, false, false},
		{"local id", func(c *Conn) { c.LocalID = "c@x" }, false, false, false},
		{"remote id", func(c *Conn) { c.RemoteID = "c@x" }, false, false, false},
		{"psk", func(c *Conn) { c.PSK = Secret("hunter3") }, false, false, false},
		{"cert", func(c *Conn) { c.Cert = "/c" }, false, false, false},
		{"key", func(c *Conn) { c.PrivateKey = "/c" }, false, false, false},
		{"ca", func(c *Conn) { c.CA = "/c" }, false, false, false},
		{"ike proposal", func(c *Conn) { c.IKEProposals = nil }, false, false, false},
		{"esp proposal", func(c *Conn) { c.ESPProposals = nil }, false, false, false},
		{"mode", func(c *Conn) { c.Mode = ModeTunnel }, false, false, false},
		{"local ts", func(c *Conn) { c.LocalTS = nil }, false, false, false},
		{"remote ts", func(c *Conn) { c.RemoteTS = nil }, false, false, false},
		{"encap", func(c *Conn) { c.ForceEncap = true }, false, false, false},
		{"window", func(c *Conn) { c.ReplayWindow = 4096 }, false, false, false},
	} {
		o := conn("x")
		c.change(&o)
		if got := conn("x").Equal(o); got != c.equal {
			t.Errorf("%s: Equal is %v", c.name, got)
		}
		if got := conn("x").SameLife(o); got != c.life {
			t.Errorf("%s: SameLife is %v", c.name, got)
		}
		if got := conn("x").SameInside(o); got != c.inside {
			t.Errorf("%s: SameInside is %v", c.name, got)
		}
	}
}

// TestSecretNeverPrints tries every way in which a value is usually printed.
func TestSecretNeverPrints(t *testing.T) {
	c := conn("x")
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(js), c.String(), c.GoString(), c.PSK.String(), fmt.Sprint(c), fmt.Sprint([]Conn{c}), fmt.Sprint(map[string]Secret{"a": c.PSK}), fmt.Sprintln(c.PSK)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, c.PSK), fmt.Sprintf(verb, &c.PSK), fmt.Sprintf(verb, struct{ S Secret }{c.PSK}), fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c))
	}
	for _, text := range texts {
		for _, clear := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2"), "aHVudGVyMg", "104 117", "0x68"} {
			if strings.Contains(text, clear) {
				t.Errorf("shows the secret: %s", text)
			}
		}
	}
}

func TestParseSecret(t *testing.T) {
	for _, c := range []struct{ text, key, written string }{
		{"hunter2", "hunter2", "hunter2"},
		{"0x68756e74657232", "hunter2", "hunter2"},
		{"0X68:75:6E:74:65:72:32", "hunter2", "hunter2"},
		{"0x123", "\x01\x23", "0x0123"},
		{"0saHVudGVyMg==", "hunter2", "hunter2"},
		{"0SaHVudGVyMg", "hunter2", "hunter2"},
		{`it's "x" {#}`, `it's "x" {#}`, "0x" + fmt.Sprintf("%x", `it's "x" {#}`)},
		{"0x3078", "0x", "0x3078"},
		{"0", "0", "0"},
	} {
		s, err := ParseSecret(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if string(s) != c.key {
			t.Errorf("%s: key %q", c.text, string(s))
		}
		if s.Text() != c.written {
			t.Errorf("%s: written %s, want %s", c.text, s.Text(), c.written)
		}
		if again, err := ParseSecret(s.Text()); err != nil || !again.Equal(s) {
			t.Errorf("%s: does not survive being written", c.text)
		}
	}
	for _, wrong := range []string{"", "0x", "0s", "0xzzhunter2", "0s!!hunter2"} {
		if s, err := ParseSecret(wrong); err == nil {
			t.Errorf("%q is read as %d bytes", wrong, len(s))
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

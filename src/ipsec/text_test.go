package ipsec

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"multiwan/src/core/kstate"
)

// TestSwanctlText is what the real swanctl reads in tests/ipsec.
func TestSwanctlText(t *testing.T) {
	hub := kstate.Conn{Name: "hub", Remote: kstate.AnyPeer, Mode: kstate.ModeTunnel, LocalTS: []string{"10.0.0.0/8", "fd00::/8"}, RemoteID: `CN=o"hm, #1`,
		LocalID: "hub.example.org", Cert: "/etc/hub.crt", PrivateKey: "/etc/hub.key", CA: "/etc/ca.crt", RekeyChild: 1500 * time.Millisecond, RekeyIKE: time.Hour,
		ForceEncap: true, ReplayWindow: 4096, IKEProposals: []string{"a-b", "c-d"}}
	a := conn("a")
	a.PSK, a.DPD = kstate.Secret("it's"), 30*time.Second
	want := `# multiwan-hub: the private key /etc/hub.key belongs into /etc/swanctl/private
connections {
	multiwan-a {
		version = 2
		local_addrs = 192.0.2.1
		remote_addrs = 198.51.100.1
		dpd_delay = 30s
		mobike = no
		keyingtries = 0
		unique = never
		local {
			auth = psk
			id = a@x
		}
		remote {
			auth = psk
			id = b@x
		}
		children {
			multiwan-a {
				mode = transport
				start_action = none
				close_action = none
				dpd_action = restart
			}
		}
	}
	multiwan-hub {
		version = 2
		remote_addrs = %any
		proposals = a-b,c-d
		rekey_time = 3600s
		mobike = no
		keyingtries = 0
		encap = yes
		unique = never
		local {
			auth = pubkey
			id = hub.example.org
			certs = /etc/hub.crt
		}
		remote {
			auth = pubkey
			id = "CN=o\"hm, #1"
			cacerts = /etc/ca.crt
		}
		children {
			multiwan-hub {
				mode = tunnel
				local_ts = 10.0.0.0/8,fd00::/8
				rekey_time = 2s
				replay_window = 4096
				start_action = none
				close_action = none
				dpd_action = clear
			}
		}
	}
}
secrets {
	ike-multiwan-a {
		id-1 = b@x
		secret = 0x69742773
	}
}
`
	if diff := cmp.Diff(want, SwanctlText([]kstate.Conn{a, hub})); diff != "" {
		t.Error(diff)
	}
	if text := SwanctlText(nil); text != "" {
		t.Errorf("nothing is written as %q", text)
	}
}

// TestOwner holds whom a shared key is for.
func TestOwner(t *testing.T) {
	for _, c := range []struct{ local, remote, localID, remoteID, want string }{
		{"192.0.2.1", "198.51.100.1", "a", "b", "b"},
		{"192.0.2.1", "198.51.100.1", "a", "", "198.51.100.1"},
		{"192.0.2.1", "peer.example.org", "a", "", "a"},
		{"192.0.2.1", kstate.AnyPeer, "a", kstate.AnyPeer, "a"},
		{"192.0.2.1", kstate.AnyPeer, "", "", "192.0.2.1"},
	} {
		k := conn("x")
		k.Remote, k.LocalID, k.RemoteID = c.remote, c.localID, c.remoteID
		if got := owner(k); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestClassify has lines of charon's log, of failures and of success.
func TestClassify(t *testing.T) {
	for line, want := range map[string]Cause{
		"tried 1 shared key for 'b' - 'a', but MAC mismatched":                                                  CauseAuth,
		"received AUTHENTICATION_FAILED notify error":                                                           CauseAuth,
		"no shared key found for 'a' - 'b'":                                                                     CauseAuth,
		"no private key found for 'a'":                                                                          CauseCertificate,
		"no trusted ECDSA public key found for 'b'":                                                             CauseCertificate,
		"received NO_PROPOSAL_CHOSEN notify error":                                                              CauseProposal,
		"received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built":                                                 CauseProposal,
		"received TS_UNACCEPTABLE notify, no CHILD_SA built":                                                    CauseSelectors,
		"traffic selectors 10.0.0.0/8 === 10.0.0.0/8 unacceptable":                                              CauseSelectors,
		"unable to resolve peer.example.org, initiate aborted":                                                  CauseResolve,
		"unable to install inbound and outbound IPsec SA (SAD) in kernel":                                       CauseKernel,
		"retransmit 1 of request with message ID 0":                                                             CauseUnreachable,
		"establishing IKE_SA failed, peer not responding":                                                       CauseUnreachable,
		"received FAILED_CP_REQUIRED notify error":                                                              CausePeer,
		"received retransmit of request with ID 1, retransmitting response":                                     "",
		"CHILD_SA x{1} established with SPIs c1_i c2_o and TS 192.0.2.1/32[udp/l2f] === 192.0.2.2/32[udp/1702]": "",
		"selected proposal: IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/CURVE_25519":                                   "",
		"sending packet: from 192.0.2.1[500] to 192.0.2.2[500] (232 bytes)":                                     "",
		"scheduling rekeying in 13861s":                                                                         "",
	} {
		if got := classify(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestServes holds which SAs from before the start are taken for a connection's.
func TestServes(t *testing.T) {
	c := conn("x")
	c.LocalTS, c.RemoteTS = []string{"192.0.2.1[udp/1701]"}, []string{"198.51.100.1/32[udp/1702]"}
	text := func(local, remote, mode, lts, rts string) SA {
		v := values{section{{key: "local-host", value: local}, {key: "remote-host", value: remote}, {key: "local-port", value: "500"},
			{key: "remote-port", value: "500"}, {key: "child-sas", sub: section{{key: "x", sub: section{{key: "state", value: "INSTALLED"},
				{key: "mode", value: mode}, {key: "uniqueid", value: "1"}, {key: "local-ts", list: []string{lts}}, {key: "remote-ts", list: []string{rts}}}}}}}}
		return readSA(v, time.Now())
	}
	for _, w := range []struct {
		sa   SA
		want bool
	}{
		{text("192.0.2.1", "198.51.100.1", "TRANSPORT", "192.0.2.1/32[udp/l2f]", "198.51.100.1/32[udp/1702]"), true},
		{text("192.0.2.2", "198.51.100.1", "TRANSPORT", "192.0.2.1/32[udp/l2f]", "198.51.100.1/32[udp/1702]"), false},
		{text("192.0.2.1", "198.51.100.2", "TRANSPORT", "192.0.2.1/32[udp/l2f]", "198.51.100.1/32[udp/1702]"), false},
		{text("192.0.2.1", "198.51.100.1", "TUNNEL", "192.0.2.1/32[udp/l2f]", "198.51.100.1/32[udp/1702]"), false},
		{text("192.0.2.1", "198.51.100.1", "TRANSPORT", "192.0.2.9/32[udp/l2f]", "198.51.100.1/32[udp/1702]"), false},
		{text("192.0.2.1", "198.51.100.1", "TRANSPORT", "192.0.2.1/32[udp/l2f]", "198.51.0.0/16[udp/1702]"), false},
	} {
		if got := serves(c, w.sa); got != w.want {
			t.Errorf("%v %v %v: %v", w.sa.Local, w.sa.Remote, w.sa.Child, got)
		}
	}
}

// TestFilesAreRead holds that VICI has the contents where the text has the path, and that a lack names the file.
func TestFilesAreRead(t *testing.T) {
	if _, err := (section{}.file("certs", "/no/such/file")).append(nil); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("error %v", err)
	}
}

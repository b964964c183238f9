package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
)

// interfaces cuts the sections interface out of an example.
func interfaces(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/examples/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "config interface")
	before, _, _ := strings.Cut(rest, "config ipsec")
	return "config interface" + before
}

// TestPeerOfPeer: what peer prints is a valid configuration, and what peer prints of that is the first end's again.
func TestPeerOfPeer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiwan")
	peer := func(config, names string) string {
		t.Helper()
		code, out, errs := multiwan(t, "peer", "ha", "--secrets", "--config", config, "--socket", path+".sock", "--interface", names)
		if code != exitOK || errs != "" {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		return out
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, _ := multiwan(t, "check", path); code != exitOK {
			t.Fatalf("not accepted: %s\n%s", out, text)
		}
	}
	first := peer("../../../docs/examples/two-sites.uci", "cable=fibre,telco=radio")
	golden(t, "peer.golden", first)
	write(interfaces(t, "two-sites-mirror.uci") + first)
	write(interfaces(t, "two-sites.uci") + peer(path, "fibre=cable,radio=telco"))
	if d := cmp.Diff(first, peer(path, "cable=fibre,telco=radio")); d != "" {
		t.Errorf("the far end of the far end of the far end (-want +got):\n%s", d)
	}
}

// TestPeerByHand: commands and strongSwan's file, with keys only where they were asked for.
func TestPeerByHand(t *testing.T) {
	args := []string{"peer", "pw_cable", "--for", "ip", "--config", "../../../docs/examples/two-sites-mirror.uci", "--socket", filepath.Join(t.TempDir(), "s")}
	code, out, errs := multiwan(t, args...)
	if code != exitOK || errs != "" || strings.Contains(out, "replace this") || strings.Contains(out, "7265706c616365") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
	golden(t, "peer-by-hand.golden", out)
	if _, out, _ = multiwan(t, append(args, "--secrets")...); !strings.Contains(out, "secret = 0x7265706c616365") {
		t.Errorf("no key in\n%s", out)
	}
	_, out, _ = multiwan(t, "peer", "pw_cable", "--config", "../../../docs/examples/two-sites.uci", "--socket", filepath.Join(t.TempDir(), "s"))
	if strings.Contains(out, "replace this") || !strings.Contains(out, "# option psk") {
		t.Errorf("a key, or no word on it, in\n%s", out)
	}
}

// TestPeerOfHub: a spoke whose address nobody knows calls, from whatever it has.
func TestPeerOfHub(t *testing.T) {
	_, out, _ := multiwan(t, "peer", "pw_north", "--for", "ip", "--config", "../../../docs/examples/hub.uci", "--socket", filepath.Join(t.TempDir(), "s"))
	for _, want := range []string{"remote_addrs = 192.0.2.7", "id = north@example.com", "local_ts = 172.30.201.2/32", "swanctl --initiate --child multiwan-north"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "local_addrs") {
		t.Errorf("an address of the spoke in\n%s", out)
	}
}

// TestPeerOfLACP: a detour past a pseudowire stands on a queueing discipline.
func TestPeerOfLACP(t *testing.T) {
	_, out, _ := multiwan(t, "peer", "trunk", "--for", "ip", "--config", "../../../docs/examples/bond.uci", "--socket", filepath.Join(t.TempDir(), "s"))
	for _, dev := range []string{"pw_cable", "u-pw_cable"} {
		first, then := strings.Index(out, "tc qdisc add dev "+dev+" clsact"), strings.Index(out, "tc filter add dev "+dev+" ")
		if first < 0 || then < first {
			t.Errorf("no qdisc before the filter of %s in\n%s", dev, out)
		}
	}
}

// TestPeerWithoutAddress: what the file does not know and no daemon tells is said.
func TestPeerWithoutAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiwan")
	text := "config interface 'wan'\n\toption device 'eth0'\n\nconfig pseudowire 'pw'\n\toption interface 'wan'\n\toption remote '192.0.2.1'\n\toption tunnel_id '1'\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"multiwan", "ip"} {
		code, out, _ := multiwan(t, "peer", "pw", "--for", form, "--config", path, "--socket", path+".sock")
		if code != exitOK || !strings.Contains(out, "# pseudowire pw: the address of this end is not known") || strings.Contains(out, "\nip ") {
			t.Errorf("%s: exit code %d\n%s", form, code, out)
		}
	}
	for want, args := range map[int][]string{exitUsage: {"peer", "nope", "--config", path}, exitFailed: {"peer", "pw", "--config", "testdata/bad"}} {
		if code, _, _ := multiwan(t, append(args, "--socket", path+".sock")...); code != want {
			t.Errorf("%v: exit code %d, want %d", args, code, want)
		}
	}
	if code, _, _ := multiwan(t, "peer", "pw", "--for", "linux", "--config", path); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}

// TestPeerAsksTheDaemon: an address that the file does not have, of the line and of a far end with a name.
func TestPeerAsksTheDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiwan")
	text := "config interface 'wan'\n\toption device 'eth0'\n\nconfig pseudowire 'pw'\n\toption interface 'wan'\n\toption remote 'dc.example.com'\n\toption tunnel_id '1'\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := serve(t, map[string]any{"status": status.Document{Counters: status.Counters{Passes: 1},
		Interfaces:  map[string]status.Interface{"wan": {MTU: 1492, IPv4: &status.Side{Address: "198.51.100.10/24"}}},
		Pseudowires: map[string]status.Pseudowire{"pw": {Local: "198.51.100.10", Remote: "192.0.2.7"}}}})
	code, out, errs := multiwan(t, "peer", "pw", "--config", path, "--socket", socket)
	if code != exitOK || errs != "" || !strings.Contains(out, "option remote '198.51.100.10'") {
		t.Errorf("exit code %d, %s\n%s", code, errs, out)
	}
	_, out, _ = multiwan(t, "peer", "pw", "--for", "ip", "--config", path, "--socket", socket)
	if !strings.Contains(out, "local 192.0.2.7 remote 198.51.100.10") {
		t.Errorf("by hand:\n%s", out)
	}
}

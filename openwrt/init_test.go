// Package openwrt_test tries what we ship for OpenWrt without OpenWrt.
package openwrt_test

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubs stand for rc.common and procd: each says how it was called.
const stubs = `
for f in extra_command procd_open_instance procd_set_param procd_close_instance procd_add_reload_trigger procd_add_jail json_add_array json_add_object json_add_string json_close_object json_close_array; do
	eval "$f() { echo $f \"\$@\"; }"
done
# Stubs of uci: what a test sets as SECTIONS ("type name") and as CONFIG_section_option.
config_load() { :; }
config_get() { eval "$1=\${CONFIG_${2}_${3}:-$4}"; }
config_get_bool() { config_get "$@"; }
config_foreach() { for s in $SECTIONS; do [ "${s%%:*}" = "$2" ] && "$1" "${s#*:}"; done; return 0; }
_procd_status() { echo "procd's status"; return 3; }
. ../files/etc/init.d/multiwan
PROG=./multiwan
KNOWN=/no/such
`

// inScript runs a line behind the init script, with a program that says its arguments and ends with a code.
func inScript(t *testing.T, line, code string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	program := "#!/bin/sh\necho \"multiwan $*\"\nexit " + code + "\n"
	if err := os.WriteFile(filepath.Join(dir, "multiwan"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dash", "-c", strings.ReplaceAll(stubs, "./multiwan", filepath.Join(dir, "multiwan"))+line)
	out, err := cmd.Output()
	return string(out), err
}

func TestInitStop(t *testing.T) {
	for _, c := range []struct {
		env  string
		asks bool
	}{
		{"action=stop", true},
		{"action=stop PKG_UPGRADE=0", true},
		{"action=stop PKG_UPGRADE=1", false},
		{"action=restart", false},
		{"action=shutdown", false},
		{`action='eval reload "$@" || restart "$@" && :'`, false},
	} {
		out, err := inScript(t, c.env+"\nstop_service", "0")
		if err != nil {
			t.Errorf("%s: %v", c.env, err)
		}
		if asks := strings.Contains(out, "multiwan stop\n"); asks != c.asks {
			t.Errorf("%s: removes our state: %v, want %v", c.env, asks, c.asks)
		}
	}
}

// TestInitCloses: the firewall loads again after a real stop of a service that had opened ports, and only then.
func TestInitCloses(t *testing.T) {
	const closed = `"type":"service.data.update","data":{"name":"firewall"}`
	for _, c := range []struct {
		env, data string
		reloads   bool
	}{
		{"action=stop", `"target": "ACCEPT"`, true},
		{"action=stop", "", false},
		{"action=stop PKG_UPGRADE=1", `"target": "ACCEPT"`, false},
		{"action=restart", `"target": "ACCEPT"`, false},
	} {
		ubus := "ubus() { case \"$3\" in get_data) echo '" + c.data + "';; *) echo \"$@\";; esac; }\n"
		out, err := inScript(t, ubus+c.env+"\nstop_service; service_stopped", "0")
		if err != nil {
			t.Errorf("%s: %v", c.env, err)
		}
		if got := strings.Contains(out, closed); got != c.reloads {
			t.Errorf("%s with data %q: the firewall is told: %v, want %v", c.env, c.data, got, c.reloads)
		}
	}
}

func TestInitStart(t *testing.T) {
	out, err := inScript(t, "start_service; service_triggers", "0")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"run --syslog --swanctl /var/run/multiwan/swanctl.conf", "respawn 3600 5 0", "stderr 1", "file /etc/config/multiwan /etc/config/network /etc/config/firewall", "reload_signal HUP",
		"procd_add_reload_trigger multiwan network firewall",
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// TestInitIntroduces: reload_config compares sums that it made at boot, so a package that came later has to be entered, once and as it is
// written there; where there are no sums yet none is made, as then the next reload_config makes them all.
func TestInitIntroduces(t *testing.T) {
	known := filepath.Join(t.TempDir(), "config.md5")
	start := "KNOWN=" + known + "\nuci() { echo \"multiwan.globals=globals\"; }\nstart_service"
	if out, err := inScript(t, start, "0"); err != nil {
		t.Fatal(err, out)
	}
	if _, err := os.Stat(known); err == nil {
		t.Fatal("a list was made where there was none")
	}
	const before = "aa  /var/run/config.check/network\n"
	if err := os.WriteFile(known, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", md5.Sum([]byte("multiwan.globals=globals\n")))
	for range 2 {
		if out, err := inScript(t, start, "0"); err != nil {
			t.Fatal(err, out)
		}
		got, err := os.ReadFile(known)
		if want := before + sum + "  /var/run/config.check/multiwan\n"; err != nil || string(got) != want {
			t.Errorf("%v, got\n%swant\n%s", err, got, want)
		}
	}
}

// TestInitFirewall: the firewall learns which ports the tunnels need, from whom, and of none that are off.
func TestInitFirewall(t *testing.T) {
	const sections = `SECTIONS="pseudowire:a pseudowire:b pseudowire:c pseudowire:d ipsec:x ipsec:y interface:lan interface:pw1"
CONFIG_a_remote=192.0.2.7; CONFIG_a_ipsec=x CONFIG_a_remote_alt=198.51.100.7
CONFIG_b_remote=far.example.com; CONFIG_b_local_port=1702
CONFIG_c_remote=2001:db8::7; CONFIG_c_encap=ip
CONFIG_d_remote=192.0.2.9; CONFIG_d_enabled=0
CONFIG_x_remote=192.0.2.7
CONFIG_y_remote=any
CONFIG_lan_proto=static
CONFIG_pw1_proto=l2tpv3; CONFIG_pw1_peeraddr=192.0.2.11; CONFIG_pw1_sport=1703
`
	rule := func(proto, port, from string) string {
		out := "json_add_object \njson_add_string type rule\njson_add_string src *\njson_add_string proto " + proto + "\n"
		if port != "" {
			out += "json_add_string dest_port " + port + "\n"
		}
		if from != "" {
			out += "json_add_string src_ip " + from + "\n"
		}
		return out + "json_add_string target ACCEPT\njson_close_object\n"
	}
	want := "json_add_array firewall\n" + rule("udp", "1701", "192.0.2.7") +
		rule("udp", "500 4500", "198.51.100.7") + rule("esp", "", "198.51.100.7") + rule("udp", "1702", "") + rule("115", "", "2001:db8::7") +
		rule("udp", "500 4500", "192.0.2.7") + rule("esp", "", "192.0.2.7") + rule("udp", "500 4500", "") + rule("esp", "", "") +
		rule("udp", "1703", "192.0.2.11") + "json_close_array\n"
	if out, err := inScript(t, sections+"service_data", "0"); err != nil || !strings.HasSuffix(out, "kernel\n"+want) {
		t.Errorf("%v, got\n%swant\n%s", err, out, want)
	}
	if out, err := inScript(t, sections+"CONFIG_globals_enabled=0\nservice_data", "0"); err != nil || strings.Contains(out, "json") {
		t.Errorf("while multiwan is off: %v, %s", err, out)
	}
}

// TestInitJail: two rights where ujail is there, and none of the options that would give it a /proc of its own.
func TestInitJail(t *testing.T) {
	const jailed = "procd_add_jail multiwan\nprocd_set_param capabilities ./caps\nprocd_set_param no_new_privs 1\n"
	jail := "CAPABILITIES=./caps; eval \"$(sed -n '/^start_service/,/^}/p' ../files/etc/init.d/multiwan | sed 's:/sbin/ujail:/bin/sh:; s:-e \"$CAPABILITIES\":-n \"$CAPABILITIES\":')\"\nstart_service"
	if out, err := inScript(t, jail, "0"); err != nil || !strings.Contains(out, jailed) {
		t.Errorf("with ujail: %v\n%s", err, out)
	}
	if out, err := inScript(t, strings.ReplaceAll(jail, ":/bin/sh:", ":/no/such:"), "0"); err != nil || strings.Contains(out, "jail") || !strings.HasSuffix(out, "procd_close_instance\n") {
		t.Errorf("without: %v\n%s", err, out)
	}
	text, err := os.ReadFile("../files/etc/capabilities/multiwan.json")
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string][]string
	if err := json.Unmarshal(text, &sets); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"bounding", "effective", "ambient", "permitted", "inheritable"} {
		if got := strings.Join(sets[set], " "); got != "CAP_NET_ADMIN CAP_NET_RAW" {
			t.Errorf("%s: %s", set, got)
		}
	}
}

func TestInitStatus(t *testing.T) {
	out, err := inScript(t, "status_service", "0")
	if err != nil || !strings.Contains(out, "multiwan status\n") || strings.Contains(out, "procd's") {
		t.Errorf("with a daemon: %v\n%s", err, out)
	}
	out, err = inScript(t, "status_service", "3")
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 3 || !strings.Contains(out, "procd's status\n") {
		t.Errorf("without a daemon: %v, want procd's code 3\n%s", err, out)
	}
}

// TestBusRights: on the bus the user nobody may ask for numbers, and change nothing.
func TestBusRights(t *testing.T) {
	text, err := os.ReadFile("../files/usr/share/acl.d/multiwan.json")
	if err != nil {
		t.Fatal(err)
	}
	var acl struct {
		User   string
		Access map[string]struct{ Methods []string }
	}
	if err := json.Unmarshal(text, &acl); err != nil {
		t.Fatal(err)
	}
	if got := acl.Access["multiwan"].Methods; acl.User != "nobody" || len(acl.Access) != 1 || len(got) != 1 || got[0] != "metrics" {
		t.Errorf("%+v", acl)
	}
}

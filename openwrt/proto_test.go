package openwrt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inHandler runs a command of netifd's handler with stubs of what netifd-proto.sh has, and a ubus that ends with a code.
func inHandler(t *testing.T, line, code string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ubus"), []byte("#!/bin/sh\necho \"ubus $*\" >&3\nexit "+code+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dash", "-c", `exec 3>&1
INCLUDE_ONLY=1
for f in proto_config_add_string proto_config_add_int proto_config_add_array proto_notify_error; do eval "$f() { echo $f \"\$@\"; }"; done
. ../files/lib/netifd/proto/l2tpv3.sh
`+line)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// TestProtocolHandler: netifd's handler hands the interface over, and says so where nobody takes it; it knows the options that the daemon
// reads.
func TestProtocolHandler(t *testing.T) {
	if out := inHandler(t, "proto_l2tpv3_setup pw1", "0"); out != "ubus -t 5 call multiwan pseudowire_up {\"interface\":\"pw1\"}\n" {
		t.Errorf("setup: %q", out)
	}
	if out := inHandler(t, "proto_l2tpv3_setup pw1", "4"); !strings.HasSuffix(out, "\nproto_notify_error pw1 NO_DAEMON multiwan does not run\n") {
		t.Errorf("setup without a daemon: %q", out)
	}
	if out := inHandler(t, "proto_l2tpv3_teardown pw1 || true", "4"); out != "ubus -t 5 call multiwan pseudowire_down {\"interface\":\"pw1\"}\n" {
		t.Errorf("teardown: %q", out)
	}
	options := inHandler(t, `proto_l2tpv3_init_config; echo "$no_device $no_proto_task $available"`, "0")
	if !strings.HasSuffix(options, "\n1 1 1\n") {
		t.Errorf("flags: %s", options)
	}
	source, err := os.ReadFile("../src/daemon/raised.go")
	if err != nil {
		t.Fatal(err)
	}
	extension, err := os.ReadFile("../src/daemon/extension.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(extension), "protocolOptions = ")
	table, _, _ = strings.Cut(table, "}}\n")
	read := regexp.MustCompile(`\{"(\w+)", "`).FindAllStringSubmatch(table, -1)
	if len(read) < 10 {
		t.Fatalf("only %d options are read", len(read))
	}
	docs, err := os.ReadFile("../docs/tunnels.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range read {
		if !regexp.MustCompile(`(?m) ` + o[1] + `(:.*)?$`).MatchString(options) {
			t.Errorf("the handler does not know %s", o[1])
		}
		if !strings.Contains(string(docs), "| `"+o[1]+"` |") {
			t.Errorf("docs/tunnels.md does not describe %s", o[1])
		}
	}
	for _, code := range regexp.MustCompile(`proto\w+ += "([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(string(docs), "* `"+code[1]+"`:") {
			t.Errorf("docs/tunnels.md does not explain %s", code[1])
		}
	}
}

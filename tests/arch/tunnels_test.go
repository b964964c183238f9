package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/mtu"
)

// TestTunnelsBlocks: every configuration in docs/tunnels.md is taken without a word, and the first joins two sites in twenty lines.
func TestTunnelsBlocks(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```uci\n(.*?)```").FindAllStringSubmatch(document(t, "../../docs/tunnels.md"), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for i, b := range blocks {
		c, diags := config.Load("tunnels.md", []byte(b[1]))
		if len(diags) > 0 {
			t.Errorf("%s\n%v", b[1], diags)
		}
		if i > 0 {
			continue
		}
		if len(c.Interfaces) != 1 || len(c.Pseudowires) != 1 || c.Pseudowires[0].IPsec != "dc" || c.Pseudowires[0].Attach.Bridge == "" {
			t.Errorf("the first block is not two sites: %+v", c)
		}
		if n := strings.Count(b[1], "\n"); n > 20 {
			t.Errorf("two sites take %d lines", n)
		}
	}
}

// TestTunnelsSizes: the table of sizes is what core/mtu computes.
func TestTunnelsSizes(t *testing.T) {
	text := document(t, "../../docs/tunnels.md")
	gcm := mtu.Cipher{IV: 8, Align: 4, ICV: 16}
	for what, esp := range map[string]mtu.ESP{
		"in clear": {}, "IPsec transport": {Mode: "transport", Cipher: gcm},
		"IPsec transport in UDP (`encap`)": {Mode: "transport", Cipher: gcm, NAT: true}, "IPsec tunnel": {Mode: "tunnel", Cipher: gcm},
	} {
		p := mtu.Device(config.MTU{Mode: "path"}, mtu.Stack{Path: 1500, Family: kstate.IPv4, Encap: "udp", ESP: esp})
		row := fmt.Sprintf("| %s | %d | %d | %d |\n", what, p.MTU, p.MSS[kstate.IPv4], p.MSS[kstate.IPv6])
		if !strings.Contains(text, row) {
			t.Errorf("no row %s", row)
		}
	}
}

// TestLinks: files that the documents link to are there.
func TestLinks(t *testing.T) {
	for _, name := range []string{"../../README.md", "../../docs/tunnels.md", "../../docs/measurements.md"} {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(document(t, name), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package status

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryWarningHasACode reads the warnings out of the planners' source: none may come without a code of its own.
func TestEveryWarningHasACode(t *testing.T) {
	seen := 0
	for _, pattern := range []string{"../plan/*.go", "../overlay/*.go", "../../reconcile/collision.go", "buildsites.go", "redundancy.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?:\.warn\(|arnings = append\([^"\n]*|out = append\(out, )(?:fmt\.Sprintf\()?("(?:[^"\\]|\\.)*")`).FindAllStringSubmatch(string(text), -1) {
				if m[1] == `"%s"` || strings.Contains(file, "overlay/peer") || strings.HasSuffix(file, "_test.go") {
					continue
				}
				seen++
				if n := NoticeOf(strings.Trim(m[1], `"`)); n.Code == NoticeOther {
					t.Errorf("%s: %s has no code", file, m[1])
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("found only %d warnings", seen)
	}
}

// TestNoticeCodesAreDocumented holds the list of docs/status.md and the codes together.
func TestNoticeCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "## Codes of warnings")
	list, _, _ = strings.Cut(list, "\n## ")
	documented := map[string]bool{}
	for line := range strings.Lines(list) {
		head, _, _ := strings.Cut(line, ": ")
		if strings.HasPrefix(line, "* ") {
			for _, m := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(head, -1) {
				documented[m[1]] = true
			}
		}
	}
	codes := map[string]bool{NoticeOther: true}
	for _, n := range notices {
		codes[n.code] = true
	}
	if d := cmp.Diff(codes, documented); d != "" {
		t.Errorf("- a code without words, + words without a code:\n%s", d)
	}
}

func TestNoticeOf(t *testing.T) {
	for warning, want := range map[string]Notice{
		"kernel module l2tp_eth is missing, on OpenWrt install kmod-l2tp-eth":                                         {Code: "kernel-module"},
		"pseudowire dc: mtu 1500 does not fit into the path, larger packets than 1430 go in fragments":                {Code: "mtu", Section: "pseudowire dc"},
		"pseudowire dc: bridge br-lan is no bridge":                                                                   {Code: "pseudowire", Section: "pseudowire dc"},
		`another program keeps changing "ip rule" (6 repairs): left alone for a while each time`:                      {Code: "fight"},
		"others use our numbers (routing table 19713): rules moved to 7000, tables to 20000":                          {Code: "numbers-moved"},
		"another program uses bits of mark_mask 0x7f000000: ip rule add fwmark 0x1000000/0xff000000":                  {Code: "mark-collision"},
		"setting net.ipv4.conf.eth0.rp_filter was 1 and is changed while multiwan runs":                               {Code: "setting-changed"},
		"hook /etc/multiwan.d/10 down wan: exit status 1":                                                             {Code: "hook"},
		"ip route add default dev eth0 table 19713: network is down (3 tries)":                                        {Code: "operation-failed"},
		"add link ha: the kernel has no bond devices: install kmod-bonding (module bonding): not supported (3 tries)": {Code: "kernel-module"},
		"interfaces wan and wanb have the same address 10.0.0.2: traffic bound to it follows the default policy":      {Code: "same-address"},
		"resolve dns.example: no answer":                                                                              {Code: "resolve"},
		"something new":                                                                                               {Code: "other"},
	} {
		want.Message = warning
		if got := NoticeOf(warning); got != want {
			t.Errorf("%q: %+v, want %+v", warning, got, want)
		}
	}
}

package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestS35Validators reads the lists of testdata/validators.txt through UCI text, as users would type them.
func TestS35Validators(t *testing.T) {
	counts := map[string]int{}
	for line := range strings.Lines(string(read(t, "testdata/validators.txt"))) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "pbr:")
		if line == "" || line[0] == '#' {
			continue
		}
		verdict, rest, _ := strings.Cut(line, " ")
		key, text, _ := strings.Cut(strings.TrimSpace(rest), " ")
		text = strings.TrimSpace(text)
		typ, option, _ := strings.Cut(key, ".")
		counts[verdict]++
		lines := fmt.Sprintf("option %s '%s'", option, text)
		if option == "target" {
			lines += "\noption method dns"
		}
		_, ds := Load("multiwan", []byte(frame(typ, lines)))
		wrong := false
		for _, d := range ds {
			wrong = wrong || !d.Warning && d.Option == option
		}
		if wrong != (verdict == "invalid") {
			t.Errorf("%s %q: want %s, got:\n%s", key, text, verdict, ds)
		}
	}
	if counts["valid"] < 60 || counts["invalid"] < 80 || len(counts) != 2 {
		t.Errorf("the list was not read: %v", counts)
	}
}

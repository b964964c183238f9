package mwan3

import (
	"os"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/uci"
)

// TestAccepted: what the import writes is a valid configuration, without even a
// warning.
func TestAccepted(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			_, result := imported(t, name)
			c, found := config.Load("multiwan", result.Text)
			for _, d := range found {
				t.Errorf("%s\nin\n%s", d, result.Text)
			}
			if len(c.Interfaces) == 0 || len(c.Rules) == 0 {
				t.Errorf("%d interfaces, %d rules", len(c.Interfaces), len(c.Rules))
			}
		})
	}
}

// FuzzImport: whatever mwan3's file says, the result is accepted.
func FuzzImport(f *testing.F) {
	for _, path := range []string{"shipped", "dual", "every_option", "wrong", "anonymous"} {
		text, err := os.ReadFile("testdata/" + path + "/mwan3")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := uci.Parse("mwan3", text)
		if err != nil {
			return
		}
		result, err := Import(file)
		if err != nil {
			return
		}
		_, found := config.Load("multiwan", result.Text)
		for _, d := range found {
			if !d.Warning {
				t.Errorf("%s\nin\n%s", d, result.Text)
			}
		}
	})
}

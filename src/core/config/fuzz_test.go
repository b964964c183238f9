package config

import (
	"path/filepath"
	"testing"
)

// FuzzLoad: no text panics, and every Config keeps what its readers rely on, with errors or without.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/invalid/*.uci", examplesDir + "/*", shippedPath} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no files: %v", pattern, err)
		}
		for _, path := range files {
			f.Add(read(f, path))
		}
	}
	for key, sample := range samples {
		f.Add([]byte(frame(key[:len(key)-len(filepath.Ext(key))], sample)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, ds := Load("multiwan", text)
		checkInvariants(t, c, ds)
		for _, d := range ds {
			if d.Want == "" || d.File != "multiwan" || d.Line < 0 {
				t.Errorf("diagnostic %+v", d)
			}
		}
		again, dsAgain := Load("multiwan", text)
		if ds.String() != dsAgain.String() || len(c.Rules) != len(again.Rules) {
			t.Errorf("twice the same text, different results:\n%s\n%s", ds, dsAgain)
		}
	})
}

package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLoad reads 60 WANs and 1000 rules.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "config interface wan%d\n\toption device eth%d\n\toption metric %d\n", i, i, i+1)
	}
	for i := range 1000 {
		fmt.Fprintf(&text, "config rule r%d\n\tlist src_ip 10.0.%d.0/24\n\toption dest_port '80,443'\n\toption policy wan%d\n", i, i%250, i%60)
	}
	file := []byte(text.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Load("multiwan", file); len(ds) > 0 {
			b.Fatal(ds)
		}
	}
}

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

// BenchmarkLoadPseudowires reads 1000 pseudowires, each with an IPsec section of its own.
func BenchmarkLoadPseudowires(b *testing.B) {
	var text strings.Builder
	text.WriteString("config interface wan\n\toption device eth0\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "config ipsec v%d\n\toption interface wan\n\toption remote 192.0.2.7\n\toption local_id a%d\n\toption remote_id b%d\n\toption psk x\n", i, i, i)
		fmt.Fprintf(&text, "config pseudowire p%d\n\toption remote 192.0.2.7\n\toption ipsec v%d\n\toption local_port %d\n\toption tunnel_id %d\n", i, i, 2000+i, i+1)
	}
	file := []byte(text.String())
	b.ReportAllocs()
	for b.Loop() {
		if c, ds := Load("multiwan", file); len(ds) > 0 || len(c.Pseudowires) != 1000 {
			b.Fatal(ds)
		}
	}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"multiwan/tests/lab"
)

// measureSizes has make build the program as it is shipped.
func measureSizes(tb lab.TB, t *table) {
	for _, arch := range []string{"mips", "mipsle", "armv5", "armv7", "arm64", "amd64"} {
		file := "build/multiwan-" + arch
		if out, err := exec.Command("make", "-s", file).CombinedOutput(); err != nil {
			tb.Errorf("make %s: %v: %s", file, err, out)
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		f := t.add(arch, "MiB", float64(len(text))/(1<<20)).noted("%.2f MiB in a squashfs, %.2f MiB with xz", squashed(tb, text), packed(tb, text, "-9"))
		if arch == "mipsle" {
			f.within(6).hoping(4.5)
		}
	}
}

// build makes a release of the program.
func build(tb lab.TB, file string, env ...string) {
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=bench", "-o", file, "multiwan/src/cmd/multiwan")
	c.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("build for %s: %v: %s", strings.Join(env, " "), err, out)
	}
}

// squashed is the size in MiB as a squashfs of OpenWrt packs it: xz, blocks of 256 KiB, each by itself.
func squashed(tb lab.TB, text []byte) (size float64) {
	const block = 256 << 10
	for ; len(text) > 0; text = text[min(block, len(text)):] {
		size += packed(tb, text[:min(block, len(text))], "--lzma2=preset=9,dict=256KiB", "--check=crc32")
	}
	return size
}

// packed is the size in MiB that xz makes of a text.
func packed(tb lab.TB, text []byte, options ...string) float64 {
	c := exec.Command("xz", append(options, "--stdout")...)
	c.Stdin = bytes.NewReader(text)
	out, err := c.Output()
	if err != nil {
		tb.Fatalf("xz %s: %v", fmt.Sprint(options), err)
	}
	return float64(len(out)) / (1 << 20)
}

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes what the figures were measured on, and how busy it was.
func machine() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	model, virtual := "", ""
	info, _ := os.ReadFile("/proc/cpuinfo") // absent in no kernel that has namespaces
	for _, line := range strings.Split(string(info), "\n") {
		k, v, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(k) {
		case "model name":
			model = strings.TrimSpace(v)
		case "flags":
			if strings.Contains(v+" ", " hypervisor ") {
				virtual = ", a virtual machine"
			}
		}
	}
	return fmt.Sprintf("%s: %d CPUs (%s, %s)%s, Linux %s, %s, load %s.", time.Now().Format(time.DateOnly), runtime.NumCPU(), model, runtime.GOARCH,
		virtual, unix.ByteSliceToString(u.Release[:]), runtime.Version(), load())
}

// load is the mean number of runnable tasks over 1, 5 and 15 minutes.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	f := strings.Fields(string(b))
	return strings.Join(f[:3], " ")
}

package main

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// initScript is PID 1 of the machine.
//
//go:embed init.sh
var initScript []byte

// tools of Debian that tests and features use. Those marked optional are taken
// where they are installed; the features that need them are missing otherwise.
var tools = []string{"ip", "tc", "bridge", "nft", "conntrack", "ping", "arping", "tcpdump", "ss", "nsenter", "sysctl", "kmod", "sh"}

var optionalTools = []string{"fping", "charon-systemd", "swanctl", "openvpn", "iperf3", "iptables", "ethtool"}

// modules with what they depend on, by name or by a pattern below
// /lib/modules/VERSION/kernel. The kernel loads them when they are asked for, as
// on any Debian.
var modules = []string{
	"veth", "bridge", "8021q", "bonding", "dummy", "tun", "macvlan", "vrf", "ifb", "sit", "gre", "ip_gre", "ip6_tunnel",
	"net/l2tp/*.ko", "br_netfilter",
	"esp4", "esp6", "esp4_offload", "xfrm_user", "xfrm_interface", "xfrm4_tunnel", "xfrm6_tunnel", "tunnel4", "tunnel6", "af_key",
	"gcm", "ccm", "ctr", "cbc", "cmac", "hmac", "authenc", "authencesn", "sha1_generic", "sha256_generic", "sha512_generic", "ghash_generic",
	"echainiv", "seqiv", "ansi_cprng", "chacha20poly1305", "crypto_user", "algif_hash", "algif_skcipher",
	"net/netfilter/nf*.ko", "net/*/netfilter/nf*.ko",
	"sch_netem", "sch_tbf", "sch_htb", "sch_ingress", "sch_fq", "sch_fq_codel", "cls_u32", "cls_matchall", "cls_flower", "act_mirred", "act_gact",
	"af_packet", "af_packet_diag", "inet_diag", "tcp_diag", "udp_diag", "netlink_diag", "raw_diag",
}

// layoutVersion is raised with every change to how this file puts a root
// together, for cached ones to be built again.
const layoutVersion = 3

// baseRoot builds the part of the initramfs that depends on the kernel and the
// machine's packages only, and keeps it in the cache.
func baseRoot(cache string, k kernel, arch architecture, user userland) (string, error) {
	programs, err := user.findTools()
	if err != nil {
		return "", err
	}
	name := filepath.Join(cache, fmt.Sprintf("root-%s-%x.cpio", k.version, fingerprint(programs, arch)))
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	note("build the root file system for %s", k.version)
	fresh, err := os.CreateTemp(cache, "root-")
	if err != nil {
		return "", err
	}
	defer os.Remove(fresh.Name())
	w := bufio.NewWriter(fresh)
	a := newArchive(w)
	layout(a)
	if err := user.addPrograms(a, programs); err != nil {
		return "", err
	}
	if err := addModules(a, k, arch); err != nil {
		return "", err
	}
	if err := a.close(); err != nil {
		return "", err
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if err := fresh.Close(); err != nil {
		return "", err
	}
	old, _ := filepath.Glob(filepath.Join(cache, "root-"+k.version+"-*.cpio"))
	for _, f := range old {
		os.Remove(f)
	}
	return name, os.Rename(fresh.Name(), name)
}

// findTools returns the real path of every tool by the path that it is called
// by.
func (u userland) findTools() (map[string]string, error) {
	found := map[string]string{}
	for _, t := range append(slices.Clone(tools), optionalTools...) {
		p, from, err := u.lookPath(t)
		if err != nil {
			if slices.Contains(optionalTools, t) {
				continue
			}
			return nil, fmt.Errorf("%w (make setup installs what is needed)", err)
		}
		found[p] = from
	}
	busybox, from, err := u.lookPath("busybox")
	if err != nil {
		return nil, err
	}
	found[busybox] = from
	return found, nil
}

// lookPath searches where Debian keeps programs of the administrator too, and
// names the directory under /usr: /bin is a link. The second value is the file
// itself.
func (u userland) lookPath(name string) (path, from string, err error) {
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		path = filepath.Join(dir, name)
		from = u.place(path)
		if _, err := os.Stat(from); err == nil {
			return path, from, nil
		}
	}
	return "", "", fmt.Errorf("program %s not found", name)
}

// real is a file without links on the way to it.
func real(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return p
}

// fingerprint changes when a program, a plugin of charon, the list of modules or the layout does.
func fingerprint(programs map[string]string, arch architecture) uint64 {
	h := fnv.New64a()
	var names []string
	add := func(p, from string) {
		line := p
		if st, err := os.Stat(from); err == nil {
			line = fmt.Sprintf("%s %d %d", p, st.Size(), st.ModTime().Unix())
		}
		names = append(names, line)
	}
	for p, from := range programs {
		add(p, from)
	}
	if !arch.foreign {
		for _, p := range charonPlugins() {
			add(p, p)
		}
	}
	slices.Sort(names)
	fmt.Fprintln(h, layoutVersion, names, modules, arch.modules, string(initScript))
	return h.Sum64()
}

// layout makes the directories and the files that libraries look for.
func layout(a *archive) {
	for _, d := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/dev", "/proc", "/sys", "/run", "/tmp", "/etc", "/root", "/var/log", "/job"} {
		a.dir(d)
	}
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		a.link("/"+d, "usr/"+d)
	}
	a.link("/var/run", "../run")
	a.file("/init", 0o755, initScript)
	a.file("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\ntcpdump:x:101:101::/:/bin/sh\n"))
	a.file("/etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\ntcpdump:x:101:\n"))
	for _, f := range []string{"/etc/protocols", "/etc/services", "/etc/nsswitch.conf", "/etc/strongswan.conf"} {
		if _, err := os.Stat(f); err == nil {
			a.copy(f, f)
		}
	}
	a.tree("/etc/iproute2", "/etc/iproute2")
	a.tree("/etc/strongswan.d", "/etc/strongswan.d")
}

// addPrograms adds programs with their shared libraries, busybox under all its
// names that are free, and strongSwan's plugins.
func (u userland) addPrograms(a *archive, programs map[string]string) error {
	for name, from := range programs {
		a.copy(name, from)
		if err := u.addLibraries(a, from); err != nil {
			return err
		}
	}
	for _, l := range []string{"modprobe", "insmod", "lsmod", "rmmod"} {
		a.link("/usr/sbin/"+l, "/usr/bin/kmod")
	}
	applets, err := exec.Command("busybox", "--list").Output()
	if err != nil {
		return fmt.Errorf("busybox --list: %w", err)
	}
	for _, l := range strings.Fields(string(applets)) {
		if !a.has("/usr/bin/"+l) && !a.has("/usr/sbin/"+l) {
			a.link("/usr/bin/"+l, "/usr/bin/busybox")
		}
	}
	if u.root != "" {
		return a.err
	}
	for _, p := range charonPlugins() {
		a.copy(p, p)
		if err := u.addLibraries(a, p); err != nil {
			return err
		}
	}
	a.tree("/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib/x86_64-linux-gnu/xtables")
	// glibc opens it by itself when a thread is cancelled; charon does that.
	a.copy("/usr/lib/x86_64-linux-gnu/libgcc_s.so.1", "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1")
	return a.err
}

// charonPlugins are the files of strongSwan's plugins that are installed.
func charonPlugins() []string {
	plugins, _ := filepath.Glob("/usr/lib/ipsec/plugins/*.so")
	return plugins
}

var libraryPath = regexp.MustCompile(`/\S+`)

// addLibraries adds what the loader would load, under the names that it looks
// for.
func (u userland) addLibraries(a *archive, program string) error {
	if u.root != "" {
		libs, err := u.loaded(program, map[string]bool{})
		for _, lib := range libs {
			a.copy(lib, u.place(lib))
		}
		return cmp.Or(err, a.err)
	}
	out, err := exec.Command("ldd", program).CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("not a dynamic executable")) {
			return nil
		}
		return fmt.Errorf("ldd %s: %w", program, err)
	}
	for _, lib := range libraryPath.FindAllString(string(out), -1) {
		if lib = strings.TrimSuffix(lib, ":"); lib == program {
			continue
		}
		a.copy(filepath.Join(real(filepath.Dir(lib)), filepath.Base(lib)), lib)
	}
	return a.err
}

// addModules adds the modules with their dependencies and the indexes that
// modprobe reads. A module that this kernel has built in or does not know is
// left out.
func addModules(a *archive, k kernel, arch architecture) error {
	dir := "/usr/lib/modules/" + k.version
	for _, m := range moduleNames(k, arch) {
		out, err := exec.Command("modprobe", "-S", k.version, "-d", k.root, "--show-depends", m).Output()
		if err != nil {
			note("kernel %s has no module %s", k.version, m)
			continue
		}
		for _, line := range strings.Split(string(out), "\n") {
			words := strings.Fields(line) // insmod FILE OPTION…
			if len(words) < 2 || words[0] != "insmod" {
				continue
			}
			path := words[1]
			_, rel, _ := strings.Cut(path, k.version+"/")
			a.copy(filepath.Join(dir, rel), path)
		}
	}
	indexes, err := filepath.Glob(filepath.Join(k.root, "lib/modules", k.version, "modules.*"))
	if err != nil {
		return err
	}
	for _, i := range indexes {
		a.copy(filepath.Join(dir, filepath.Base(i)), i)
	}
	return a.err
}

// moduleNames resolves the patterns of the list for one kernel.
func moduleNames(k kernel, arch architecture) []string {
	names := slices.Clone(arch.modules)
	for _, m := range modules {
		if !strings.Contains(m, "/") {
			names = append(names, m)
			continue
		}
		files, _ := filepath.Glob(filepath.Join(k.root, "lib/modules", k.version, "kernel", m+"*")) // .ko or .ko.xz
		for _, f := range files {
			name, _, _ := strings.Cut(filepath.Base(f), ".ko")
			names = append(names, name)
		}
	}
	return names
}

// concat joins archives; the kernel unpacks one after the other.
func concat(to string, from ...string) error {
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, name := range from {
		r, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, r)
		r.Close()
		if err != nil {
			return err
		}
	}
	return w.Close()
}

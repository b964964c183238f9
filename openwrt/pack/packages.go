package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// architectures are OpenWrt's names and the program that runs there.
var architectures = []struct{ name, program string }{
	{"aarch64_cortex-a53", "arm64"},
	{"arm_cortex-a7_neon-vfpv4", "armv7"},
	{"arm_cortex-a9", "armv5"}, // it has no floating point that could be relied on
	{"mips_24kc", "mips"},
	{"mipsel_24kc", "mipsle"},
	{"x86_64", "amd64"},
}

// part is a package without a program: the same for all architectures.
type part struct {
	name, synopsis, section, depends, postinst string
	// trees are directories of the project and where their files go; of files/ only those that prefix leads to.
	trees map[string]string
	owns  string
	// german is a page's .po file: the package then is that of its translation.
	german string
}

// parts are they, each with what the recipe of the same name says.
var parts = []part{
	{name: "multiwan-l2tpv3", section: "net", synopsis: "What joined sites need: kernel modules, and proto l2tpv3 of /etc/config/network",
		depends: "multiwan, kmod-l2tp, kmod-l2tp-eth, kmod-l2tp-ip, kmod-bonding, kmod-nft-bridge, kmod-nft-dup-inet", owns: protocolFile},
	{name: "multiwan-ipsec", section: "net", synopsis: "What protected sites need of strongSwan",
		depends: "multiwan-l2tpv3, strongswan-charon, strongswan-swanctl, strongswan-mod-kernel-netlink, strongswan-mod-socket-default, " +
			"strongswan-mod-openssl, strongswan-mod-random, strongswan-mod-kdf"},
	{name: "luci-app-multiwan", section: "luci", synopsis: "Pages for multiwan: status and configuration", depends: "luci-base, multiwan",
		postinst: pagePostinst, trees: pageTrees("luci-app-multiwan")},
	{name: "luci-proto-l2tpv3", section: "luci", synopsis: "Pages for proto l2tpv3", depends: "luci-base, multiwan-l2tpv3",
		postinst: pagePostinst, trees: pageTrees("luci-proto-l2tpv3")},
	{name: "luci-i18n-multiwan-de", section: "luci", synopsis: "luci-app-multiwan in German", depends: "luci-app-multiwan",
		german: "luci-app/luci-app-multiwan/po/de/multiwan.po"},
	{name: "luci-i18n-l2tpv3-de", section: "luci", synopsis: "luci-proto-l2tpv3 in German", depends: "luci-proto-l2tpv3",
		german: "luci-app/luci-proto-l2tpv3/po/de/l2tpv3.po"},
}

// protocolFile is netifd's handler: it belongs to multiwan-l2tpv3.
const protocolFile = "lib/netifd/proto/l2tpv3.sh"

// pagePostinst makes menus and rights live; neither opkg nor apk does.
const pagePostinst = "[ -n \"${IPKG_INSTROOT}\" ] || {\n\trm -f /tmp/luci-indexcache.*\n\trm -rf /tmp/luci-modulecache/\n\t/etc/init.d/rpcd reload 2>/dev/null\n}\nexit 0\n"

func pageTrees(name string) map[string]string {
	return map[string]string{"luci-app/" + name + "/htdocs": "www/", "luci-app/" + name + "/root": ""}
}

// daemonPostinst has the new program run after an upgrade by apk, which stops nothing before (opkg does, by prerm). What is in the
// kernel stays meanwhile.
const daemonPostinst = "[ \"$PKG_UPGRADE\" != 1 ] || [ -n \"${IPKG_INSTROOT}\" ] || [ ! -f /lib/apk/packages/multiwan.list ] || /etc/init.d/multiwan restart\n"

// routers returns all packages for OpenWrt.
func routers(root, version string, stamp time.Time) ([]spec, error) {
	files, err := readTree(filepath.Join(root, "files"), func(path string) bool {
		return !strings.HasPrefix(path, "lib/systemd/") && path != protocolFile
	})
	if err != nil {
		return nil, err
	}
	var out []spec
	for _, arch := range architectures {
		binary, err := os.ReadFile(filepath.Join(root, "build/multiwan-"+arch.program))
		if err != nil {
			return nil, err
		}
		out = append(out, spec{
			name: "multiwan", version: version, arch: arch.name, section: "net", conflicts: "mwan3",
			depends:   "libc, kmod-nft-core, kmod-nft-nat, kmod-nf-conntrack-netlink",
			conffiles: []string{"/etc/config/multiwan"}, postinst: daemonPostinst, stamp: stamp,
			files: append(files[:len(files):len(files)], file{path: "usr/sbin/multiwan", mode: 0o755, data: binary}),
		})
	}
	for _, p := range parts {
		s, err := p.read(root)
		if err != nil {
			return nil, err
		}
		s.version, s.stamp = version, stamp
		if len(p.trees) == 0 && p.german == "" || len(s.files) > 0 { // a page that is not written yet has no package
			out = append(out, s)
		}
	}
	return out, nil
}

func (p part) read(root string) (spec, error) {
	s := spec{name: p.name, arch: "all", synopsis: p.synopsis, section: p.section, depends: "libc, " + p.depends, postinst: p.postinst}
	if p.owns != "" {
		files, err := readTree(filepath.Join(root, "files"), func(path string) bool { return path == p.owns })
		if err != nil {
			return s, err
		}
		s.files = files
	}
	if p.german != "" {
		files, err := germanFiles(root, p)
		if err != nil {
			return s, err
		}
		s.files = append(s.files, files...)
	}
	for from, to := range p.trees {
		if _, err := os.Stat(filepath.Join(root, from)); os.IsNotExist(err) {
			continue
		}
		files, err := readTree(filepath.Join(root, from), func(string) bool { return true })
		if err != nil {
			return s, err
		}
		for _, f := range files {
			f.path = to + f.path
			s.files = append(s.files, f)
		}
	}
	return s, nil
}

// germanFiles are those of a translation, as luci.mk has them: the texts, and a script that offers the language.
func germanFiles(root string, p part) ([]file, error) {
	po, err := os.ReadFile(filepath.Join(root, p.german))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	texts, err := lmo(po)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.german, err)
	}
	name := strings.TrimSuffix(filepath.Base(p.german), ".po") + ".de.lmo"
	return []file{
		{path: "etc/uci-defaults/" + p.name, mode: 0o644, data: []byte("uci set luci.languages.de='Deutsch (German)'; uci commit luci\n")},
		{path: "usr/lib/lua/luci/i18n/" + name, mode: 0o644, data: texts},
	}, nil
}

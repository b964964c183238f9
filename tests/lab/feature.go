package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Feature is something that a kernel, its tools or the caller's rights may lack.
type Feature string

// The features that tests ask for. Every one is tried in a namespace of its
// own, never looked up by version.
const (
	Netns            Feature = "netns"       // make namespaces and links in them
	Nft              Feature = "nft"         // nftables inet tables, maps, numgen, masquerade
	ConntrackNetlink Feature = "conntrack"   // list and delete connections
	Tun              Feature = "tun"         // TUN and TAP devices: Lab.Line
	Dummy            Feature = "dummy"       // dummy devices
	VLAN             Feature = "vlan"        // 802.1Q sub-interfaces
	Bonding          Feature = "bonding"     // bond devices
	Bridge           Feature = "bridge"      // bridge devices
	BridgeVLAN       Feature = "bridge-vlan" // vlan_filtering of a bridge
	BridgeNft        Feature = "bridge-nft"  // nftables bridge family with `meta protocol` and maxseg set
	Netem            Feature = "netem"       // tc netem
	Sit              Feature = "sit"         // 6in4 tunnels, 6rd
	L2TP             Feature = "l2tp"        // L2TPv3 pseudowires
	ESP              Feature = "esp"         // IPsec states with ESP
	Flowtable        Feature = "flowtable"   // nftables flowtables (software offload)
	Resilient        Feature = "resilient"   // resilient nexthop groups
	MultipathNexthop Feature = "nexthop"     // nexthop objects
	Xfrm             Feature = "xfrm"        // IPsec policies that block
	Mirred           Feature = "mirred"      // tc clsact, matchall and mirred: frames handed from device to device
	Charon           Feature = "charon"      // strongSwan's programs charon-systemd and swanctl: Host.StartCharon
	OpenVPN          Feature = "openvpn"     // OpenVPN with TAP devices
	IPerf            Feature = "iperf"       // iperf3
	Machine          Feature = "machine"     // a machine of the tests' own, whose files and modules they may change: the VM
	Setpriv          Feature = "setpriv"     // util-linux's setpriv: StartConfined
)

// recipe is how a feature is tried: commands that must all work in a fresh
// namespace, and programs that must be there.
type recipe struct {
	programs []string
	commands []string // words for a host; a line that begins with "nft " is a script
}

var recipes = map[Feature]recipe{
	Netns:            {programs: []string{"ip", "nsenter"}, commands: []string{"ip link add name a type veth peer name b"}},
	Nft:              {programs: []string{"nft"}, commands: []string{"nft table inet x { map m { type ipv4_addr : mark; timeout 1m; }\nchain c { type nat hook postrouting priority 90;\nmeta mark set numgen random mod 2 map { 0 : 1, 1 : 2 }\nct mark set 1\nip saddr 10.0.0.0/8 masquerade\n}\n}"}},
	ConntrackNetlink: {programs: []string{"conntrack"}, commands: []string{"nft table inet x { chain c { type filter hook input priority 0;\nct state new accept\n}\n}", "conntrack -L"}},
	Tun:              {commands: []string{"ip tuntap add dev t mode tap"}},
	Dummy:            {commands: []string{"ip link add name d type dummy"}},
	VLAN:             {commands: []string{"ip link add name a type veth peer name b", "ip link add link a name a.10 type vlan id 10"}},
	Bonding:          {commands: []string{"ip link add bond9 type bond mode active-backup"}},
	Bridge:           {commands: []string{"ip link add name b type bridge"}},
	BridgeVLAN:       {commands: []string{"ip link add name b type bridge vlan_filtering 1"}},
	BridgeNft:        {programs: []string{"nft"}, commands: []string{"nft table bridge x { chain c { type filter hook forward priority 0;\nmeta protocol ip tcp flags & (syn|rst) == syn tcp option maxseg size set 1300\n}\n}"}},
	Netem:            {programs: []string{"tc"}, commands: []string{"tc qdisc add dev lo root netem delay 10ms"}},
	Sit:              {commands: []string{"ip tunnel add s mode sit remote any local 127.0.0.1"}},
	L2TP:             {commands: []string{"ip link set dev lo up", "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 2 encap udp local 127.0.0.1 remote 127.0.0.2 udp_sport 1701 udp_dport 1702", "ip l2tp add session name l2 tunnel_id 1 session_id 1 peer_session_id 2"}},
	ESP:              {commands: []string{"ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 1 mode transport aead rfc4106(gcm(aes)) 0x0001020304050607080910111213141516171819 128"}},
	Flowtable:        {programs: []string{"nft"}, commands: []string{"nft table inet x { flowtable f { hook ingress priority 0; devices = { lo }; }\nchain c { type filter hook forward priority 0;\nmeta l4proto tcp flow add @f\n}\n}"}},
	MultipathNexthop: {commands: []string{"ip link set dev lo up", "ip nexthop add id 1 dev lo"}},
	Resilient:        {commands: []string{"ip link add name a type veth peer name b", "ip link set dev a up", "ip link set dev b up", "ip nexthop add id 1 dev a", "ip nexthop add id 2 group 1 type resilient buckets 8"}},
	Xfrm:             {commands: []string{"ip xfrm policy add src 192.0.2.1/32 dst 192.0.2.2/32 proto udp sport 1701 dir out priority 4000000 action block"}},
	Mirred:           {programs: []string{"tc"}, commands: []string{"ip link add name a type veth peer name b", "ip link add name c type veth peer name d", "tc qdisc add dev a clsact", "tc filter add dev a ingress matchall action mirred egress redirect dev c"}},
	Charon:           {programs: []string{"charon-systemd", "swanctl"}, commands: []string{"swanctl --help"}},
	OpenVPN:          {programs: []string{"openvpn"}, commands: []string{"openvpn --mktun --dev tap9 --dev-type tap"}},
	IPerf:            {programs: []string{"iperf3"}, commands: []string{"iperf3 --version"}},
	Machine:          {programs: []string{"modprobe"}},
	Setpriv:          {programs: []string{"setpriv"}, commands: []string{strings.Join(confined, " ") + " setpriv --dump"}},
}

// probes remembers what was tried, once a process.
var probes sync.Map // Feature to func() error

// Has tries a feature and says why it is missing; nil means it is there.
func Has(f Feature) error {
	once, _ := probes.LoadOrStore(f, sync.OnceValue(func() error { return try(f) }))
	return once.(func() error)()
}

// Need skips the test unless this machine has every feature. A skip prints
//
//	multiwan-skip feature=NAME test=TEST: why
//
// which tools count. Where the environment variable MULTIWAN_REQUIRE lists the
// feature (comma-separated names, or "all"), the lack is a failure.
func Need(tb TB, features ...Feature) {
	tb.Helper()
	required := strings.Split(os.Getenv("MULTIWAN_REQUIRE"), ",")
	for _, f := range features {
		err := Has(f)
		if err == nil {
			continue
		}
		line := fmt.Sprintf("multiwan-skip feature=%s test=%s: %v", f, tb.Name(), err)
		if slices.Contains(required, string(f)) || slices.Contains(required, "all") {
			tb.Fatalf("required here: %s", line)
		}
		tb.Skipf("%s", line)
	}
}

func try(f Feature) error {
	r, ok := recipes[f]
	if !ok {
		return fmt.Errorf("no such feature")
	}
	for _, p := range r.programs {
		if _, err := exec.LookPath(p); err != nil {
			return err
		}
	}
	if f == Machine && !InVM() {
		return fmt.Errorf("this is not the virtual machine of the tests")
	}
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	defer ns.Close()
	for _, line := range r.commands {
		if err := tryLine(&Host{Name: "probe", ns: ns}, line); err != nil {
			return err
		}
	}
	return nil
}

// tryLine works without a test, so a namespace that cannot be entered is an
// error here too.
func tryLine(h *Host, line string) error {
	var out []byte
	var err error
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	enter := inNamespace(h.ns, func() {
		if script, ok := strings.CutPrefix(line, "nft "); ok {
			c := exec.CommandContext(ctx, "nft", "-f", "-")
			c.Stdin = strings.NewReader(script + "\n")
			out, err = c.CombinedOutput()
			return
		}
		w := strings.Fields(line)
		out, err = exec.CommandContext(ctx, w[0], w[1:]...).CombinedOutput()
	})
	if enter != nil {
		return enter
	}
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: %w: %s", strings.Fields(line)[0], err, first)
	}
	return nil
}

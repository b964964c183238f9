package joined

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// TestThroughput sends one TCP connection through pseudowires of ours, through ones set up by hand, and through an OpenVPN tap, each between
// two sites of its own. They take turns, to and fro, so that whatever else the machine does falls on all of them. By hand means beside a daemon that
// steers the lines, as ours does too; what that costs is seen beside the bare one.
func TestThroughput(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Bridge, lab.BridgeNft, lab.Charon, lab.OpenVPN)
	mss := 0
	hand := func(esp, steered bool) func(*testing.T, *lab.Sites) {
		return func(t *testing.T, n *lab.Sites) {
			byHand(t, n, mss, esp)
			for _, s := range []*lab.Site{n.A, n.B} {
				if steered {
					s.Daemon = lab.StartDaemon(s.Router, config(s, ""))
				}
			}
		}
	}
	nets := []*joint{
		{name: "pseudowire, in clear", join: func(t *testing.T, n *lab.Sites) { mss = ours(t, n, "") }},
		{name: "the same by hand", join: hand(false, true)},
		{name: "the same by hand, lines not steered", join: hand(false, false)},
		{name: "pseudowire, ESP", join: func(t *testing.T, n *lab.Sites) { mss = ours(t, n, "\toption ipsec 'sa'\n") }},
		{name: "the same by hand, ESP", join: hand(true, true)},
		{name: "OpenVPN tap, AES-256-CBC, SHA-256", join: openvpn},
	}
	for _, j := range nets {
		j.sites = lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
		j.join(t, j.sites)
		j.sites.Reaches(30 * time.Second)
		j.sites.B.Host.Echo()
	}
	order := slices.Clone(nets)
	for range 5 {
		for _, j := range order {
			j.rates = append(j.rates, rate(t, j.sites))
		}
		slices.Reverse(order)
	}
	for _, j := range nets {
		figure("TCP: "+j.name, "Mbit/s", "", "", j.rates...)
	}
	figure("ratio, ours to by hand, in clear", "", ">= 0.97", "", nets[0].over(nets[1])...)
	figure("ratio, ours to by hand and not steered, in clear", "", "", "what connection tracking and steering take besides", nets[0].over(nets[2])...)
	figure("ratio, ours to by hand, ESP", "", ">= 0.97", "", nets[3].over(nets[4])...)
	figure("ratio, ours with ESP to OpenVPN", "", ">= 3", "", nets[3].over(nets[5])...)
}

// joint is one way to join two sites, and what went through it.
type joint struct {
	name  string
	join  func(*testing.T, *lab.Sites)
	sites *lab.Sites
	rates []float64 // Mbit/s
}

// over are the ratios of what went through two of them, turn by turn.
func (j *joint) over(o *joint) (out []float64) {
	for i := range j.rates {
		out = append(out, j.rates[i]/o.rates[i])
	}
	return out
}

// rate of one connection from host to host over 1.2 seconds, after 0.4 seconds of start.
func rate(t *testing.T, n *lab.Sites) float64 {
	up := n.A.Host.Upload(n.B.Host4)
	time.Sleep(400 * time.Millisecond)
	before, at := up.Bytes(), time.Now()
	time.Sleep(1200 * time.Millisecond)
	mbit := float64(up.Bytes()-before) * 8 / 1e6 / time.Since(at).Seconds()
	up.Stop()
	if err := up.Err(); err != nil {
		t.Errorf("upload: %v", err)
	}
	return mbit
}

// ours joins the sites by the daemon, and returns the MSS for IPv4 that its clamp gives.
func ours(t *testing.T, n *lab.Sites, option string) int {
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Start(config(s, pseudowire(s, option)))
	}
	n.Reaches(30 * time.Second)
	return ask(t, n.A.Daemon).Pseudowires["pw"].MSS4
}

// config is that of a site whose lines are watched once a second, as without a word.
func config(s *lab.Site, more string) string {
	return strings.Replace(s.UCI(more), "option interval '0.2'", "option interval '1'", 1)
}

// pseudowire is the one of a site, in its bridge, and its protection where an option names it.
func pseudowire(s *lab.Site, option string) string {
	far := s.Far.WANs[0].Addr4
	text := fmt.Sprintf("config pseudowire 'pw'\n\toption interface 'wan0'\n\toption remote '%s'\n\toption tunnel_id '1'\n\toption bridge 'br-lan'\n%s\n", far, option)
	if option != "" {
		text += fmt.Sprintf("config ipsec 'sa'\n\toption remote '%s'\n\toption local_id '%s'\n\toption remote_id '%s'\n\toption psk 'a secret'\n", far, s.Name, s.Far.Name)
	}
	return text
}

func ask(t *testing.T, d *lab.Daemon) status.Document {
	t.Helper()
	return running.Ask(t, d, 3*time.Minute)
}

// byHand joins them by ip, nft and swanctl: with the MTU, the checksums and the clamp that ours has, and no guard.
func byHand(t *testing.T, n *lab.Sites, mss int, esp bool) {
	for _, s := range []*lab.Site{n.A, n.B} {
		own, far := s.WANs[0].Addr4, s.Far.WANs[0].Addr4
		s.Router.IP("l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap udp local %s remote %s udp_sport 1701 udp_dport 1701 udp_csum on", own, far)
		s.Router.IP("l2tp add session name pw tunnel_id 1 session_id 1 peer_session_id 1")
		s.Router.IP("link set dev pw mtu 1500 master br-lan up")
		s.Router.NFT(fmt.Sprintf("table bridge hand { chain f { type filter hook forward priority 0;\n"+
			"iifname pw meta protocol ip tcp flags & (syn|rst) == syn tcp option maxseg size > %[1]d tcp option maxseg size set %[1]d\n"+
			"oifname pw meta protocol ip tcp flags & (syn|rst) == syn tcp option maxseg size > %[1]d tcp option maxseg size set %[1]d\n}\n}", mss))
		if esp {
			s.Charon = lab.StartCharon(s.Router)
			s.Charon.Load(fmt.Sprintf(swanctl, own, far, s.Name, s.Far.Name))
		}
	}
	if esp {
		if out, err := n.A.Charon.Swanctl("--initiate", "--child", "c"); err != nil {
			t.Fatalf("initiate: %v\n%s", err, out)
		}
	}
}

const swanctl = `connections { s {
	version = 2
	mobike = no
	local_addrs = %[1]s
	remote_addrs = %[2]s
	proposals = aes128gcm16-prfsha256-curve25519
	local { auth = psk
		id = %[3]s
	}
	remote { auth = psk
		id = %[4]s
	}
	children { c {
		mode = transport
		local_ts = %[1]s[udp/1701]
		remote_ts = %[2]s[udp/1701]
		esp_proposals = aes128gcm16-curve25519
	} }
} }
secrets { ike { secret = "a secret"
} }
`

// openvpn joins them by a tap of OpenVPN with a shared key.
func openvpn(t *testing.T, n *lab.Sites) {
	key := filepath.Join(t.TempDir(), "key")
	if out, err := n.A.Router.Exec("", "openvpn", "--genkey", "secret", key); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range []*lab.Site{n.A, n.B} {
		ctx, stop := context.WithCancel(context.Background())
		c := s.Router.Command(ctx, "openvpn", "--dev", "tap0", "--dev-type", "tap", "--proto", "udp", "--secret", key, "--cipher", "AES-256-CBC", "--auth", "SHA256",
			"--remote", s.Far.WANs[0].Addr4.String(), "--port", "1194", "--verb", "1")
		log, err := os.Create(filepath.Join(t.TempDir(), s.Name))
		if err != nil {
			t.Fatal(err)
		}
		c.Stdout, c.Stderr = log, log
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(); c.Wait(); log.Close() })
		if !lab.Wait(20*time.Second, func() bool { _, err := s.Router.TryIP("link set dev tap0 master br-lan up"); return err == nil }) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("no tap:\n%s", text)
		}
	}
}

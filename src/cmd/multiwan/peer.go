package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/ipsec"
)

// placeholder stands for a shared key that is not printed.
const placeholder = "PUT-THE-SHARED-KEY-HERE"

func peerCommand() *command {
	var as, names string
	var secrets bool
	return &command{
		name: "peer", args: "NAME", summary: "print what the far end of a pseudowire needs",
		help: "Prints the far end's half of a pseudowire, of an ipsec section with its pseudowires, or of a bond with its members, from the\n" +
			"configuration file: ids, ports, cookies, selectors and identities change sides. Addresses that the file does not have come\n" +
			"from the daemon, if one runs. What only the far end can know stands in comments.",
		words: []string{"SITE"},
		flags: func(o *options) {
			o.text(&as, "for", "multiwan", "`what` runs there: multiwan, or ip for iproute2 and strongSwan by hand")
			o.text(&names, "interface", "", "what the far end calls its WANs: `name`, or here=there,here=there")
			o.flag(&secrets, "secrets", "print shared keys; without it they are left out")
		},
		run: func(c *call) error {
			if err := c.want(1, 1, "the name of a pseudowire, an ipsec section or a bond"); err != nil {
				return err
			}
			if as != "multiwan" && as != "ip" {
				return badUsage("for %q: want multiwan or ip", as)
			}
			conf, err := loadWhole(c)
			if err != nil {
				return err
			}
			m, err := overlay.Peer(conf, c.args[0], peerFacts(c, conf))
			if err != nil {
				return badUsage("%v", err)
			}
			write := writeUCI
			if as == "ip" {
				write = writeByHand
			}
			return write(c.stdout, c.args[0], &m, names, secrets)
		},
	}
}

// loadWhole reads a configuration file that must have no errors.
func loadWhole(c *call) (*config.Config, error) {
	text, err := os.ReadFile(c.config)
	if err != nil {
		return nil, err
	}
	conf, found := config.Load(c.config, text)
	if found.HasErrors() {
		fmt.Fprint(c.stderr, found)
		return nil, errFound
	}
	return conf, nil
}

// peerFacts are the addresses in use: the file's, and what a daemon that runs knows beyond them.
func peerFacts(c *call, conf *config.Config) overlay.Facts {
	f := overlay.Facts{Network: plan.Network{WANs: map[string]plan.WAN{}}, Active: map[string]map[kstate.Family][]string{},
		Names: map[string]netip.Addr{}, Sources: map[netip.Addr]netip.Addr{}, SAs: map[string]overlay.SA{}}
	for _, i := range conf.Interfaces {
		w := plan.WAN{MTU: 1500}
		for _, p := range i.Addresses {
			addTo(&w, p)
		}
		f.WANs[i.Name] = w
	}
	d, err := lookedAround(c)
	if err != nil {
		if !errors.Is(err, control.ErrNotRunning) && !errors.Is(err, fs.ErrPermission) {
			fmt.Fprintf(c.stderr, "the daemon was not asked for addresses: %v\n", err)
		}
		return f
	}
	for name, i := range d.Interfaces {
		if i.IPv4 == nil && i.IPv6 == nil {
			continue
		}
		w := plan.WAN{MTU: i.MTU}
		for _, s := range []*status.Side{i.IPv4, i.IPv6} {
			if s == nil {
				continue
			}
			if p, err := netip.ParsePrefix(s.Address); err == nil {
				addTo(&w, p)
			}
		}
		f.WANs[name] = w
	}
	for name, p := range d.Policies {
		f.Active[name] = map[kstate.Family][]string{kstate.IPv4: wansOf(p.IPv4), kstate.IPv6: wansOf(p.IPv6)}
	}
	for name, x := range d.IPsec {
		f.SAs[name] = overlay.SA{Installed: x.State == "up", Encap: x.Encap, Proposal: x.ESPProposal, Local: addrOf(x.Local), Remote: addrOf(x.Remote)}
	}
	for _, p := range conf.Pseudowires {
		w := d.Pseudowires[p.Name]
		if p.RemoteHost != "" {
			f.Names[p.RemoteHost] = addrOf(w.Remote)
		}
		if local, remote := addrOf(w.Local), addrOf(w.Remote); remote.IsValid() {
			f.Sources[remote] = local
		}
	}
	return f
}

// lookedAround asks the daemon. One that has just been started is given a moment to find its addresses.
func lookedAround(c *call) (d status.Document, err error) {
	for range 30 {
		if err = c.ask("status", nil, &d); err != nil || d.Counters.Passes > 0 {
			return d, err
		}
		select {
		case <-c.ctx.Done():
			return d, c.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return d, nil
}

func addTo(w *plan.WAN, p netip.Prefix) {
	if kstate.FamilyOf(p.Addr()) == kstate.IPv4 {
		w.IPv4.Addrs = append(w.IPv4.Addrs, p)
	} else {
		w.IPv6.Addrs = append(w.IPv6.Addrs, p)
	}
}

func wansOf(p *status.PolicyFamily) []string {
	var out []string
	if p != nil {
		for _, s := range p.Active {
			out = append(out, s.Interface)
		}
	}
	return out
}

// addrOf reads an address of the status, which has "" for none.
func addrOf(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}

// writeUCI writes the sections for a second multiwan. names says what it calls its WANs.
func writeUCI(w io.Writer, name string, m *overlay.Mirror, names string, secrets bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# The far end of %s, for /etc/config/multiwan there.\n", name)
	notes(&b, m)
	if names == "" && strings.Contains(m.UCI, "\toption interface ") {
		b.WriteString("# WANs are called as at this end; --interface here=there changes that.\n")
	}
	b.WriteByte('\n')
	keys := m.IPsec
	for line := range strings.Lines(m.UCI) {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(word, "option interface '"):
			line = "\toption interface '" + renamed(strings.TrimSuffix(strings.TrimPrefix(word, "option interface '"), "'"), names) + "'\n"
		case strings.HasPrefix(word, "# option psk"):
			for len(keys[0].PSK) == 0 {
				keys = keys[1:]
			}
			if line = "\toption psk '" + keys[0].PSK.Text() + "'\n"; !secrets {
				line = "\t# option psk: as at this end; multiwan peer --secrets prints it\n"
			}
			keys = keys[1:]
		}
		b.WriteString(line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// renamed translates the name of a WAN: names is empty, one name for all, or pairs here=there.
func renamed(here, names string) string {
	if names != "" && !strings.Contains(names, "=") {
		return names
	}
	for pair := range strings.SplitSeq(names, ",") {
		if from, to, _ := strings.Cut(pair, "="); from == here && to != "" {
			return to
		}
	}
	return here
}

// writeByHand writes commands and the configuration of strongSwan. The connections are loaded first: nothing passes in clear.
func writeByHand(w io.Writer, name string, m *overlay.Mirror, _ string, secrets bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# The far end of %s, as root there.\n", name)
	notes(&b, m)
	if len(m.Conns) > 0 {
		conns := append([]kstate.Conn(nil), m.Conns...)
		for i := range conns {
			if len(conns[i].PSK) > 0 && !secrets {
				conns[i].PSK = kstate.Secret(placeholder)
			}
		}
		if !secrets {
			b.WriteString("# Shared keys are left out; multiwan peer --secrets prints them.\n")
		}
		b.WriteString("umask 077\ncat > /etc/swanctl/conf.d/multiwan-" + name + ".conf <<'EOF'\n" + ipsec.SwanctlText(conns) + "EOF\nswanctl --load-all\n")
	}
	for _, line := range m.Commands {
		b.WriteString(line + "\n")
	}
	for _, x := range m.Conns {
		if x.Initiate {
			b.WriteString("swanctl --initiate --child multiwan-" + x.Name + " --timeout 30 # this end waits for it\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func notes(b *strings.Builder, m *overlay.Mirror) {
	for _, n := range m.Notes {
		fmt.Fprintf(b, "# %s\n", n)
	}
}

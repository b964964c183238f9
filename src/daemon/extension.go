package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"multiwan/src/core/config"
	"multiwan/src/core/order"
	"multiwan/src/core/uci"
)

// protocolOptions are the options of `proto 'l2tpv3'` and what they are called in a section pseudowire.
var protocolOptions = [][2]string{{"peeraddr", "remote"}, {"localaddr", "local"}, {"tunlink", "interface"}, {"encap", "encap"}, {"sport", "local_port"},
	{"dport", "remote_port"}, {"tunnel_id", "tunnel_id"}, {"peer_tunnel_id", "peer_tunnel_id"}, {"session_id", "session_id"},
	{"peer_session_id", "peer_session_id"}, {"cookie", "cookie"}, {"peer_cookie", "peer_cookie"}, {"l2spec_type", "l2spec"}, {"ipsec", "ipsec"}, {"mtu", "mtu"},
	{"probe", "probe"}}

// deviceOf is the device of an interface; its section's name may be too long for one.
func deviceOf(name string) string {
	if name = "l2-" + name; len(name) > 15 {
		name = name[:15]
	}
	return name
}

// extension is a configuration with the pseudowires of netifd's interfaces behind it.
type extension struct {
	text   []byte
	faults map[string]string      // what is wrong with those that are left out, since the rest has to run
	addrs  map[string][][2]string // which addresses they have

	own, path string // the file of the configuration, and that of netifd
	end       int    // how many lines the former has
	from      []int  // lines of the latter that those behind it come from
}

// extended adds the pseudowires of some of netifd's interfaces to a configuration.
func extended(path string, text []byte, names []string) extension {
	e := extension{text: text, faults: map[string]string{}, addrs: map[string][][2]string{}, own: path, path: filepath.Join(filepath.Dir(path), "network")}
	if len(names) == 0 {
		return e
	}
	e.text = order.Join(text, []byte("\n"))
	e.end = strings.Count(string(e.text), "\n")
	file, err := os.ReadFile(e.path)
	network, perr := uci.Parse("network", file)
	_, found := config.Load(path, e.text)
	faulty := found.HasErrors()
	for _, name := range names {
		if err != nil || perr != nil {
			e.faults[name] = "/etc/config/network cannot be read"
			continue
		}
		s, ok := network.Section(name)
		if !ok {
			continue // netifd has not seen yet that it is gone
		}
		e.addrs[name] = addressesOf(s)
		section, from := pseudowireText(s)
		more := e
		more.text, more.from = order.Join(e.text, []byte(section)), append(e.from[:len(e.from):len(e.from)], from...)
		_, found := config.Load(path, more.text)
		if fault := more.added(found, e.end+len(e.from), faulty); fault != "" {
			e.faults[name] = fault
			continue
		}
		e, faulty = more, found.HasErrors()
	}
	return e
}

// added says what is wrong with what stands behind a line, "" for nothing, by what was found in the whole. faulty says that the rest has errors of its
// own.
func (e *extension) added(found config.Diagnostics, end int, faulty bool) string {
	for _, d := range found {
		if !d.Warning && d.Line > end {
			d = e.place(d)
			return strings.TrimPrefix(d.Option+": ", ": ") + d.Want
		}
	}
	if found.HasErrors() && !faulty {
		return "the section does not fit to the others"
	}
	return ""
}

// place says where in the two files stands what was found in both.
func (e *extension) place(d config.Diagnostic) config.Diagnostic {
	if len(e.from) == 0 {
		return d
	}
	if d.Line > e.end {
		d.File = e.path
		for _, o := range protocolOptions {
			if d.Option == o[1] {
				d.Option = o[0]
				break
			}
		}
	}
	_, d.Line = e.line(d.Line)
	words := strings.Split(d.Want, "line ")
	for i := 1; i < len(words); i++ {
		digits := len(words[i]) - len(strings.TrimLeft(words[i], "0123456789"))
		if n, err := strconv.Atoi(words[i][:digits]); err == nil {
			file, n := e.line(n)
			number := strconv.Itoa(n)
			if file != d.File {
				number += " of " + file
			}
			words[i] = number + words[i][digits:]
		}
	}
	d.Want = strings.Join(words, "line ")
	return d
}

// line says which line of which file one of the text is.
func (e *extension) line(n int) (string, int) {
	if n -= e.end; n > 0 && n <= len(e.from) {
		return e.path, e.from[n-1]
	}
	return e.own, n + e.end
}

// pseudowireText is an interface of netifd as a section of ours, and from which of its lines each comes.
func pseudowireText(s *uci.Section) (string, []int) {
	var b strings.Builder
	fmt.Fprintf(&b, "config pseudowire '%s'\n\toption device '%s'\n", s.Name, deviceOf(s.Name))
	from := []int{s.Line, s.Line}
	for _, o := range protocolOptions {
		for _, v := range s.List(o[0]) {
			if !strings.ContainsAny(v.Text, "'\n") {
				fmt.Fprintf(&b, "\tlist %s '%s'\n", o[1], v.Text)
				from = append(from, v.Line)
			}
		}
	}
	return b.String(), from
}

// addressesOf are those that netifd gives to the device.
func addressesOf(s *uci.Section) (out [][2]string) {
	mask, _ := s.Get("netmask")
	for _, option := range []string{"ipaddr", "ip6addr"} {
		for _, v := range s.List(option) {
			addr, length, ok := strings.Cut(v.Text, "/")
			if !ok {
				length = mask.Text
			}
			if addr != "" && length != "" {
				out = append(out, [2]string{addr, length})
			}
		}
	}
	return out
}

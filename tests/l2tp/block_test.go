package l2tp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/xfrm"
	"multiwan/tests/lab"
)

// blocks is one of each kind, in every direction and family.
func blocks() []kstate.Block {
	var out []kstate.Block
	for _, t := range tunnels() {
		pair := t.Blocks()
		out = append(out, pair[:]...)
	}
	for _, f := range kstate.Families {
		net, err := ends[f][0].Prefix(f.Bits() - 8)
		if err != nil {
			panic(err)
		}
		out = append(out, kstate.Block{Family: f, Dir: kstate.DirForward, Src: net, Dst: f.Any()},
			kstate.Block{Family: f, Dir: kstate.DirOut, Src: net, Dst: f.Any(), Proto: kstate.ProtoUDP, DstPort: 1701})
	}
	slices.SortFunc(out, func(a, b kstate.Block) int { return strings.Compare(a.Key(), b.Key()) })
	return slices.Compact(out) // the tunnels over IP have the same ones whatever their ids
}

func observedBlocks(t *testing.T, c *xfrm.Conn) []kstate.Block {
	t.Helper()
	got, err := c.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b kstate.Block) int { return strings.Compare(a.Key(), b.Key()) })
	return got
}

func add(t *testing.T, c *xfrm.Conn, blocks ...kstate.Block) {
	t.Helper()
	for _, k := range blocks {
		if err := c.AddBlock(k); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBlocks wants that what was added is what is observed, twice, and that a policy with the same ends of somebody else lives and dies
// beside ours.
func TestBlocks(t *testing.T) {
	lab.Need(t, lab.Xfrm)
	a, _ := pair(t)
	c := dialXfrm(t, a)
	want := blocks()
	for range 2 {
		add(t, c, want...)
		if got := observedBlocks(t, c); !slices.Equal(got, want) {
			t.Fatalf("want %v\ngot  %v", want, got)
		}
	}
	if n := strings.Count(a.IP("xfrm policy"), "action block priority 2147483647"); n != len(want) {
		t.Errorf("ip shows %d of %d:\n%s", n, len(want), a.IP("xfrm policy"))
	}
	for _, k := range want {
		foreign := strings.Replace(strings.Replace(k.String(), "policy ", "policy add ", 1), "block priority 2147483647", "allow priority 400000", 1)
		a.IP("%s", foreign)
	}
	if got := observedBlocks(t, c); !slices.Equal(got, want) {
		t.Fatalf("beside foreign ones: want %v\ngot  %v", want, got)
	}
	for _, k := range want {
		if err := errors.Join(c.DelBlock(k), c.DelBlock(k)); err != nil {
			t.Error(err)
		}
	}
	if got := observedBlocks(t, c); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if all, err := c.Policies(t.Context()); err != nil || len(all) != len(want) {
		t.Errorf("%d foreign policies left of %d, %v", len(all), len(want), err)
	}
	add(t, c, want...)
	for _, k := range want {
		a.IP("xfrm policy delete %s", selector(k))
	}
	if got := observedBlocks(t, c); !slices.Equal(got, want) {
		t.Errorf("after the foreign ones are deleted: want %v\ngot  %v", want, got)
	}
}

// selector is what `ip xfrm policy delete` wants.
func selector(k kstate.Block) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(k.String(), "xfrm policy "), " action")
	return s
}

// TestBlockWatch hears of our policies and of a flush, and tells foreign ones, and who made a change.
func TestBlockWatch(t *testing.T) {
	lab.Need(t, lab.ESP)
	a, _ := pair(t)
	c := dialXfrm(t, a)
	var events <-chan xfrm.Event
	var err error
	a.Do(func() { events, err = xfrm.Watch(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	k := blocks()[0]
	add(t, c, k)
	expect := func(what string, want xfrm.Event) {
		t.Helper()
		got := <-events
		if mine := got.Port == c.Port(); mine != (want.Port == c.Port()) {
			t.Errorf("%s: by port %d, ours is %d", what, got.Port, c.Port())
		}
		if got.Port = want.Port; got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	expect("add", xfrm.Event{Policy: true, Own: true, Port: c.Port()})
	a.IP("xfrm policy add src 10.0.0.1 dst 10.0.0.2 dir out action block")
	expect("foreign", xfrm.Event{Policy: true})
	a.IP("xfrm policy delete src 10.0.0.1 dst 10.0.0.2 dir out")
	expect("foreign gone", xfrm.Event{Policy: true, Gone: true})
	a.IP("xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 1 mode transport aead rfc4106(gcm(aes)) %s 128", key)
	expect("association", xfrm.Event{SA: true})
	a.IP("xfrm state flush")
	expect("associations gone", xfrm.Event{SA: true, Gone: true})
	if err := c.DelBlock(k); err != nil {
		t.Fatal(err)
	}
	expect("delete", xfrm.Event{Policy: true, Own: true, Gone: true, Port: c.Port()})
	add(t, c, k)
	expect("add again", xfrm.Event{Policy: true, Own: true, Port: c.Port()})
	a.IP("xfrm policy flush")
	expect("flush", xfrm.Event{Policy: true, Own: true, Gone: true})
	if got := observedBlocks(t, c); len(got) != 0 {
		t.Errorf("left after a flush: %v", got)
	}
}

const key = "0x0001020304050607080910111213141516171819"

// protect makes the associations and policies of a tunnel by hand, as charon would.
func protect(h *lab.Host, k kstate.Tunnel, priority int) {
	out, in := k.Blocks()[0], k.Blocks()[1]
	for _, d := range []struct {
		b   kstate.Block
		spi int
	}{{out, spi(k.Local)}, {in, spi(k.Remote)}} {
		h.IP("xfrm policy add %s priority %d tmpl proto esp reqid 7 mode transport", selector(d.b), priority)
		associate(h, d.b.Src.Addr(), d.b.Dst.Addr(), d.spi)
	}
}

func associate(h *lab.Host, src, dst netip.Addr, spi int) {
	h.IP("xfrm state add src %s dst %s proto esp spi %d reqid 7 mode transport replay-window 32 aead rfc4106(gcm(aes)) %s 128", src, dst, spi, key)
}

func spi(sender netip.Addr) int { return 0x1000 + int(sender.AsSlice()[len(sender.AsSlice())-1]) }

func unprotect(h *lab.Host, k kstate.Tunnel) {
	for _, b := range k.Blocks() {
		h.IP("xfrm policy delete %s", selector(b))
	}
	h.IP("xfrm state flush")
}

// TestFailClosed stops the packets of a standing session by our policies alone, lets them pass under ESP, and stops them again.
func TestFailClosed(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP)
	for _, tunnel := range tunnels()[1:] {
		if tunnel.Encap == kstate.EncapUDP && !tunnel.Checksum {
			continue
		}
		t.Run(tunnel.Family().String()+" "+tunnel.Encap, func(t *testing.T) { failClosed(t, tunnel) })
	}
}

// inClear chooses the packets of a tunnel that are under no ESP, both ways.
func inClear(k kstate.Tunnel) func(lab.Frame) bool {
	out := k.Blocks()[0]
	return func(f lab.Frame) bool {
		return f.Proto == out.Proto && (f.SrcPort == out.SrcPort || f.SrcPort == out.DstPort)
	}
}

func failClosed(t *testing.T, tunnel kstate.Tunnel) {
	a, b := pair(t)
	ca, cb, x := dial(t, a), dial(t, b), dialXfrm(t, a)
	s := sessions(tunnel, 0)[1]
	if err := errors.Join(ca.AddTunnel(tunnel), ca.AddSession(s), cb.AddTunnel(far(tunnel)), cb.AddSession(farSession(s))); err != nil {
		t.Fatal(err)
	}
	up(a, s.Device, 0, 1)
	up(b, s.Device, 0, 2)
	both := tunnel.Blocks()
	state := func(what string, want xfrm.State, mine bool) xfrm.Protection {
		t.Helper()
		var p xfrm.Protection
		for _, k := range both {
			var err error
			if p, err = x.Protection(t.Context(), k); err != nil || p.State != want || p.Ours != mine {
				t.Errorf("%s, %s: %s by %v, ours %v, %v", what, k.Dir, p.State, p.Policy, p.Ours, err)
			}
		}
		return p
	}
	received := func() uint64 {
		t.Helper()
		n, err := ca.Counters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n[s.SessionKey()].RxPackets
	}
	seen := a.Capture("wan", inClear(tunnel))
	if !answers(a, 0) || len(seen.Stop()) < 6 {
		t.Fatalf("no answer in clear, or only %d packets seen", seen.Count())
	}
	state("before", xfrm.Clear, false)

	add(t, x, both[:]...)
	state("blocked", xfrm.Blocked, true)
	leaked := a.Capture("wan", func(f lab.Frame) bool { return f.Out && inClear(tunnel)(f) })
	before := received()
	blocked := func(what string) {
		t.Helper()
		if answers(a, 0) {
			t.Errorf("%s: answers", what)
		}
		if _, err := b.Exec("", "ping", "-q", "-i", "0.2", "-c", "2", "-W", "0.3", "10.7.0.1"); err == nil {
			t.Errorf("%s: answers to the far end", what)
		}
	}
	blocked("no association")
	a.NFT("flush ruleset")
	blocked("rules flushed")
	if n := received(); n != before {
		t.Errorf("%d packets came in while blocked", n-before)
	}

	protect(a, tunnel, 400000)
	protect(b, far(tunnel), 400000)
	p := state("protected", xfrm.Protected, false)
	if len(p.SAs) != 1 || p.SAs[0].SPI != uint32(spi(tunnel.Remote)) || p.SAs[0].ReqID != 7 || p.SAs[0].ReplayWindow != 32 || p.SAs[0].Added == 0 {
		t.Errorf("associations in: %+v", p.SAs)
	}
	if !answers(a, 0) {
		t.Error("no answer under ESP")
	}
	if sas, err := x.SAs(t.Context()); err != nil || len(sas) != 2 || sas[0].Packets < 3 || sas[0].Bytes < 300 {
		t.Errorf("associations %+v, %v", sas, err)
	}
	// A wanted object that is made again while it stands changes nothing.
	add(t, x, both[:]...)
	if !answers(a, 0) {
		t.Error("no answer after the policies were added again")
	}
	a.IP("xfrm state flush")
	state("associations gone", xfrm.Waiting, false)
	blocked("associations gone")
	unprotect(a, tunnel)
	state("policies gone", xfrm.Blocked, true)
	blocked("policies gone")
	making(t, a, tunnel, s)
	if n := leaked.Count(); n != 0 {
		t.Errorf("%d packets left in clear: %+v", n, leaked.Frames()[0])
	}
}

// making wants a tunnel to be refused under a block, made while the one of the way out is lifted (no session yet, so nothing can leave), and
// made under a policy that demands ESP, whether there is an association or not.
func making(t *testing.T, a *lab.Host, tunnel kstate.Tunnel, s kstate.Session) {
	t.Helper()
	c, x := dial(t, a), dialXfrm(t, a)
	out := tunnel.Blocks()[0]
	if err := c.DelTunnel(tunnel.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.AddTunnel(tunnel); !errors.Is(err, syscall.EPERM) {
		t.Errorf("made under a block: %v", err)
	}
	if got, _ := observed(t, c); len(got) != 0 {
		t.Errorf("left of what was refused: %v", got)
	}
	if err := errors.Join(x.DelBlock(out), c.AddTunnel(tunnel), x.AddBlock(out), c.AddSession(s)); err != nil {
		t.Errorf("made while the block was lifted: %v", err)
	}
	up(a, s.Device, 0, 1)
	if answers(a, 0) {
		t.Error("frames pass after the block was lifted for a moment")
	}
	if err := c.DelTunnel(tunnel.ID); err != nil {
		t.Fatal(err)
	}
	protect(a, tunnel, 400000)
	a.IP("xfrm state flush")
	if err := errors.Join(c.AddTunnel(tunnel), c.AddSession(s)); err != nil {
		t.Errorf("made under a policy that demands ESP: %v", err)
	}
	if got := observedBlocks(t, x); len(got) != 2 {
		t.Errorf("blocks: %v", got)
	}
}

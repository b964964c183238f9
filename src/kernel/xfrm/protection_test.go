package xfrm

import (
	"net/netip"
	"testing"

	"multiwan/src/core/kstate"
)

func TestProtect(t *testing.T) {
	block := kstate.Policy{Block: udpOut, SrcMask: 0xffff, DstMask: 0xffff, Priority: kstate.BlockPriority, Action: "block", User: kstate.BlockUser}
	esp := kstate.Policy{Block: udpOut, SrcMask: 0xffff, DstMask: 0xffff, Priority: 370000, Action: "allow",
		Templates: []kstate.Template{{Proto: kstate.ProtoESP, Mode: "transport", Src: netip.IPv4Unspecified(), Dst: netip.IPv4Unspecified(), ReqID: 7}}}
	change := func(p kstate.Policy, f func(*kstate.Policy)) kstate.Policy { f(&p); return p }
	wide := change(esp, func(p *kstate.Policy) {
		p.Src, p.Dst, p.Proto, p.SrcMask, p.DstMask, p.SrcPort, p.DstPort = pfx("192.0.2.0/24"), pfx("0.0.0.0/0"), 0, 0, 0, 0, 0
	})
	tunnel := change(esp, func(p *kstate.Policy) {
		p.Templates = []kstate.Template{{Proto: kstate.ProtoESP, Mode: "tunnel", Src: addr("203.0.113.1"), Dst: addr("203.0.113.2"), ReqID: 7}}
	})
	optional := change(esp, func(p *kstate.Policy) {
		p.Templates = []kstate.Template{p.Templates[0]}
		p.Templates[0].Optional = true
	})
	sa := kstate.SA{Src: addr("192.0.2.1"), Dst: addr("198.51.100.1"), Proto: kstate.ProtoESP, SPI: 1, ReqID: 7, Mode: "transport"}
	back := kstate.SA{Src: sa.Dst, Dst: sa.Src, Proto: kstate.ProtoESP, SPI: 2, ReqID: 7, Mode: "transport"}
	outer := kstate.SA{Src: addr("203.0.113.1"), Dst: addr("203.0.113.2"), Proto: kstate.ProtoESP, SPI: 3, ReqID: 7, Mode: "tunnel"}
	for name, tc := range map[string]struct {
		policies []kstate.Policy
		sas      []kstate.SA
		state    State
		ours     bool
		found    int
	}{
		"nothing":               {nil, []kstate.SA{sa}, Clear, false, 0},
		"ours":                  {[]kstate.Policy{block}, []kstate.SA{sa}, Blocked, true, 0},
		"somebody's block":      {[]kstate.Policy{block, change(block, func(p *kstate.Policy) { p.User, p.Priority = 0, 1 })}, nil, Blocked, false, 0},
		"trap":                  {[]kstate.Policy{block, esp}, []kstate.SA{back, outer}, Waiting, false, 0},
		"protected":             {[]kstate.Policy{block, esp}, []kstate.SA{sa, back, outer}, Protected, false, 1},
		"while rekeying":        {[]kstate.Policy{esp, block}, []kstate.SA{sa, sa}, Protected, false, 2},
		"by a wide policy":      {[]kstate.Policy{wide, block}, []kstate.SA{sa}, Protected, false, 1},
		"tunnel":                {[]kstate.Policy{tunnel, block}, []kstate.SA{sa, outer}, Protected, false, 1},
		"optional, none":        {[]kstate.Policy{optional, block}, nil, Clear, false, 0},
		"exempted":              {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Templates = nil }), block}, nil, Clear, false, 0},
		"another reqid":         {[]kstate.Policy{esp, block}, []kstate.SA{{Src: sa.Src, Dst: sa.Dst, Proto: kstate.ProtoESP, SPI: 9, ReqID: 8, Mode: "transport"}}, Waiting, false, 0},
		"other port":            {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.DstPort = 1 }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"other address":         {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Dst = pfx("198.51.100.2/32") }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"other protocol":        {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Proto = kstate.ProtoL2TP }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"other direction":       {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Dir = kstate.DirIn }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"marked only":           {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Mark, p.Mask = 1, 1 }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"of an XFRM interface":  {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Interface = 5 }), block}, []kstate.SA{sa}, Blocked, true, 0},
		"behind ours, by error": {[]kstate.Policy{change(esp, func(p *kstate.Policy) { p.Priority = 0x80000000 }), block}, []kstate.SA{sa}, Blocked, true, 0},
	} {
		got := Protect(udpOut, tc.policies, tc.sas)
		if got.State != tc.state || got.Ours != tc.ours || len(got.SAs) != tc.found {
			t.Errorf("%s: %s, ours %v, %d associations", name, got.State, got.Ours, len(got.SAs))
		}
	}
}

// TestWiderThanOne says that a policy for one port protects no block of all ports.
func TestWiderThanOne(t *testing.T) {
	all := udpOut
	all.SrcPort, all.DstPort = 0, 0
	one := kstate.Policy{Block: udpOut, SrcMask: 0xffff, DstMask: 0xffff, Action: "allow"}
	if one.Covers(all) || !one.Covers(udpOut) {
		t.Error("a policy of one port covers more than that")
	}
}

package rtnl

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// script answers requests with datagrams, one list of them a request; nil stands for ENOBUFS.
type script struct {
	answers  [][][]byte
	queue    [][]byte
	requests int
}

const testSeq = 5

func (s *script) send(uint16, netlink.HeaderFlags, []byte) (uint32, error) {
	s.requests++
	s.queue, s.answers = append(s.queue, s.answers[0]...), s.answers[1:]
	return testSeq, nil
}

func (s *script) receive(b []byte) (int, error) {
	if len(s.queue) == 0 {
		return 0, errors.New("nothing more to receive")
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	if d == nil {
		return 0, unix.ENOBUFS
	}
	return copy(b, d), nil
}

func packet(typ, flags uint16, seq uint32, data []byte) []byte {
	b := native.AppendUint32(nil, uint32(headerLen+len(data)))
	b = native.AppendUint16(native.AppendUint16(b, typ), flags)
	b = native.AppendUint32(native.AppendUint32(b, seq), 0)
	return pad(append(b, data...))
}

func code(errno syscall.Errno) []byte { return native.AppendUint32(nil, uint32(-int32(errno))) }

func TestDumpPartial(t *testing.T) {
	rule, err := encodeRule(testRules[0])
	if err != nil {
		t.Fatal(err)
	}
	one := packet(unix.RTM_NEWRULE, unix.NLM_F_MULTI, testSeq, rule)
	interrupted := packet(unix.RTM_NEWRULE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, testSeq, rule)
	done := packet(unix.NLMSG_DONE, unix.NLM_F_MULTI, testSeq, code(0))
	cut := append(slices.Clone(one), make([]byte, receiveSize)...)
	stale := slices.Concat(packet(unix.RTM_NEWRULE, unix.NLM_F_MULTI, testSeq-1, rule), packet(unix.NLMSG_DONE, unix.NLM_F_MULTI, testSeq-1, code(0)))
	for name, tc := range map[string]struct {
		answer  [][]byte
		partial bool
		rules   int
	}{
		"whole":                  {[][]byte{slices.Concat(one, one), done}, false, 2},
		"one datagram":           {[][]byte{slices.Concat(one, done)}, false, 1},
		"empty":                  {[][]byte{done}, false, 0},
		"interrupted":            {[][]byte{one, interrupted, done}, true, 2},
		"interrupted at the end": {[][]byte{one, packet(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, testSeq, code(0))}, true, 1},
		"lost":                   {[][]byte{one, nil, done}, true, 1},
		"cut":                    {[][]byte{cut, done}, true, 1},
		"overrun":                {[][]byte{packet(unix.NLMSG_OVERRUN, 0, testSeq, nil), done}, true, 0},
		"after a stale answer":   {[][]byte{stale, one, done}, false, 1},
	} {
		s := &script{answers: [][][]byte{tc.answer, tc.answer, tc.answer}}
		c := &Conn{t: s, buf: make([]byte, receiveSize)}
		rules := 0
		err := c.dumpRules(context.Background(), kstate.IPv4, func() { rules = 0 }, func(kstate.Rule, uint8) { rules++ })
		if errors.Is(err, ErrPartial) != tc.partial || (err != nil && !tc.partial) || rules != tc.rules {
			t.Errorf("%s: %d rules, %v", name, rules, err)
		}
		if want := map[bool]int{false: 1, true: dumpTries}[tc.partial]; s.requests != want {
			t.Errorf("%s: asked %d times, want %d", name, s.requests, want)
		}
		if len(s.queue) != 0 {
			t.Errorf("%s: %d datagrams not read", name, len(s.queue))
		}
	}
	s := &script{answers: [][][]byte{{interrupted, done}, {one, one, done}}}
	c := &Conn{t: s, buf: make([]byte, receiveSize)}
	rules := 0
	err = c.dumpRules(context.Background(), kstate.IPv4, func() { rules = 0 }, func(kstate.Rule, uint8) { rules++ })
	if err != nil || rules != 2 {
		t.Errorf("whole at the second try: %d rules, %v", rules, err)
	}
}

func TestKernelError(t *testing.T) {
	request := packet(unix.RTM_NEWROUTE, unix.NLM_F_REQUEST, testSeq, make([]byte, 20))
	var ack Message
	ack.U32(2, 12)
	ack.Name(1, "Nexthop has invalid gateway")
	capped := slices.Concat(code(unix.EHOSTUNREACH), request[:headerLen], ack)
	whole := slices.Concat(code(unix.EHOSTUNREACH), request, ack)
	done := slices.Concat(code(unix.EHOSTUNREACH), ack)
	for name, tc := range map[string]struct {
		answer []byte
		text   string
	}{
		"capped":    {packet(unix.NLMSG_ERROR, unix.NLM_F_CAPPED|unix.NLM_F_ACK_TLVS, testSeq, capped), "Nexthop has invalid gateway"},
		"whole":     {packet(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, testSeq, whole), "Nexthop has invalid gateway"},
		"of a dump": {packet(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_ACK_TLVS, testSeq, done), "Nexthop has invalid gateway"},
		"silent":    {packet(unix.NLMSG_ERROR, unix.NLM_F_CAPPED, testSeq, slices.Concat(code(unix.EHOSTUNREACH), request[:headerLen])), ""},
		"short":     {packet(unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, testSeq, code(unix.EHOSTUNREACH)), ""},
	} {
		c := &Conn{t: &script{answers: [][][]byte{{tc.answer}}}, buf: make([]byte, receiveSize)}
		err := c.change(unix.RTM_NEWROUTE, 0, nil)
		var k *KernelError
		if !errors.As(err, &k) || k.Message != tc.text || !errors.Is(err, unix.EHOSTUNREACH) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExchangeEndsWithContext(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s := &script{}
	c := &Conn{t: s, buf: make([]byte, receiveSize)}
	if _, err := c.Observe(ended, Scope{All: true}); !errors.Is(err, context.Canceled) || s.requests != 0 {
		t.Errorf("%v after %d requests", err, s.requests)
	}
}

func TestWatchFilter(t *testing.T) {
	machine := func(program []filter.Instruction) *bpf.VM {
		text, known := bpf.Disassemble(program)
		vm, err := bpf.NewVM(text)
		if err != nil || !known {
			t.Fatal(text, err)
		}
		return vm
	}
	vm := machine(watchFilter())
	route := func(typ, flags uint16, bits, protocol uint8) []byte {
		m := make(Message, rtMsgLen)
		m[0], m[1], m[5] = 2, bits, protocol
		return packet(typ, flags, 0, m)
	}
	gateways := machine(gatewayFilter())
	ownDefault := route(unix.RTM_NEWROUTE, 0, 0, kstate.Protocol)
	if n, err := gateways.Run(ownDefault); err != nil || n != 0 {
		t.Errorf("gateways: our own default route lets %d bytes through, %v", n, err)
	}
	for name, tc := range map[string]struct {
		packet []byte
		pass   bool
	}{
		"link":                     {packet(unix.RTM_NEWLINK, 0, 0, make([]byte, ifInfoMsgLen)), true},
		"address":                  {packet(unix.RTM_DELADDR, 0, 0, make([]byte, ifAddrMsgLen)), true},
		"rule":                     {packet(unix.RTM_NEWRULE, 0, 0, make([]byte, fibRuleHdrLen)), true},
		"nexthop":                  {packet(unix.RTM_DELNEXTHOP, 0, 0, make([]byte, nhMsgLen)), true},
		"own route":                {route(unix.RTM_NEWROUTE, 0, 24, kstate.Protocol), true},
		"own route deleted":        {route(unix.RTM_DELROUTE, 0, 24, kstate.Protocol), true},
		"default route":            {route(unix.RTM_NEWROUTE, 0, 0, 16), true},
		"default route deleted":    {route(unix.RTM_DELROUTE, 0, 0, 16), true},
		"replaced by a foreign":    {route(unix.RTM_NEWROUTE, unix.NLM_F_REPLACE, 24, 3), true},
		"foreign route":            {route(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, 24, 186), false},
		"foreign route deleted":    {route(unix.RTM_DELROUTE, 0, 32, 186), false},
		"foreign route of octet 0": {route(unix.RTM_NEWROUTE, 0, 1, 0), false},
	} {
		n, err := vm.Run(tc.packet)
		if err != nil || (n >= len(tc.packet)) != tc.pass {
			t.Errorf("%s: lets %d of %d bytes through, %v", name, n, len(tc.packet), err)
		}
		n, err = gateways.Run(tc.packet)
		if want := tc.pass && !strings.Contains(name, "own") && !strings.Contains(name, "replaced"); err != nil || (n >= len(tc.packet)) != want {
			t.Errorf("gateways: %s: lets %d of %d bytes through, %v", name, n, len(tc.packet), err)
		}
	}
}

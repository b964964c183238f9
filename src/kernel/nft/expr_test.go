package nft

import (
	"bytes"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// TestExpressions compares every expression with what google/nftables makes of the same.
func TestExpressions(t *testing.T) {
	value, mask := []byte{192, 0, 2, 1}, []byte{255, 255, 0, 0}
	none := make([]byte, 4)
	cases := map[string]struct {
		ours   func(*encoder)
		theirs expr.Any
	}{
		"meta":     {func(e *encoder) { e.meta(unix.NFT_META_MARK) }, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}},
		"meta set": {func(e *encoder) { e.writeMeta(unix.NFT_META_MARK) }, &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1}},
		"ct":       {func(e *encoder) { e.ct(unix.NFT_CT_STATE) }, &expr.Ct{Key: expr.CtKeySTATE, Register: 1}},
		"ct set":   {func(e *encoder) { e.writeCT(unix.NFT_CT_MARK) }, &expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1}},
		"rt":       {func(e *encoder) { e.route(unix.NFT_RT_TCPMSS) }, &expr.Rt{Key: expr.RtTCPMSS, Register: 1}},
		"fib":      {(*encoder).destinationType, &expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true}},
		"payload":  {func(e *encoder) { e.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, 2, 12, 4) }, &expr.Payload{DestRegister: 2, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}},
		"payload set": {func(e *encoder) { e.writeNetwork(12, 4, unix.NFT_PAYLOAD_CSUM_INET, 10) }, &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1,
			Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4, CsumType: expr.CsumTypeInet, CsumOffset: 10, CsumFlags: unix.NFT_PAYLOAD_L4CSUM_PSEUDOHDR}},
		"limit":      {func(e *encoder) { e.limit(&kstate.Limit{Rate: 625000, Burst: 20000}) }, &expr.Limit{Type: expr.LimitTypePktBytes, Rate: 625000, Unit: expr.LimitTimeSecond, Burst: 20000}},
		"packets":    {func(e *encoder) { e.limit(&kstate.Limit{Rate: 16, Burst: 4, Packets: true}) }, &expr.Limit{Type: expr.LimitTypePkts, Rate: 16, Unit: expr.LimitTimeSecond, Burst: 4}},
		"option":     {func(e *encoder) { e.tcpOption(2, 4, 6) }, &expr.Exthdr{DestRegister: 1, Type: 2, Offset: 4, Len: 6, Op: expr.ExthdrOpTcpopt}},
		"option set": {func(e *encoder) { e.writeTCPOption(2, 4, 6) }, &expr.Exthdr{SourceRegister: 1, Type: 2, Offset: 4, Len: 6, Op: expr.ExthdrOpTcpopt}},
		"byteorder":  {func(e *encoder) { e.toNetwork(2) }, &expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 2, Size: 2}},
		"bitwise":    {func(e *encoder) { e.bitwise(mask, value) }, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: value}},
		"cmp":        {func(e *encoder) { e.cmp(unix.NFT_CMP_GTE, value) }, &expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: value}},
		"range":      {func(e *encoder) { e.outside(none, value) }, &expr.Range{Op: expr.CmpOpNeq, Register: 1, FromData: none, ToData: value}},
		"lookup":     {func(e *encoder) { e.lookup("s", 3, false) }, &expr.Lookup{SourceRegister: 1, SetName: "s", SetID: 3}},
		"lookup not": {func(e *encoder) { e.lookup("s", 0, true) }, &expr.Lookup{SourceRegister: 1, SetName: "s", Invert: true}},
		"vmap":       {func(e *encoder) { e.lookupVerdict("s", 3) }, &expr.Lookup{SourceRegister: 1, IsDestRegSet: true, SetName: "s", SetID: 3}},
		"dynset":     {func(e *encoder) { e.update("s") }, &expr.Dynset{SrcRegKey: 1, SetName: "s", Operation: unix.NFT_DYNSET_OP_UPDATE}},
		"immediate":  {func(e *encoder) { e.immediate(2, value) }, &expr.Immediate{Register: 2, Data: value}},
		"drop":       {func(e *encoder) { e.verdict(verdict{code: nfDrop}) }, &expr.Verdict{Kind: expr.VerdictDrop}},
		"goto":       {func(e *encoder) { e.verdict(verdict{unix.NFT_GOTO, "c"}) }, &expr.Verdict{Kind: expr.VerdictGoto, Chain: "c"}},
		"counter":    {func(e *encoder) { e.count("c") }, &expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: "c"}},
		"numgen":     {func(e *encoder) { e.numgen(unix.NFT_NG_RANDOM, 5) }, &expr.Numgen{Register: 1, Modulus: 5, Type: unix.NFT_NG_RANDOM}},
		"hash":       {func(e *encoder) { e.jhash(4, 5) }, &expr.Hash{SourceRegister: 1, DestRegister: 1, Length: 4, Modulus: 5, Seed: hashSeed, Type: expr.HashTypeJenkins}},
		"snat":       {func(e *encoder) { e.sourceNAT(unix.NFPROTO_IPV4, 1, 1) }, &expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegAddrMax: 1}},
		"snat ports": {func(e *encoder) { e.sourceNAT(unix.NFPROTO_IPV6, 1, 1, portOptions(2, 3)...) }, &expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV6, RegAddrMin: 1, RegAddrMax: 1, RegProtoMin: 2, RegProtoMax: 3, Specified: true}},
		"snat prefix": {func(e *encoder) {
			e.sourceNAT(unix.NFPROTO_IPV6, 1, 2, u32(unix.NFTA_NAT_FLAGS, unix.NF_NAT_RANGE_NETMAP))
		}, &expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV6, RegAddrMin: 1, RegAddrMax: 2, Prefix: true}},
	}
	for name, tc := range cases {
		e := &encoder{}
		tc.ours(e)
		want, err := expr.Marshal(unix.NFPROTO_INET, tc.theirs)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.exprs) != 1 || !bytes.Equal(e.exprs[0].Data, want) {
			t.Errorf("%s: %x\nwant %x", name, e.exprs[0].Data, want)
		}
	}
}

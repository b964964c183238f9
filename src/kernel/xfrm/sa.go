package xfrm

import (
	"fmt"

	"github.com/mdlayher/netlink"

	"multiwan/src/core/kstate"
)

// decodeSA reads struct xfrm_usersa_info and the attributes that say nothing of keys.
func decodeSA(b []byte) (s kstate.SA, err error) {
	n := padded(saLen)
	if len(b) < n {
		return s, fmt.Errorf("security association of %d bytes, at least %d", len(b), n)
	}
	f := kstate.Family(native.Uint16(b[212:]))
	s = kstate.SA{Dst: address(f, b[56:]), SPI: big.Uint32(b[72:]), Proto: b[76], Src: address(f, b[80:]),
		Bytes: native.Uint64(b[160:]), Packets: native.Uint64(b[168:]), Added: native.Uint64(b[176:]),
		Outside: native.Uint32(b[192:]), Replayed: native.Uint32(b[196:]), Failed: native.Uint32(b[200:]),
		ReqID: native.Uint32(b[208:]), Mode: word(modes, b[214]), ReplayWindow: uint32(b[215])}
	err = attributes(b, n, func(ad *netlink.AttributeDecoder) {
		v := ad.Bytes()
		switch ad.Type() {
		case attrEncap:
			if len(v) >= encapLen {
				s.EncapSrc, s.EncapDst = big.Uint16(v[2:]), big.Uint16(v[4:])
			}
		case attrReplayState:
			if len(v) >= 24 {
				s.ReplayWindow = native.Uint32(v[20:])
			}
		case attrLastUsed:
			if len(v) >= 8 {
				s.LastUsed = native.Uint64(v)
			}
		}
	})
	return s, err
}

package xfrm

import (
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"

	"multiwan/src/core/kstate"
)

// encodeBlock writes struct xfrm_userpolicy_info.
func encodeBlock(k kstate.Block) ([]byte, error) {
	dir := slices.Index(directions, k.Dir)
	if dir < 0 {
		return nil, fmt.Errorf("direction %q", k.Dir)
	}
	b := make([]byte, padded(policyLen))
	if err := putSelector(b, k); err != nil {
		return nil, err
	}
	for i := range 4 { // bytes and packets, soft and hard
		native.PutUint64(b[offLifetime+8*i:], infinity)
	}
	native.PutUint32(b[offPriority:], kstate.BlockPriority)
	b[offDir], b[offAction] = byte(dir), actionBlock
	return b, nil
}

// encodeBlockID writes struct xfrm_userpolicy_id, which names a policy by its selector.
func encodeBlockID(k kstate.Block) ([]byte, error) {
	dir := slices.Index(directions, k.Dir)
	if dir < 0 {
		return nil, fmt.Errorf("direction %q", k.Dir)
	}
	b := make([]byte, policyIDLen)
	if err := putSelector(b, k); err != nil {
		return nil, err
	}
	b[offPolicyIDDir] = byte(dir)
	return b, nil
}

// decodePolicy reads struct xfrm_userpolicy_info and its attributes; main is false for the policies of sockets and sub-policies.
func decodePolicy(b []byte) (p kstate.Policy, main bool, err error) {
	main = true
	n := padded(policyLen)
	if len(b) < n {
		return p, false, fmt.Errorf("policy of %d bytes, at least %d", len(b), n)
	}
	p = getSelector(b)
	p.Priority = native.Uint32(b[offPriority:])
	p.Dir, p.Action = word(directions, b[offDir]), word([]string{actionAllow: "allow", actionBlock: "block"}, b[offAction])
	main = int(b[offDir]) < len(directions) // those of sockets have numbers behind
	err = attributes(b, n, func(ad *netlink.AttributeDecoder) {
		v := ad.Bytes()
		switch ad.Type() {
		case attrPolicyType:
			main = main && len(v) > 0 && v[0] == 0
		case attrMark:
			p.Mark, p.Mask = mark(v)
		case attrInterfaceID:
			if len(v) >= 4 {
				p.Interface = native.Uint32(v)
			}
		case attrTemplates:
			for ; len(v) >= templateLen; v = v[templateLen:] {
				p.Templates = append(p.Templates, decodeTemplate(v))
			}
		}
	})
	return p, main, err
}

// mark reads struct xfrm_mark.
func mark(v []byte) (value, mask uint32) {
	if len(v) < 8 {
		return 0, 0
	}
	return native.Uint32(v), native.Uint32(v[4:])
}

// decodeTemplate reads struct xfrm_user_tmpl.
func decodeTemplate(v []byte) kstate.Template {
	f := kstate.Family(native.Uint16(v[24:]))
	return kstate.Template{Dst: address(f, v), Src: address(f, v[28:]), Proto: v[20], ReqID: native.Uint32(v[44:]),
		Mode: word(modes, v[48]), Optional: v[50] != 0}
}

// ours says whether a policy is one of ours and as we made it. One that somebody changed is not: it is added anew, which replaces it.
func ours(p kstate.Policy) bool {
	whole := func(port, mask uint16) bool { return mask == 0 && port == 0 || mask == 0xffff && port != 0 }
	return p.User == kstate.BlockUser && p.Priority == kstate.BlockPriority && p.Action == "block" && len(p.Templates) == 0 &&
		p.Mark == 0 && p.Mask == 0 && p.Interface == 0 && whole(p.SrcPort, p.SrcMask) && whole(p.DstPort, p.DstMask)
}

package nft

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// anonymousSet is a constant set or verdict map of one rule.
type anonymousSet struct {
	id       uint32
	vmap     bool
	interval bool
	key      key
	spans    []span
}

// maxElements is how many elements go into one message: an attribute holds 64 KiB, an element up to about 100 bytes.
const maxElements = 400

func (s anonymousSet) name() string {
	if s.vmap {
		return "__map%d"
	}
	return "__set%d"
}

// anonymous makes a set of the values, an interval set where one of them is a range.
func (e *encoder) anonymous(k key, spans []span, vmap bool) (id uint32, name string, err error) {
	s := anonymousSet{id: e.nextID(), vmap: vmap, key: k}
	for _, v := range spans {
		s.interval = s.interval || !v.single()
	}
	if s.spans, err = disjoint(spans); err != nil {
		return 0, "", err
	}
	if !s.interval {
		s.spans = slices.CompactFunc(s.spans, func(a, b span) bool { return bytes.Equal(a.lo, b.lo) })
	}
	e.sets = append(e.sets, s)
	return s.id, s.name(), nil
}

// disjoint sorts values and joins those that overlap, which the kernel refuses; in a map only where they agree on the verdict.
func disjoint(spans []span) ([]span, error) {
	in := slices.Clone(spans)
	order.By(in, func(i, j int) int { return bytes.Compare(in[i].lo, in[j].lo) })
	var out []span
	for _, s := range in {
		last := len(out) - 1
		if last < 0 || bytes.Compare(s.lo, out[last].hi) > 0 {
			out = append(out, s)
			continue
		}
		if s.verdict != out[last].verdict {
			return nil, fmt.Errorf("two verdicts for one value")
		}
		if bytes.Compare(s.hi, out[last].hi) > 0 {
			out[last].hi = s.hi
		}
	}
	return out, nil
}

// flags returns the set's flags (linux/netfilter/nf_tables.h, enum nft_set_flags).
func (s anonymousSet) flags() uint32 {
	f := uint32(unix.NFT_SET_ANONYMOUS | unix.NFT_SET_CONSTANT)
	if s.interval {
		f |= unix.NFT_SET_INTERVAL
	}
	if s.vmap {
		f |= unix.NFT_SET_MAP
	}
	return f
}

// attributes are those of NFT_MSG_NEWSET.
func (s anonymousSet) attributes(table string) []netlink.Attribute {
	a := []netlink.Attribute{
		str(unix.NFTA_SET_TABLE, table), str(unix.NFTA_SET_NAME, s.name()), u32(unix.NFTA_SET_FLAGS, s.flags()),
		u32(unix.NFTA_SET_KEY_TYPE, s.key.typ), u32(unix.NFTA_SET_KEY_LEN, uint32(s.key.size)), u32(unix.NFTA_SET_ID, s.id),
	}
	if s.vmap {
		a = append(a, u32(unix.NFTA_SET_DATA_TYPE, unix.NFT_DATA_VERDICT), u32(unix.NFTA_SET_DATA_LEN, 0))
	}
	elems := s.elements()
	order := uint32(byteorderBig)
	if s.key.host {
		order = byteorderHost
	}
	return append(a, nest(unix.NFTA_SET_DESC, u32(unix.NFTA_SET_DESC_SIZE, uint32(len(elems)))), setUserdata(order))
}

// Byte orders of keys, as nft(8) notes them in a set's user data for its listings.
const (
	byteorderHost = 1
	byteorderBig  = 2
)

// setUserdata notes the order of the key's bytes: NFTNL_UDATA_SET_KEYBYTEORDER (0), four bytes in host order.
func setUserdata(order uint32) netlink.Attribute {
	return netlink.Attribute{Type: unix.NFTA_SET_USERDATA, Data: append([]byte{0, 4}, host(order)...)}
}

// elements returns the element attributes. In an interval set each range is its first value and an end, the value after its last.
func (s anonymousSet) elements() []netlink.Attribute {
	var out []netlink.Attribute
	add := func(v []byte, end bool, verdict string) {
		a := []netlink.Attribute{nest(unix.NFTA_SET_ELEM_KEY, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: v})}
		if end {
			a = append(a, u32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END))
		}
		if verdict != "" {
			a = append(a, verdictData(verdict))
		}
		out = append(out, nest(unix.NFTA_LIST_ELEM, a...))
	}
	zero := make([]byte, s.key.size)
	if s.interval && (len(s.spans) == 0 || !bytes.Equal(s.spans[0].lo, zero)) {
		add(zero, true, "")
	}
	for _, v := range s.spans {
		add(v.lo, false, v.verdict)
		if !s.interval {
			continue
		}
		if end := next(v.hi); end != nil {
			add(end, true, "")
		}
	}
	return out
}

// verdictData is the verdict of a map's element; parseVerdict has accepted it.
func verdictData(s string) netlink.Attribute {
	v, err := parseVerdict(s)
	if err != nil {
		panic(err)
	}
	return nest(unix.NFTA_SET_ELEM_DATA, v.attribute())
}

// setTypes are the key types of named sets.
var setTypes = map[string]struct {
	magic uint32
	size  uint32
}{"ipv4_addr": {typeIPv4, 4}, "ipv6_addr": {typeIPv6, 16}}

// dynamicSize bounds what packets can make a set grow to, nft's own default.
const dynamicSize = 65535

// namedSet returns the attributes of a named set.
func namedSet(table string, s kstate.Set) ([]netlink.Attribute, error) {
	t, ok := setTypes[s.Type]
	if !ok {
		return nil, fmt.Errorf("set %s: unknown type %q", s.Name, s.Type)
	}
	var flags uint32
	if s.Interval {
		flags |= unix.NFT_SET_INTERVAL
	}
	if s.Dynamic {
		flags |= unix.NFT_SET_EVAL
	}
	if s.Timeout > 0 {
		flags |= unix.NFT_SET_TIMEOUT
	}
	a := []netlink.Attribute{
		str(unix.NFTA_SET_TABLE, table), str(unix.NFTA_SET_NAME, s.Name), u32(unix.NFTA_SET_FLAGS, flags),
		u32(unix.NFTA_SET_KEY_TYPE, t.magic), u32(unix.NFTA_SET_KEY_LEN, t.size),
		u32(unix.NFTA_SET_ID, 0), setUserdata(byteorderBig),
	}
	if s.Timeout > 0 {
		a = append(a, u64(unix.NFTA_SET_TIMEOUT, uint64(s.Timeout)*1000))
	}
	if s.Dynamic {
		a = append(a, nest(unix.NFTA_SET_DESC, u32(unix.NFTA_SET_DESC_SIZE, dynamicSize)))
	}
	return a, nil
}

package nft

import (
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// batch collects the messages of one transaction.
type batch struct {
	msgs   []netlink.Message
	origin []origin // of each message
	ids    uint32
	err    error
}

// origin says what a message is for.
type origin struct{ table, chain, rule, what string }

func (b *batch) put(o origin, typ uint16, flags netlink.HeaderFlags, attrs ...netlink.Attribute) {
	proto, err := protoOf(o.table)
	if err != nil {
		b.fail(o, err)
		return
	}
	o.table += " " + tableName
	b.msgs = append(b.msgs, message(typ, flags, proto, attrs...))
	b.origin = append(b.origin, o)
}

func (b *batch) fail(o origin, err error) {
	if b.err == nil {
		b.err = ErrRefused{Table: o.table + " " + tableName, Chain: o.chain, Rule: o.rule, What: o.what, Err: err}
	}
}

func (b *batch) nextID() uint32 {
	b.ids++
	return b.ids
}

// table adds or deletes a table; to add one that stands wakes it if it is dormant.
func (b *batch) table(family string, typ uint16) {
	b.put(origin{table: family, what: "table"}, typ, createIf(typ == unix.NFT_MSG_NEWTABLE), str(unix.NFTA_TABLE_NAME, tableName), u32(unix.NFTA_TABLE_FLAGS, 0))
}

func createIf(create bool) netlink.HeaderFlags {
	if create {
		return netlink.Create
	}
	return 0
}

func (b *batch) flushChain(family, chain string) {
	b.put(origin{table: family, chain: chain, what: "flush chain"}, unix.NFT_MSG_DELRULE, 0, str(unix.NFTA_RULE_TABLE, tableName), str(unix.NFTA_RULE_CHAIN, chain))
}

func (b *batch) deleteChain(family, chain string) {
	b.put(origin{table: family, chain: chain, what: "delete chain"}, unix.NFT_MSG_DELCHAIN, 0, str(unix.NFTA_CHAIN_TABLE, tableName), str(unix.NFTA_CHAIN_NAME, chain))
}

func (b *batch) deleteSet(family, set string) {
	b.put(origin{table: family, what: "delete set " + set}, unix.NFT_MSG_DELSET, 0, str(unix.NFTA_SET_TABLE, tableName), str(unix.NFTA_SET_NAME, set))
}

func (b *batch) flushSet(family, set string) {
	b.put(origin{table: family, what: "flush set " + set}, unix.NFT_MSG_DELSETELEM, 0,
		str(unix.NFTA_SET_ELEM_LIST_TABLE, tableName), str(unix.NFTA_SET_ELEM_LIST_SET, set))
}

func (b *batch) deleteObject(family string, o Object) {
	b.put(origin{table: family, what: "delete object " + o.Name}, unix.NFT_MSG_DELOBJ, 0,
		str(unix.NFTA_OBJ_TABLE, tableName), str(unix.NFTA_OBJ_NAME, o.Name), u32(unix.NFTA_OBJ_TYPE, o.Type))
}

func (b *batch) addCounter(family, name string) {
	b.put(origin{table: family, what: "counter " + name}, unix.NFT_MSG_NEWOBJ, netlink.Create,
		str(unix.NFTA_OBJ_TABLE, tableName), str(unix.NFTA_OBJ_NAME, name), u32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER),
		nest(unix.NFTA_OBJ_DATA, u64(unix.NFTA_COUNTER_BYTES, 0), u64(unix.NFTA_COUNTER_PACKETS, 0)))
}

func (b *batch) addSet(family string, s kstate.Set) {
	o := origin{table: family, what: s.String()}
	attrs, err := namedSet(tableName, s)
	if err != nil {
		b.fail(o, err)
		return
	}
	b.put(o, unix.NFT_MSG_NEWSET, netlink.Create, attrs...)
}

func (b *batch) addChain(family string, c kstate.Chain) {
	o := origin{table: family, chain: c.Name, what: "chain"}
	attrs := []netlink.Attribute{str(unix.NFTA_CHAIN_TABLE, tableName), str(unix.NFTA_CHAIN_NAME, c.Name)}
	if c.Hook != "" {
		hook := slices.Index(hookNames, c.Hook)
		if hook < 0 {
			b.fail(o, fmt.Errorf("unknown hook %q", c.Hook))
			return
		}
		attrs = append(attrs,
			nest(unix.NFTA_CHAIN_HOOK, u32(unix.NFTA_HOOK_HOOKNUM, uint32(hook)), u32(unix.NFTA_HOOK_PRIORITY, uint32(int32(c.Priority)))),
			u32(unix.NFTA_CHAIN_POLICY, nfAccept),
			str(unix.NFTA_CHAIN_TYPE, c.Type))
	}
	b.put(o, unix.NFT_MSG_NEWCHAIN, netlink.Create, attrs...)
}

// addRule appends a rule, its anonymous sets before it.
func (b *batch) addRule(family, chain string, r kstate.NftRule) {
	o := origin{table: family, chain: chain, rule: r.String()}
	proto, err := protoOf(family)
	if err != nil {
		b.fail(o, err)
		return
	}
	e, err := compile(proto, r, b.nextID)
	if err != nil {
		b.fail(o, err)
		return
	}
	for _, s := range e.sets {
		b.put(o, unix.NFT_MSG_NEWSET, netlink.Create, s.attributes(tableName)...)
		for part := range slices.Chunk(s.elements(), maxElements) {
			b.put(o, unix.NFT_MSG_NEWSETELEM, netlink.Create,
				str(unix.NFTA_SET_ELEM_LIST_TABLE, tableName), str(unix.NFTA_SET_ELEM_LIST_SET, s.name()),
				u32(unix.NFTA_SET_ELEM_LIST_SET_ID, s.id), nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, part...))
		}
	}
	b.put(o, unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append,
		str(unix.NFTA_RULE_TABLE, tableName), str(unix.NFTA_RULE_CHAIN, chain), nest(unix.NFTA_RULE_EXPRESSIONS, e.exprs...),
		netlink.Attribute{Type: unix.NFTA_RULE_USERDATA, Data: userdataOf(identity(r))})
}

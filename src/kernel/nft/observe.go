package nft

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// families are those in which we have a table.
var families = []struct {
	name  string
	proto uint8
}{{"inet", unix.NFPROTO_INET}, {"bridge", unix.NFPROTO_BRIDGE}, {"ip", unix.NFPROTO_IPV4}, {"ip6", unix.NFPROTO_IPV6}}

func protoOf(family string) (uint8, error) {
	for _, f := range families {
		if f.name == family {
			return f.proto, nil
		}
	}
	return 0, fmt.Errorf("unknown table family %q", family)
}

// Observed is what our tables hold.
type Observed struct {
	Generation uint32 // of the whole ruleset when it was read
	Firewall   bool   // OpenWrt's firewall stands
	Tables     []Table
}

// Table is a table of ours as the kernel has it.
type Table struct {
	Family  string
	Dormant bool // somebody switched its chains off
	Chains  []Chain
	Sets    []Set
	Objects []Object
}

// Chain is a chain with its header, in kstate.Chain's words, and the identities of its rules in order.
type Chain struct {
	Name   string
	Header string
	Rules  []string
}

// Set is a named set: its name and its declaration in kstate.Set's words.
type Set struct{ Name, Decl string }

// Object is a stateful object; counters are type NFT_OBJECT_COUNTER.
type Object struct {
	Name string
	Type uint32
}

// table finds a table by its family.
func (o Observed) table(family string) *Table {
	for i := range o.Tables {
		if o.Tables[i].Family == family {
			return &o.Tables[i]
		}
	}
	return nil
}

// maxReads bounds how often a reading that another transaction crossed is begun anew.
const maxReads = 10

// errUnsettled says that other programs change the ruleset faster than it can be read.
var errUnsettled = errors.New("the ruleset keeps changing while it is read")

// Observe reads our tables; of others the names alone are asked for. While the ruleset's generation has not moved since the last reading, that is the answer.
func (c *Conn) Observe(ctx context.Context) (Observed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.observe(ctx)
}

// Firewall says whether OpenWrt's firewall stands.
func (c *Conn) Firewall(ctx context.Context) bool {
	o, err := c.Observe(ctx)
	return err == nil && o.Firewall
}

func (c *Conn) observe(ctx context.Context) (Observed, error) {
	before, err := c.generation()
	if err != nil {
		return Observed{}, err
	}
	for range maxReads {
		if err := ctx.Err(); err != nil {
			return Observed{}, err
		}
		if c.last != nil && c.last.Generation == before {
			return *c.last, nil
		}
		o, err := c.readTables()
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOENT) {
			return Observed{}, err
		}
		after, genErr := c.generation()
		if genErr != nil {
			return Observed{}, genErr
		}
		if err == nil && after == before {
			o.Generation = before
			c.last = &o
			return o, nil
		}
		before = after
	}
	return Observed{}, errUnsettled
}

func (c *Conn) readTables() (Observed, error) {
	var o Observed
	for _, f := range families {
		var t *Table
		err := c.dump(unix.NFT_MSG_GETTABLE, f.proto, func(ad *netlink.AttributeDecoder) error {
			var name string
			var flags uint32
			for ad.Next() {
				switch ad.Type() {
				case unix.NFTA_TABLE_NAME:
					name = ad.String()
				case unix.NFTA_TABLE_FLAGS:
					flags = ad.Uint32()
				}
			}
			o.Firewall = o.Firewall || name == firewallTable && f.name == "inet"
			if name == tableName {
				t = &Table{Family: f.name, Dormant: flags&unix.NFT_TABLE_F_DORMANT != 0}
			}
			return nil
		})
		if err != nil {
			return o, fmt.Errorf("list tables of family %s: %w", f.name, err)
		}
		if t == nil {
			continue
		}
		if err := c.readTable(t, f.proto); err != nil {
			return o, fmt.Errorf("read table %s %s: %w", f.name, tableName, err)
		}
		o.Tables = append(o.Tables, *t)
	}
	return o, nil
}

// readTable reads chains, rules, sets and objects. The kernel lists the rules of a chain in their order.
func (c *Conn) readTable(t *Table, proto uint8) error {
	index := map[string]int{}
	err := c.dump(unix.NFT_MSG_GETCHAIN, proto, func(ad *netlink.AttributeDecoder) error {
		if table, ch := readChain(ad); table == tableName {
			index[ch.Name] = len(t.Chains)
			t.Chains = append(t.Chains, ch)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.dump(unix.NFT_MSG_GETRULE, proto, func(ad *netlink.AttributeDecoder) error {
		table, chain, id := readRule(ad)
		if i, ok := index[chain]; ok && table == tableName {
			t.Chains[i].Rules = append(t.Chains[i].Rules, id)
		}
		return nil
	}, str(unix.NFTA_RULE_TABLE, tableName))
	if err != nil {
		return err
	}
	err = c.dump(unix.NFT_MSG_GETSET, proto, func(ad *netlink.AttributeDecoder) error {
		if table, s, named := readSet(ad); table == tableName && named {
			t.Sets = append(t.Sets, s)
		}
		return nil
	}, str(unix.NFTA_SET_TABLE, tableName))
	if err != nil {
		return err
	}
	return c.dump(unix.NFT_MSG_GETOBJ, proto, func(ad *netlink.AttributeDecoder) error {
		if o := readObject(ad); o.table == tableName {
			t.Objects = append(t.Objects, Object{o.name, o.typ})
		}
		return nil
	}, str(unix.NFTA_OBJ_TABLE, tableName))
}

// hookNames by number, the same in NF_INET_* and NF_BR_*.
var hookNames = []string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}

func readChain(ad *netlink.AttributeDecoder) (table string, ch Chain) {
	hook, prio, policy, typ := -1, 0, uint32(1), ""
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_CHAIN_TABLE:
			table = ad.String()
		case unix.NFTA_CHAIN_NAME:
			ch.Name = ad.String()
		case unix.NFTA_CHAIN_TYPE:
			typ = ad.String()
		case unix.NFTA_CHAIN_POLICY:
			policy = ad.Uint32()
		case unix.NFTA_CHAIN_HOOK:
			ad.Nested(func(n *netlink.AttributeDecoder) error {
				for n.Next() {
					switch n.Type() {
					case unix.NFTA_HOOK_HOOKNUM:
						hook = int(n.Uint32())
					case unix.NFTA_HOOK_PRIORITY:
						prio = int(int32(n.Uint32()))
					}
				}
				return nil
			})
		}
	}
	if hook < 0 {
		return table, ch
	}
	name := fmt.Sprintf("%d", hook)
	if hook < len(hookNames) {
		name = hookNames[hook]
	}
	ch.Header = kstate.Chain{Type: typ, Hook: name, Priority: prio}.Header()
	if policy != nfAccept {
		ch.Header += " policy drop;"
	}
	return table, ch
}

func readRule(ad *netlink.AttributeDecoder) (table, chain, id string) {
	var handle uint64
	var userdata []byte
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			handle = ad.Uint64()
		case unix.NFTA_RULE_USERDATA:
			userdata = ad.Bytes()
		}
	}
	if id, ok := identityOf(userdata); ok {
		return table, chain, id
	}
	return table, chain, fmt.Sprintf("foreign rule, handle %d", handle)
}

// readSet returns a set's declaration; named is false for the anonymous sets of rules.
func readSet(ad *netlink.AttributeDecoder) (table string, s Set, named bool) {
	var flags, typ uint32
	var k kstate.Set
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_TABLE:
			table = ad.String()
		case unix.NFTA_SET_NAME:
			k.Name = ad.String()
		case unix.NFTA_SET_FLAGS:
			flags = ad.Uint32()
		case unix.NFTA_SET_KEY_TYPE:
			typ = ad.Uint32()
		case unix.NFTA_SET_TIMEOUT:
			k.Timeout = int(ad.Uint64() / 1000)
		}
	}
	k.Type = fmt.Sprintf("type %d", typ)
	for name, t := range setTypes {
		if t.magic == typ {
			k.Type = name
		}
	}
	k.Interval = flags&unix.NFT_SET_INTERVAL != 0
	k.Dynamic = flags&unix.NFT_SET_EVAL != 0
	s = Set{Name: k.Name, Decl: k.String()}
	if flags&unix.NFT_SET_MAP != 0 {
		s.Decl = "map " + s.Decl
	}
	return table, s, flags&unix.NFT_SET_ANONYMOUS == 0
}

type object struct {
	table, name string
	typ         uint32
	value       Counter
}

func readObject(ad *netlink.AttributeDecoder) (o object) {
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_OBJ_TABLE:
			o.table = ad.String()
		case unix.NFTA_OBJ_NAME:
			o.name = ad.String()
		case unix.NFTA_OBJ_TYPE:
			o.typ = ad.Uint32()
		case unix.NFTA_OBJ_DATA:
			ad.Nested(func(n *netlink.AttributeDecoder) error {
				for n.Next() {
					switch {
					case o.typ == unix.NFT_OBJECT_COUNTER && n.Type() == unix.NFTA_COUNTER_PACKETS:
						o.value.Packets = n.Uint64()
					case o.typ == unix.NFT_OBJECT_COUNTER && n.Type() == unix.NFTA_COUNTER_BYTES:
						o.value.Bytes = n.Uint64()
					}
				}
				return nil
			})
		}
	}
	return o
}

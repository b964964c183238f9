package nft

import (
	"fmt"
	"hash/fnv"

	"multiwan/src/core/kstate"
)

// User data of a rule is a list of type, length, value; nft(8) shows type 0 as a comment and passes over types that it does not know.
const (
	udataIdentity = 0x4d // ours
	udataMax      = 250  // of our value: the kernel takes 256 bytes in all (NFT_USERDATA_MAXLEN)
	// encoding counts changes of what the same text is turned into, so that a new release loads its rules anew.
	encoding = 1
)

// identity is what a rule is recognised by: its text, or where that is too long its beginning and a hash of all.
func identity(r kstate.NftRule) string {
	s := r.String()
	if len(s) < udataMax {
		return s
	}
	sum := fnv.New128a()
	sum.Write([]byte(s))
	hash := fmt.Sprintf(" … #%x", sum.Sum(nil))
	return s[:udataMax-1-len(hash)] + hash
}

func userdataOf(id string) []byte {
	b := []byte{udataIdentity, byte(len(id) + 1), encoding}
	return append(b, id...)
}

func identityOf(userdata []byte) (string, bool) {
	for len(userdata) >= 2 {
		typ, n := userdata[0], int(userdata[1])
		if len(userdata) < 2+n {
			return "", false
		}
		if v := userdata[2 : 2+n]; typ == udataIdentity && n > 0 && v[0] == encoding {
			return string(v[1:]), true
		}
		userdata = userdata[2+n:]
	}
	return "", false
}

package mtu

import (
	"strconv"
	"strings"
)

// Cipher is what an ESP transform adds to a packet (RFC 4303), in bytes.
type Cipher struct {
	IV    int // initialisation vector in front of the payload
	Align int // the payload with its trailer of 2 bytes is padded to a multiple of this
	ICV   int // integrity check value at the end
}

// Widest is taken where nothing is known: no proposal that this package knows needs more room.
var widest = Cipher{IV: 16, Align: 16, ICV: 32}

// CipherOf returns what a proposal adds. It takes the words of swanctl.conf ("aes128gcm16-x25519", "aes256-sha256") and those of an
// installed SA ("AES_GCM_16-128", "AES_CBC-256-HMAC_SHA2_256_128"). A word that it does not know makes ok false, and the result is an
// upper bound.
func CipherOf(proposal string) (c Cipher, ok bool) {
	var enc, auth Cipher
	words := strings.FieldsFunc(strings.ToLower(proposal), func(r rune) bool { return r == '-' || r == '/' || r == ' ' })
	for _, w := range words {
		if e, known := encryption(w); known {
			enc = e
		} else if icv, known := integrity(w); known {
			auth.ICV = icv
		}
	}
	switch {
	case enc.Align == 0:
		return widest, false
	case enc.ICV == 0 && auth.ICV == 0:
		enc.ICV = widest.ICV
		return enc, false
	case enc.ICV == 0:
		enc.ICV = auth.ICV
	}
	return enc, true
}

// Largest returns the cipher that leaves the least room, over the proposals that may be chosen; of none the upper bound.
func Largest(proposals []string) Cipher {
	var worst Cipher
	for _, p := range proposals {
		if c, _ := CipherOf(p); c.IV+c.ICV+c.Align > worst.IV+worst.ICV+worst.Align {
			worst = c
		}
	}
	if worst.Align == 0 {
		return widest
	}
	return worst
}

// encryption knows the ciphers. An AEAD has its check value in it.
func encryption(word string) (Cipher, bool) {
	word = strings.ReplaceAll(word, "_", "")
	switch {
	case strings.HasPrefix(word, "chacha20poly1305"):
		return Cipher{IV: 8, Align: 4, ICV: 16}, true // RFC 7634
	case strings.HasPrefix(word, "null"):
		return Cipher{Align: 4}, true // RFC 2410
	case strings.HasPrefix(word, "3des"):
		return Cipher{IV: 8, Align: 8}, true // RFC 2451
	}
	for _, family := range []string{"aes", "camellia"} {
		rest, is := strings.CutPrefix(word, family)
		if !is {
			continue
		}
		rest = strings.TrimLeft(rest, "0123456789")
		switch {
		case strings.HasPrefix(rest, "gcm"), strings.HasPrefix(rest, "ccm"):
			return Cipher{IV: 8, Align: 4, ICV: tag(rest[3:])}, true // RFC 4106, RFC 4309
		case rest == "gmac":
			return Cipher{IV: 8, Align: 4, ICV: 16}, true // RFC 4543
		case rest == "ctr":
			return Cipher{IV: 8, Align: 4}, true // RFC 3686
		case rest == "", rest == "cbc":
			return Cipher{IV: 16, Align: 16}, true // RFC 3602
		}
	}
	return Cipher{}, false
}

// tag reads the length of an AEAD's check value: 8, 12 or 16 bytes, or as bits. Without one it is 16.
func tag(text string) int {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 16
	case n >= 64:
		return n / 8
	}
	return n
}

// integrity knows the lengths to which check values are cut (RFC 2404, RFC 4868, RFC 3566, RFC 4494).
func integrity(word string) (int, bool) {
	word, _ = strings.CutPrefix(strings.ReplaceAll(word, "_", ""), "hmac")
	switch word {
	case "sha", "sha1", "md5", "sha196", "md596", "aesxcbc", "aescmac", "xcbc", "aesxcbc96", "aescmac96", "sha225696", "sha25696":
		return 12, true
	case "sha1160":
		return 20, true
	case "md5128":
		return 16, true
	case "sha256", "sha2256", "sha2256128":
		return 16, true
	case "sha384", "sha2384", "sha2384192":
		return 24, true
	case "sha512", "sha2512", "sha2512256":
		return 32, true
	}
	return 0, false
}

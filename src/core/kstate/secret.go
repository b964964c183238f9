package kstate

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Errors of ParseSecret. They never contain the secret.
var (
	errSecretEmpty  = errors.New("the key is empty")
	errSecretHex    = errors.New("after 0x only hexadecimal digits can follow")
	errSecretBase64 = errors.New("after 0s only base64 can follow")
)

// ParseSecret reads a shared key as swanctl.conf(5) has it: "0x" is followed by hexadecimal digits (colons between them are allowed, an odd
// number is one short of a leading zero), "0s" by base64 (its padding may be missing), anything else is the key itself.
func ParseSecret(text string) (Secret, error) {
	prefix := ""
	if len(text) >= 2 {
		prefix = strings.ToLower(text[:2])
	}
	var key []byte
	var err error
	switch prefix {
	case "0x":
		digits := strings.ReplaceAll(text[2:], ":", "")
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		if key, err = hex.DecodeString(digits); err != nil {
			return nil, errSecretHex
		}
	case "0s":
		if key, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text[2:], "=")); err != nil {
			return nil, errSecretBase64
		}
	default:
		key = []byte(text)
	}
	if len(key) == 0 {
		return nil, errSecretEmpty
	}
	return key, nil
}

// Text writes the secret as ParseSecret reads it: plain where letters, digits and -_.+/@ suffice, hexadecimal otherwise. It is for files
// that nobody else may read, and the only way to see a secret.
func (s Secret) Text() string {
	plain := true
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		plain = plain && (letter || strings.IndexByte("-_.+/@", c) >= 0)
	}
	if lower := strings.ToLower(string(s)); plain && !strings.HasPrefix(lower, "0x") && !strings.HasPrefix(lower, "0s") {
		return string(s)
	}
	return "0x" + hex.EncodeToString(s)
}

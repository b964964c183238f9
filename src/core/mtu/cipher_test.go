package mtu

import "testing"

func TestCipherOf(t *testing.T) {
	for text, want := range map[string]Cipher{
		"aes128gcm16":                     {8, 4, 16},
		"aes256gcm16-x25519":              {8, 4, 16},
		"aes128gcm12-esn":                 {8, 4, 12},
		"aes128gcm8":                      {8, 4, 8},
		"aes128gcm64":                     {8, 4, 8},
		"aes192gcm128-modp2048":           {8, 4, 16},
		"aes256ccm96":                     {8, 4, 12},
		"chacha20poly1305-curve25519":     {8, 4, 16},
		"aes128gmac":                      {8, 4, 16},
		"aes256-sha256-modp2048":          {16, 16, 16},
		"aes256-sha384":                   {16, 16, 24},
		"aes256-sha512-x25519":            {16, 16, 32},
		"aes128-sha1":                     {16, 16, 12},
		"aes128ctr-sha256":                {8, 4, 16},
		"3des-md5":                        {8, 8, 12},
		"null-sha256":                     {0, 4, 16},
		"camellia256-aesxcbc":             {16, 16, 12},
		"AES_GCM_16-128":                  {8, 4, 16},
		"AES_GCM_16-256/ECP_256":          {8, 4, 16},
		"AES_CBC-256-HMAC_SHA2_256_128":   {16, 16, 16},
		"AES_CBC-128/HMAC_SHA2_512_256":   {16, 16, 32},
		"AES_CBC-128/HMAC_SHA1_96/NO_EXT": {16, 16, 12},
		"3DES_CBC/HMAC_MD5_96":            {8, 8, 12},
		"CHACHA20_POLY1305":               {8, 4, 16},
	} {
		if got, ok := CipherOf(text); got != want || !ok {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for text, want := range map[string]Cipher{
		"":              {16, 16, 32},
		"rot13-sha256":  {16, 16, 32},
		"aes128":        {16, 16, 32},
		"twofish128":    {16, 16, 32},
		"aes128ctr-foo": {8, 4, 32},
	} {
		if got, ok := CipherOf(text); got != want || ok {
			t.Errorf("%q: %+v, %v", text, got, ok)
		}
	}
}

func TestLargest(t *testing.T) {
	if got := Largest([]string{"aes128gcm16", "aes256-sha256", "aes128gcm8"}); got != (Cipher{16, 16, 16}) {
		t.Errorf("%+v", got)
	}
	if got := Largest(nil); got != widest {
		t.Errorf("of none %+v", got)
	}
}

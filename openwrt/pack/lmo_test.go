package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLMO: the compiled texts are byte by byte those of LuCI's own po2lmo (testdata/small.lmo).
func TestLMO(t *testing.T) {
	po, err := os.ReadFile("testdata/small.po")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/small.lmo")
	if err != nil {
		t.Fatal(err)
	}
	got, err := lmo(po)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v; got\n%q\nwant\n%q", err, got, want)
	}
}

// TestLMORefuses names the line of what is no .po file.
func TestLMORefuses(t *testing.T) {
	for text, want := range map[string]string{
		"msgid \"a\nmsgstr \"b\"": "line 1: want a text in quotation marks",
		"msgstr \"b\"":            "line 1: \"msgstr\" before the first msgid",
		"msgid \"a\"\nmsgid_plural \"b\"\nmsgstr[1] \"c\"": "line 3: msgstr[1]: want form 0",
		"msgid \"a\"\nmsgnot \"c\"":                        "line 2: \"msgnot\" is not known",
	} {
		if _, err := lmo([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestGerman: the translation of the page has a package, with all its texts where LuCI looks for them.
func TestGerman(t *testing.T) {
	_, _, outer := entries(t, read(t, filepath.Join(packed(t), "luci-i18n-multiwan-de_1.2.3-r1_all.ipk")))
	_, _, data := entries(t, []byte(outer["./data.tar.gz"]))
	texts := data["./usr/lib/lua/luci/i18n/multiwan.de.lmo"]
	at := len(texts) - 4
	if at < 0 {
		t.Fatalf("no texts among %d files", len(data))
	}
	if entries := (at - int(binary.BigEndian.Uint32([]byte(texts[at:])))) / 16; entries < 300 {
		t.Errorf("%d texts", entries)
	}
	if !strings.Contains(data["./etc/uci-defaults/luci-i18n-multiwan-de"], "luci.languages.de=") {
		t.Error("LuCI is not told of the language")
	}
}

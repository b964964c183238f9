package probe

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsReply is an answer with the records, its names compressed.
func dnsReply(t *testing.T, code dnsmessage.RCode, records ...dnsmessage.ResourceBody) []byte {
	t.Helper()
	name := dnsmessage.MustNewName("www.example.net.")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true, RCode: code},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	for _, r := range records {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: r})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestQuestion(t *testing.T) {
	for _, name := range []string{"example.net", "example.net.", strings.Repeat("a", 63) + ".b"} {
		got, err := question(0x1234, name, dnsTypeAAAA)
		if err != nil {
			t.Fatal(err)
		}
		want, err := (&dnsmessage.Message{Header: dnsmessage.Header{ID: 0x1234, RecursionDesired: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(absolute(name)), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}}}).Pack()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
	for _, name := range []string{"", ".", "a..b", strings.Repeat("a", 64), strings.Repeat("abc.", 64)} {
		if _, err := question(1, name, dnsTypeA); err == nil {
			t.Errorf("%q: taken", name)
		}
	}
}

func TestAddressOfAnswer(t *testing.T) {
	alias := &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("other.example.net.")}
	four := &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}
	six := &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()}
	for _, tc := range []struct {
		b    []byte
		want string
	}{
		{dnsReply(t, 0, four), "192.0.2.1"},
		{dnsReply(t, 0, alias, six, four), "2001:db8::1"},
		{dnsReply(t, 0, alias), "no address in the answer (code 0)"},
		{dnsReply(t, dnsmessage.RCodeNameError), "no address in the answer (code 3)"},
	} {
		if id, name, ok := answered(tc.b); !ok || id != 7 || name != "www.example.net." {
			t.Errorf("answer %d to %q, %v", id, name, ok)
		}
		a, err := address(tc.b)
		if got := a.String(); got != tc.want && (err == nil || err.Error() != tc.want) {
			t.Errorf("%s (%v), want %s", got, err, tc.want)
		}
		for n := range tc.b {
			answered(tc.b[:n]) // no end of bytes may panic
			if _, err := address(tc.b[:n]); err == nil && n < len(tc.b)-16 {
				t.Errorf("an address in the first %d of %d bytes", n, len(tc.b))
			}
		}
	}
	query, err := question(7, "www.example.net", dnsTypeA)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := answered(query); ok {
		t.Error("a question was taken for an answer")
	}
}

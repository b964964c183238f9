package probe_test

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/tests/lab"
)

// sendFrames writes whole Ethernet frames to a device.
func sendFrames(t *testing.T, h *lab.Host, device string, frames ...[]byte) {
	t.Helper()
	h.Do(func() {
		ifi, err := net.InterfaceByName(device)
		if err != nil {
			t.Error(err)
			return
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: ifi.Index}); err != nil {
				t.Error(err)
			}
		}
	})
}

// A responder answers messages of its level to the group or to its own address, whatever TLVs they have, and nothing else.
func TestResponderAnswers(t *testing.T) {
	lab.Need(t, lab.Netns)
	l := lab.New(t)
	near, far := l.Host("near"), l.Host("far")
	l.Link(near, "pw", "", far, "pw", "")
	near.SetMAC("pw", "02:00:00:00:00:01")
	far.SetMAC("pw", "02:00:00:00:00:02")
	child := start(t, far)
	answers := near.Capture("pw", cfm)
	frame := func(to, head, id, rest string) []byte {
		b, err := hex.DecodeString(to + "020000000001" + head + "000000" + id + rest)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const group, own, other, ask = "0180c2000030", "020000000002", "020000000003", "890200030004"
	child.order(order{Do: "respond", Device: "pw"})
	if !lab.Wait(5*time.Second, func() bool { sendFrames(t, near, "pw", frame(group, ask, "00", "00")); return answers.Count() > 0 }) {
		t.Fatal("no answer")
	}
	sendFrames(t, near, "pw",
		frame(group, "81000007"+ask, "01", "00"),        // in a VLAN, a tag like any customer's
		frame(other, ask, "02", "00"),                   // to another device
		frame(group, "8902e0030004", "03", "00"),        // of a customer's level
		frame(group, "890200020004", "04", "00"),        // a reply
		frame(group, "890200010004", "05", "00"),        // a continuity check
		frame(group, ask, "06", "030100ff"),             // with a TLV that ends outside
		frame(own, ask, "07", "01000100030002beef00"),   // sender id and data TLV
		frame(group, "89021f03a504", "08", "030000"),    // of a later version, with flags
		append(frame(group, ask, "09", "00"), "pad"...)) // padded
	if !lab.Wait(5*time.Second, func() bool { f := answers.Frames(); return f[len(f)-1].Payload[7] == 9 }) {
		t.Fatal("the last message was not answered")
	}
	var got []string
	for _, f := range answers.Stop() {
		if s := hex.EncodeToString(f.Payload); f.Payload[7] != 0 && f.MAC.String() == "02:00:00:00:00:02" {
			got = append(got, s)
		}
	}
	want := "000200040000000701000100030002beef00 1f02a50400000008030000 000200040000000900706164"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("answers %s, want %s", s, want)
	}
}

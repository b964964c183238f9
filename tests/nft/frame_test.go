package nft_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/tests/lab"
)

// port is a packet socket on a device: one end of a link whose other end is a port of a bridge.
type port struct {
	t     *testing.T
	fd    int
	index int
}

// links makes veth pairs lan-a and l2-b in the test's namespace, and gives sockets on a and b.
func links(t *testing.T, script string) (a, b port) {
	t.Helper()
	lab.Need(t, lab.Netns, lab.Bridge, lab.BridgeNft)
	// Without IPv6 of their own, the hosts' ends send nothing by themselves.
	script = `ip link add lan type veth peer name a && ip link add l2 type veth peer name b && ip link set dev a up && ip link set dev b up && ip link set dev lan up && ip link set dev l2 up && ` + script
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The kernel notices carriers a moment later, and then lets a port forward.
	for _, dev := range []string{"a", "b", "lan", "l2"} {
		var out []byte
		if !lab.Wait(5*time.Second, func() bool {
			out, _ = exec.Command("ip", "-d", "-o", "link", "show", "dev", dev).Output()
			return strings.Contains(string(out), " state UP ") && (!strings.Contains(string(out), "bridge_slave") || strings.Contains(string(out), " state forwarding"))
		}) {
			t.Fatalf("device %s does not come up: %s", dev, out)
		}
	}
	return open(t, "a"), open(t, "b")
}

const twoPorts = "ip link add br0 type bridge && ip link set dev lan master br0 && ip link set dev l2 master br0 && ip link set dev br0 up"

func open(t *testing.T, dev string) port {
	t.Helper()
	ifi, err := net.InterfaceByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff})
	for _, err := range []error{
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return port{t, fd, ifi.Index}
}

func (p port) send(frame []byte) {
	p.t.Helper()
	if err := unix.Sendto(p.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.index}); err != nil {
		p.t.Fatal(err)
	}
}

// receive gives the next frame from mac, its 802.1Q tag where it has one back in its place. Nothing comes within the limit: nil.
func (p port) receive(mac net.HardwareAddr, limit time.Duration) []byte {
	p.t.Helper()
	buf, oob := make([]byte, 2048), make([]byte, 256)
	for end := time.Now().Add(limit); time.Now().Before(end); {
		n, oobn, _, from, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil {
			p.t.Fatal(err)
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if !ok || ll.Pkttype == unix.PACKET_OUTGOING || n < 14 || string(buf[6:12]) != string(mac) {
			continue
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(msgs) != 1 || len(msgs[0].Data) < 20 {
			p.t.Fatalf("auxiliary data %v, %v", msgs, err)
		}
		aux := msgs[0].Data // struct tpacket_auxdata, linux/if_packet.h
		if binary.NativeEndian.Uint32(aux)&unix.TP_STATUS_VLAN_VALID == 0 {
			return append([]byte(nil), buf[:n]...)
		}
		return tagged(binary.NativeEndian.Uint16(aux[16:]), buf[:n])
	}
	return nil
}

// tagged puts an 802.1Q tag into a frame.
func tagged(vlan uint16, frame []byte) []byte {
	b := append([]byte(nil), frame[:12]...)
	b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), vlan)
	return append(b, frame[12:]...)
}

// ether puts an Ethernet header before a packet.
func ether(dst, src net.HardwareAddr, proto uint16, packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(append([]byte(nil), dst...), src...), proto), packet...)
}

// opening is a frame with a TCP segment that has the flags and offers an MSS.
func opening(dst, src net.HardwareAddr, from, to netip.AddrPort, flags byte, mss uint16) []byte {
	tcp := make([]byte, 24)
	binary.BigEndian.PutUint16(tcp, from.Port())
	binary.BigEndian.PutUint16(tcp[2:], to.Port())
	tcp[12], tcp[13], tcp[14] = 6<<4, flags, 0xff
	tcp[20], tcp[21] = 2, 4
	binary.BigEndian.PutUint16(tcp[22:], mss)
	pseudo := append(append([]byte(nil), from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	pseudo = append(pseudo, 0, 0, 0, 24, 0, 0, 0, 6)
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
	if from.Addr().Is6() {
		ip := append([]byte{6 << 4, 0, 0, 0, 0, 24, 6, 64}, append(from.Addr().AsSlice(), to.Addr().AsSlice()...)...)
		return ether(dst, src, 0x86dd, append(ip, tcp...))
	}
	ip := append([]byte{0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 6, 0, 0}, append(from.Addr().AsSlice(), to.Addr().AsSlice()...)...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return ether(dst, src, 0x0800, append(ip, tcp...))
}

// offered is the MSS in a frame of opening's, and whether its checksum is right.
func offered(frame []byte) (mss uint16, right bool) {
	ip := frame[14:]
	if binary.BigEndian.Uint16(frame[12:]) == 0x8100 {
		ip = frame[18:]
	}
	head, addrs := 20, ip[12:20]
	if ip[0]>>4 == 6 {
		head, addrs = 40, ip[8:40]
	}
	tcp := ip[head : head+24]
	pseudo := append(append([]byte(nil), addrs...), 0, 0, 0, 24, 0, 0, 0, 6)
	return binary.BigEndian.Uint16(tcp[22:]), checksum(append(pseudo, tcp...)) == 0
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

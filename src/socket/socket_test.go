package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUnixStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Dial(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening twice: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(c, c) // until the other end closes
			c.Close()
		}
		done <- err
	}()
	// The package net is the second opinion.
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "ping")
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
		t.Errorf("%q %v", b, err)
	}
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { _, err := l.Accept(); done <- err }()
	time.AfterFunc(time.Millisecond, func() { l.Close() })
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("accept on a closed listener: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

func TestUnixPackets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := DialPackets(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Nobody reads: when the queue is full, the deadline ends the wait.
	for err == nil {
		c.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
		_, err = io.WriteString(c, "line")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	b := make([]byte, 16)
	if n, err := l.Read(b); string(b[:n]) != "line" {
		t.Errorf("%q %v", b[:n], err)
	}
}

// loopback is an address of this host.
func loopback(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	connect := func() (*Conn, error) {
		c, err := Open(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		return c, c.Connect(loopback(port))
	}
	for range 50 { // connecting takes the one path or the other
		c, err := connect()
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(far, "hello")
		far.Close()
		if b, err := io.ReadAll(c); string(b) != "hello" {
			t.Fatalf("%q %v", b, err)
		}
		c.Close()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
		if err := c.Control(func(int) error { return nil }); !errors.Is(err, os.ErrClosed) {
			t.Errorf("control after Close: %v", err)
		}
	}
	l.Close()
	c, err := connect()
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
	c.Close()
}

func TestPackets(t *testing.T) {
	l, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Open(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Bind(loopback(0)); err != nil {
		t.Fatal(err)
	}
	port := l.LocalAddr().(*net.UDPAddr).Port
	if err := c.Send([]byte("ask"), nil, loopback(port)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, from, err := l.ReadFromUDP(b)
	if string(b[:n]) != "ask" {
		t.Fatalf("%q %v", b[:n], err)
	}
	l.WriteToUDP([]byte("answer"), from)
	n, _, sa, err := c.Receive(b, nil)
	if a, ok := sa.(*unix.SockaddrInet4); string(b[:n]) != "answer" || !ok || a.Port != port {
		t.Errorf("%q from %v: %v", b[:n], sa, err)
	}
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, _, _, err := c.Receive(b, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	done := make(chan error, 1)
	c.SetReadDeadline(time.Time{})
	go func() { _, _, _, err := c.Receive(b, nil); done <- err }()
	c.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed meanwhile: %v", err)
	}
}

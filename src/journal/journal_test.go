package journal

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

func TestLines(t *testing.T) {
	var b bytes.Buffer
	l := New(&b)
	l.SetLevel(Level("debug"))
	l.WithFields(logrus.Fields{"wan": "wanb", "family": "ipv4"}).Info("down: 10 probes lost")
	l.Debug("pass")
	l.Trace("probe")
	l.WithError(errors.New("no such device")).Warn("probe")
	want := `level=notice msg="down: 10 probes lost" family=ipv4 wan=wanb
level=info msg=pass
level=debug msg=probe
level=warn msg=probe error="no such device"
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

func TestLongLinesAreCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 1000), strings.Repeat("ä", 1000)} {
		var b bytes.Buffer
		New(&b).Error(text)
		if line := strings.TrimSuffix(b.String(), "\n"); len(line) > lineLimit || len(line) < lineLimit-3 || !strings.HasSuffix(line, "…") || !strings.HasPrefix(line, "level=error msg=") {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
}

func TestLevels(t *testing.T) {
	var b bytes.Buffer
	l := New(&b)
	for _, word := range []string{"error", "warn", "notice", "info", "debug"} {
		l.SetLevel(Level(word))
		b.Reset()
		l.Error(1)
		l.Warn(2)
		l.Info(3)
		l.Debug(4)
		l.Trace(5)
		want := map[string]int{"error": 1, "warn": 2, "notice": 3, "info": 4, "debug": 5}[word]
		if got := strings.Count(b.String(), "\n"); got != want {
			t.Errorf("log_level %s writes %d of 5 lines, want %d", word, got, want)
		}
	}
}

func TestSyslogKeepsLevelsAndSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listen := func() *net.UnixConn {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	read := func(c *net.UnixConn) string {
		buf := make([]byte, 1000)
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	var stderr bytes.Buffer
	l := New(&stderr)
	var otherwise bytes.Buffer
	l.AddHook(&syslogHook{path: path, tag: "multiwan[7]", otherwise: &otherwise})
	l.Info("nobody listens")
	log := listen()
	l.WithField("wan", "wan").Info("up")
	if got := read(log); !regexp.MustCompile(`^<29>\w{3} [ \d]\d \d\d:\d\d:\d\d multiwan\[7\]: msg=up wan=wan$`).MatchString(got) {
		t.Errorf("notice: %q", got)
	}
	log.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log = listen()
	defer log.Close()
	l.Warn("x")
	if got := read(log); !strings.HasPrefix(got, "<28>") {
		t.Errorf("warning after a restart of the log daemon: %q", got)
	}
	if n := strings.Count(stderr.String(), "\n"); n != 3 {
		t.Errorf("standard error has %d lines, want 3: %s", n, &stderr)
	}
	if got := otherwise.String(); got != "level=notice msg=\"nobody listens\"\n" {
		t.Errorf("written beside the socket: %q, want the one line that it did not take", got)
	}
}

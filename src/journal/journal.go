package journal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"multiwan/src/socket"
)

// lineLimit is the longest line, in bytes without its end: logd and small flash hold many of them.
const lineLimit = 199

// levels maps logrus' levels to the configuration's words and syslog's numbers (RFC 5424, 6.2.1).
var levels = map[logrus.Level]struct {
	word     string
	severity int
}{
	logrus.ErrorLevel: {"error", 3},
	logrus.WarnLevel:  {"warn", 4},
	logrus.InfoLevel:  {"notice", 5},
	logrus.DebugLevel: {"info", 6},
	logrus.TraceLevel: {"debug", 7},
}

// Level returns logrus' level for a word of the configuration; notice where it is none.
func Level(word string) logrus.Level {
	for l, v := range levels {
		if v.word == word {
			return l
		}
	}
	return logrus.InfoLevel
}

// New returns a logger that writes to w at level notice.
func New(w io.Writer) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(w)
	l.SetLevel(logrus.InfoLevel)
	l.SetFormatter(&formatter{text: logrus.TextFormatter{DisableTimestamp: true, DisableColors: true}})
	return l
}

// Open returns the logger of the daemon: to standard error, and to the system's log socket where there is one; to that alone if asked, and under
// systemd, which reads both.
func Open(alone bool) *logrus.Logger {
	l := New(os.Stderr)
	if _, err := os.Stat(socketPath); err == nil {
		hook := &syslogHook{path: socketPath, tag: fmt.Sprintf("multiwan[%d]", os.Getpid()), otherwise: io.Discard}
		l.AddHook(hook)
		if alone || os.Getenv("JOURNAL_STREAM") != "" {
			l.SetOutput(io.Discard)
			hook.otherwise = os.Stderr
		}
	}
	return l
}

// formatter is logrus' text with our words for levels and without long lines.
type formatter struct{ text logrus.TextFormatter }

func (f *formatter) Format(e *logrus.Entry) ([]byte, error) {
	b, err := f.text.Format(e)
	if err != nil {
		return nil, err
	}
	if rest, ok := bytes.CutPrefix(b, []byte("level="+e.Level.String()+" ")); ok {
		b = append([]byte("level="+levels[e.Level].word+" "), rest...)
	}
	return append(clip(bytes.TrimSuffix(b, []byte("\n"))), '\n'), nil
}

// clip shortens a line to lineLimit bytes, at a border of characters.
func clip(b []byte) []byte {
	if len(b) <= lineLimit {
		return b
	}
	return append(bytes.ToValidUTF8(b[:lineLimit-len("…")], nil), "…"...)
}

const (
	socketPath = "/dev/log"
	facility   = 3 // daemon
	// patience bounds the wait for a log daemon that does not read: the line is lost then, never the loop's time.
	patience = 50 * time.Millisecond
)

// syslogHook writes entries to a log socket in the form of RFC 3164, as syslog(3) does.
type syslogHook struct {
	path, tag string
	otherwise io.Writer // for lines that the socket did not take

	mu   sync.Mutex
	conn *socket.Conn
}

// Levels says that the hook takes all.
func (h *syslogHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire writes one entry; a connection that broke, as when the log daemon was restarted, is made again once.
func (h *syslogHook) Fire(e *logrus.Entry) error {
	var fields strings.Builder
	text, err := (&formatter{text: logrus.TextFormatter{DisableTimestamp: true, DisableColors: true}}).Format(e)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ") // the level is in the number
	fmt.Fprintf(&fields, "<%d>%s %s: %s", facility<<3|levels[e.Level].severity, e.Time.Format(time.Stamp), h.tag, rest)
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 2 {
		if h.conn == nil {
			if h.conn, err = socket.DialPackets(h.path); err != nil {
				h.conn = nil
				break
			}
		}
		_ = h.conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(h.conn, fields.String()); err == nil {
			return nil
		}
		h.conn.Close()
		h.conn = nil
	}
	_, err = h.otherwise.Write(text)
	return err
}

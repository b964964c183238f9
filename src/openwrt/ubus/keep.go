package ubus

import (
	"context"
	"time"
)

const (
	retryFirst = 250 * time.Millisecond // ubusd restarts in less
	retryMost  = 10 * time.Second
	beginTime  = 10 * time.Second // for ubusd to answer what begin asks
	lasting    = time.Minute      // a connection that lasted so long is worth a quick retry
)

// Keep holds a connection until ctx ends, and makes another when it breaks: dial makes one, begin publishes and subscribes on it, for ten seconds at most. Pauses
// between tries grow to ten seconds. fault is told why there is none, and nil once there is one that has begun.
func Keep(ctx context.Context, dial func() (*Conn, error), begin func(context.Context, *Conn) error, fault func(error)) {
	pause := retryFirst
	for {
		since := time.Now()
		err := hold(ctx, dial, begin, fault)
		if ctx.Err() != nil {
			return
		}
		fault(err)
		if time.Since(since) >= lasting {
			pause = retryFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// hold keeps one connection while it lasts.
func hold(ctx context.Context, dial func() (*Conn, error), begin func(context.Context, *Conn) error, fault func(error)) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	limited, stop := context.WithTimeout(ctx, beginTime)
	err = begin(limited, c)
	stop()
	if err != nil {
		return err
	}
	fault(nil)
	select {
	case <-ctx.Done():
		return nil
	case <-c.Done():
		return c.Err()
	}
}

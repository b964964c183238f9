package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"multiwan/src/control"
	"multiwan/src/core/diff"
	"multiwan/src/core/order"
	"multiwan/src/hook"
	"multiwan/src/journal"
	"multiwan/src/openwrt/netifd"
	"multiwan/src/reconcile"
	"multiwan/src/socket"
)

// Options are those of `multiwan run`.
type Options struct {
	_ order.Incomparable

	Config  string // path of the configuration file
	Socket  string // path of the control socket; the state file lies beside it
	VICI    string // path of charon's control socket
	Swanctl string // path of the file that swanctl is to read besides, empty: none
	UBus    string // "auto": where there is a ubusd, "off" or empty: never, else the path of its socket
	Version string
	Log     *logrus.Logger
}

// statePath returns the path of the state file: daemons with different sockets, in different network namespaces, keep apart.
func statePath(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".state" }

// task is one part of the daemon. It works until its context ends; an error ends the daemon.
type task struct {
	name string
	run  func(context.Context) error
}

// daemon is what the tasks share.
type daemon struct {
	opt      Options
	log      *logrus.Logger
	started  time.Time
	kernel   *kernel
	loop     *reconcile.Loop
	hooks    *hook.Runner
	file     *file
	record   *record
	lines    *lines
	ike      *ike
	answers  *answers
	names    *names
	paths    *paths
	tender   *tender
	forced   forced
	bus      *bus
	netifd   *netifd.Source
	arrivals *arrivals
	swanctl  *swanctlFile
	series   *series
	raised   *raised
	firewall *firewall
}

// Run is the daemon. It returns nil after ctx ended (everything stays in place, for the next start) and after `multiwan stop`.
func Run(ctx context.Context, o Options) error {
	k, err := openKernel()
	if err != nil {
		return err
	}
	defer k.close()
	listener, err := control.Listen(o.Socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	d := &daemon{opt: o, log: o.Log, started: time.Now(), kernel: k, record: newRecord(o.Log), series: newSeries()}
	d.file = &file{path: o.Config}
	d.hooks = hook.New("", func(m string) { o.Log.Warn(m) })
	d.lines = newLines(d)
	d.answers = newAnswers()
	d.netifd = newNetifd(d)
	d.raised = newRaised(d)
	d.file.extend = d.raised.extend
	d.firewall = &firewall{stands: k.nft.Firewall}
	ports := k.ports(statePath(o.Socket), d.netifd, d.firewall)
	d.ike = newIKE(o.VICI, func() { d.loop.Kick("security associations") })
	d.record.sites.conns, d.record.sites.hook = d.ike.Status, d.hooks.Send
	ports.IKE = d.ike
	ports.Hook = d.hook
	ports.Publish = d.publish
	ports.Refused = d.refuse
	ports.Apart = d.lines.apart
	d.loop = reconcile.New(ports)
	d.names, d.paths = newNames(d), newPaths(d)
	d.tender, d.arrivals = newTender(d), newArrivals(d)
	d.bus = newBus(d)
	d.swanctl = &swanctlFile{path: o.Swanctl, fault: d.record.fault}
	if path, wanted := o.wanted(); wanted {
		look(ctx, d.netifd, path)
	}
	d.boot()
	return d.serve(ctx, listener)
}

// serve runs the tasks.
func (d *daemon) serve(ctx context.Context, listener *socket.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range []task{
		{"loop", d.loop.Run},
		{"kernel events", d.watchRouting},
		{"nftables events", d.watchNetfilter},
		{"xfrm events", d.watchPolicies},
		{"lines", d.lines.run},
		{"ike", d.ike.run},
		{"loopback answers", d.answers.run},
		{"names", d.names.run},
		{"path MTU", d.paths.run},
		{"far ends", d.tender.run},
		{"copies", d.arrivals.run},
		{"record", d.record.run},
		{"series", d.sample},
		{"raised", d.raised.run},
		{"watchdog", d.lines.watchdog},
		{"hooks", d.hooks.Run},
		{"hang-up signal", d.reloadOnHangup},
		{"ubus", d.bus.run},
		{"control socket", func(ctx context.Context) error { return control.NewServer(d.methods()).Serve(ctx, listener) }},
	} {
		group.Go(func() error {
			err := t.run(ctx)
			if err != nil && !errors.Is(err, reconcile.ErrStopped) {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return err
		})
	}
	err := group.Wait()
	switch {
	case errors.Is(err, reconcile.ErrStopped):
		d.swanctl.write("")
		d.log.Info("stopped, everything of ours was removed")
		return nil
	case err == nil:
		d.log.Info("ended, everything stays in place")
	}
	return err
}

// boot puts the valid sections of the configuration in force.
func (d *daemon) boot() {
	d.log.WithField("version", d.opt.Version).Info("start")
	c, found := d.file.load(true)
	d.complain(found)
	d.apply(c)
}

// reloadOnHangup reads the configuration again on SIGHUP.
func (d *daemon) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			d.reload()
		}
	}
}

// publish notes the outcome of a pass and has the probers follow it.
func (d *daemon) publish(s reconcile.Snapshot) {
	d.record.pass(s)
	d.lines.offer(s)
	d.answers.offer(s)
	d.names.offer(s)
	d.paths.offer(s)
	d.tender.offer(s)
	d.arrivals.offer(s)
	d.swanctl.follow(s)
	d.raised.wake()
	d.bus.wake()
}

// hook hands an event on to the user's programs.
func (d *daemon) hook(h diff.Hook) {
	e := hook.Event{Type: hook.Interface, Action: h.Action, Interface: h.Interface, Device: h.Device, Policy: h.Policy, Reason: h.Reason}
	if h.Gateway.IsValid() {
		e.Gateway = h.Gateway.String()
	}
	if h.Family != 0 {
		e.Family = h.Family.String()
	}
	d.hooks.Send(e)
}

// Clean removes what a daemon with these sockets, its own and charon's, left behind.
func Clean(ctx context.Context, socket, vici string) error {
	k, err := openKernel()
	if err != nil {
		return err
	}
	defer k.close()
	ports := k.ports(statePath(socket), nil, &firewall{})
	ports.IKE = newIKE(vici, func() {})
	return reconcile.Cleanup(ctx, ports)
}

// setLevel applies the configured level.
func (d *daemon) setLevel(word string) { d.log.SetLevel(journal.Level(word)) }

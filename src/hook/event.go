package hook

// The actions, in the words that hooks get.
const (
	Up       = "up"       // a WAN carries traffic again
	Down     = "down"     // a WAN carries no traffic any more
	Degraded = "degraded" // a WAN works badly
	Failover = "failover" // a policy left its preferred WANs
	Failback = "failback" // a policy is back on its preferred WANs
	Reload   = "reload"   // another configuration is in force
)

// Event is what a hook is told. Empty fields are passed as empty variables.
type Event struct {
	Action    string
	Interface string // the WAN, by its name in the configuration; of failover and failback the WAN now in use
	Device    string
	Gateway   string
	Policy    string // of failover and failback
	Reason    string
	Family    string // ipv4 or ipv6
}

// subject is what the event is about: a later event of the same subject says more than an earlier one.
func (e Event) subject() [3]string { return [3]string{e.Policy, e.Interface, e.Family} }

// environ returns a hook's whole environment: nothing of the daemon's own.
func (e Event) environ() []string {
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"ACTION=" + e.Action,
		"INTERFACE=" + e.Interface,
		"DEVICE=" + e.Device,
		"GATEWAY=" + e.Gateway,
		"POLICY=" + e.Policy,
		"REASON=" + e.Reason,
		"FAMILY=" + e.Family,
	}
}

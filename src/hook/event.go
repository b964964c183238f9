package hook

// The actions, in the words that hooks get.
const (
	Up       = "up"       // a WAN carries traffic again, a pseudowire or bond frames
	Down     = "down"     // it carries none any more
	Degraded = "degraded" // it works badly, of a bond a member does not
	Failover = "failover" // a policy left its preferred WANs, a bond its active member
	Failback = "failback" // a policy is back on its preferred WANs
	Reload   = "reload"   // another configuration is in force
)

// Interface is the Type of events about WANs and policies; others are named after sections of the configuration.
const Interface = "interface"

// Event is what a hook is told. Empty fields are passed as empty variables.
type Event struct {
	Action    string
	Type      string // Interface, pseudowire or bond
	Interface string // the WAN, pseudowire or bond, by its name in the configuration; of failover and failback the WAN now in use
	Device    string
	Gateway   string
	Policy    string // of failover and failback
	Reason    string
	Family    string // ipv4 or ipv6
}

// subject is what the event is about: a later event of the same subject says more than an earlier one.
func (e Event) subject() [4]string { return [4]string{e.Type, e.Policy, e.Interface, e.Family} }

// environ returns a hook's whole environment: nothing of the daemon's own.
func (e Event) environ() []string {
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"ACTION=" + e.Action,
		"TYPE=" + e.Type,
		"INTERFACE=" + e.Interface,
		"DEVICE=" + e.Device,
		"GATEWAY=" + e.Gateway,
		"POLICY=" + e.Policy,
		"REASON=" + e.Reason,
		"FAMILY=" + e.Family,
	}
}

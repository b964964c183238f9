package status

import "multiwan/src/core/order"

// Schema is the version of the document. Fields are only added within a version.
const Schema = 1

// Document is the whole status. Points in time are seconds since the epoch, spans are seconds, loss is in per cent, round-trip times are
// in milliseconds. A missing number is unknown.
type Document struct {
	Schema      int                   `json:"schema"`
	Version     string                `json:"version"`
	Running     bool                  `json:"running"`
	Time        int64                 `json:"time"`
	Started     int64                 `json:"started"`
	Steering    string                `json:"steering"`
	Config      Config                `json:"config"`
	Interfaces  map[string]Interface  `json:"interfaces"`
	Policies    map[string]Policy     `json:"policies"`
	Rules       []Rule                `json:"rules"`
	Pseudowires map[string]Pseudowire `json:"pseudowires"`
	IPsec       map[string]IPsec      `json:"ipsec"`
	Bonds       map[string]Bond       `json:"bonds"`
	Tunnels     map[string]Tunnel     `json:"tunnels"`
	Warnings    []string              `json:"warnings"`
	Notices     []Notice              `json:"notices"`
	Repairs     []Repair              `json:"repairs"`
	Counters    Counters              `json:"counters"`
	Timings     Timings               `json:"timings"`
}

// States of the configuration.
const (
	ConfigOK       = "ok"
	ConfigErrors   = "errors"    // started with errors: the valid sections run
	ConfigLastGood = "last-good" // the file has errors: the configuration before it runs
)

// Config says which configuration runs.
type Config struct {
	State    string       `json:"state"`
	File     string       `json:"file"`
	Loaded   int64        `json:"loaded"`
	Errors   []Diagnostic `json:"errors"`
	Warnings []Diagnostic `json:"warnings"`
}

// Diagnostic is one finding in the configuration file.
type Diagnostic struct {
	_ order.Incomparable

	File    string `json:"file,omitempty"`
	Line    int    `json:"line"`
	Section string `json:"section"`
	Option  string `json:"option,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
}

// Interface is one WAN. State, Since, Reason, RTT and Loss are those of its better family.
type Interface struct {
	State    string   `json:"state"`
	Since    int64    `json:"since"`
	Reason   string   `json:"reason"`
	Device   string   `json:"device"`
	Index    int      `json:"ifindex"`
	Carrier  bool     `json:"carrier"`
	MTU      int      `json:"mtu,omitempty"`
	Metric   int      `json:"metric"`
	Weight   int      `json:"weight"`
	Forced   string   `json:"forced,omitempty"`
	ForcedTo int64    `json:"forced_until,omitempty"`
	IPv4     *Side    `json:"ipv4,omitempty"`
	IPv6     *Side    `json:"ipv6,omitempty"`
	RTT      *float64 `json:"rtt_ms,omitempty"`
	Loss     *float64 `json:"loss,omitempty"`
	Probes   []Probe  `json:"probes"`
	Mark     string   `json:"mark"`
	Table    uint32   `json:"table"`
}

// Side is one family of a WAN.
type Side struct {
	_ order.Incomparable

	State   string   `json:"state"`
	Since   int64    `json:"since"`
	Reason  string   `json:"reason"`
	Address string   `json:"address"`
	Gateway string   `json:"gateway"`
	Carries bool     `json:"carries"`
	RTT     *float64 `json:"rtt_ms,omitempty"`
	Jitter  *float64 `json:"jitter_ms,omitempty"`
	Loss    *float64 `json:"loss,omitempty"`
	// LastGood is when a probe was last answered, HeldUntil the end of a hold-down after flapping.
	LastGood  int64 `json:"last_good,omitempty"`
	HeldUntil int64 `json:"held_until,omitempty"`
}

// Probe is one target of one probe of a WAN.
type Probe struct {
	_ order.Incomparable

	Name    string   `json:"name"`
	Method  string   `json:"method"`
	Family  string   `json:"family"`
	Target  string   `json:"target"`
	State   string   `json:"state"`
	RTT     *float64 `json:"rtt_ms,omitempty"`
	Jitter  *float64 `json:"jitter_ms,omitempty"`
	Loss    *float64 `json:"loss,omitempty"`
	Sent    uint64   `json:"sent"`
	Answers uint64   `json:"answers"`
	// LastGood is when the target last answered, Failure what became of the last probe that failed.
	LastGood int64  `json:"last_good,omitempty"`
	Failure  string `json:"failure,omitempty"`
}

// Policy is what carries the connections of a policy. Active and State are those of IPv4 where the policy has it, of IPv6 otherwise.
type Policy struct {
	Active  []Share        `json:"active"`
	State   string         `json:"state"`
	Members []PolicyMember `json:"members"`
	IPv4    *PolicyFamily  `json:"ipv4,omitempty"`
	IPv6    *PolicyFamily  `json:"ipv6,omitempty"`
}

// PolicyMember is a WAN of a policy, as configured.
type PolicyMember struct {
	Interface string `json:"interface"`
	Metric    int    `json:"metric"`
	Weight    int    `json:"weight"`
}

// PolicyFamily is one family of a policy.
type PolicyFamily struct {
	Active []Share `json:"active"`
	State  string  `json:"state"`
}

// Share is a WAN's part of a policy's new connections: by weight, in the smallest numbers, and in per cent.
type Share struct {
	_ order.Incomparable

	Interface string  `json:"interface"`
	Weight    int     `json:"weight"`
	Percent   float64 `json:"share"`
}

// Rule is one rule, in the order in which they are tried.
type Rule struct {
	_ order.Incomparable

	Name    string `json:"name"`
	Line    int    `json:"line"`
	Enabled bool   `json:"enabled"`
	Match   string `json:"match"`
	Policy  string `json:"policy"`
	Origin  string `json:"origin"`
	// Hits are forwarded connections; the router's own are not counted.
	Hits *uint64 `json:"hits,omitempty"`
	// Bytes are those of the first packets of these connections.
	Bytes *uint64 `json:"bytes,omitempty"`
}

// Repair is one object of ours that others changed.
type Repair struct {
	_ order.Incomparable

	Object string `json:"object"`
	Done   string `json:"done"` // the last repair, as a command
	Count  int    `json:"count"`
	Last   int64  `json:"last"`
	// RestUntil is when a fought object is repaired again at the earliest; absent: at once.
	RestUntil int64 `json:"rest_until,omitempty"`
}

// Counters count since the daemon's start.
type Counters struct {
	Passes      uint64 `json:"passes"`
	Writes      uint64 `json:"writes"`
	Failed      uint64 `json:"failed"`
	Repairs     uint64 `json:"repairs"`
	Evicted     uint64 `json:"evicted"`
	Transitions uint64 `json:"transitions"`
	Reloads     uint64 `json:"reloads"`
	Hooks       uint64 `json:"hooks"`
	// Clamped are TCP handshakes whose MSS was lowered, since the tables were made.
	Clamped uint64 `json:"clamped"`
}

// Timings are how long the loop took, in milliseconds: the last pass and its parts, and of a verdict that moved traffic the time until
// the kernel acknowledged the last change, the last one and the longest since the start.
type Timings struct {
	Pass       float64 `json:"pass_ms"`
	Observe    float64 `json:"observe_ms"`
	Plan       float64 `json:"plan_ms"`
	Apply      float64 `json:"apply_ms"`
	Effects    float64 `json:"effects_ms"`
	Switch     float64 `json:"switch_ms,omitempty"`
	SwitchMost float64 `json:"switch_most_ms,omitempty"`
}

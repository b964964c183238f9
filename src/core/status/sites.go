package status

import "multiwan/src/core/order"

// Pseudowire is one layer-2 tunnel.
type Pseudowire struct {
	// State is up, degraded, down, waiting or refused; its far end decides, where it is watched.
	State  string `json:"state"`
	Since  int64  `json:"since"`
	Reason string `json:"reason"`
	Device string `json:"device"`
	Index  int    `json:"ifindex"`
	// Interface is the WAN that carries it now, "" where the routing table chooses; Policy the configured policy.
	Interface   string `json:"interface"`
	Policy      string `json:"policy,omitempty"`
	Local       string `json:"local"`
	Remote      string `json:"remote"`
	Encap       string `json:"encap"`
	LocalPort   uint16 `json:"local_port,omitempty"`
	RemotePort  uint16 `json:"remote_port,omitempty"`
	TunnelID    uint32 `json:"tunnel_id"`
	PeerTunnel  uint32 `json:"peer_tunnel_id"`
	SessionID   uint32 `json:"session_id"`
	PeerSession uint32 `json:"peer_session_id"`
	Protected   bool   `json:"protected"`
	IPsec       string `json:"ipsec"`
	// Guard is what the kernel does with its outer packets: protected, waiting, blocked or clear, the worse of the two directions.
	Guard string `json:"guard,omitempty"`
	MTU   int    `json:"mtu"`
	MSS4  int    `json:"mss4"`
	MSS6  int    `json:"mss6"`
	How   string `json:"how"`
	// Attached is the bridge or bond that it is in, Detached why it is not.
	Attached string   `json:"attached,omitempty"`
	Detached string   `json:"detached,omitempty"`
	RTT      *float64 `json:"rtt_ms,omitempty"`
	Loss     *float64 `json:"loss,omitempty"`
	Probes   []Probe  `json:"probes"`
	Traffic  *Traffic `json:"traffic,omitempty"`
	// Redundancy is there where its packets go by several paths.
	Redundancy *Redundancy `json:"redundancy,omitempty"`
}

// Traffic is what an L2TP session has carried since it was made. Bytes are those of frames with their L2TP header.
type Traffic struct {
	RxFrames uint64 `json:"rx_frames"`
	RxBytes  uint64 `json:"rx_bytes"`
	RxErrors uint64 `json:"rx_errors"`
	// Rejected came without the cookie that this end wants to see.
	Rejected uint64 `json:"rx_rejected"`
	TxFrames uint64 `json:"tx_frames"`
	TxBytes  uint64 `json:"tx_bytes"`
	TxErrors uint64 `json:"tx_errors"`
}

// IPsec is one connection of the IKE daemon.
type IPsec struct {
	_ order.Incomparable

	// State is up, connecting, retrying, waiting, refused or absent.
	State    string `json:"state"`
	Since    int64  `json:"since"`
	Reason   string `json:"reason"`
	Cause    string `json:"cause,omitempty"` // one word of Reason, for programs
	Failures int    `json:"failures"`
	Mode     string `json:"mode"`
	Local    string `json:"local"`
	Remote   string `json:"remote"`
	LocalID  string `json:"local_id"`
	RemoteID string `json:"remote_id"`
	// Initiator says that this end set the SA up.
	Initiator   bool   `json:"initiator"`
	IKE         string `json:"ike"`
	IKEID       uint64 `json:"ike_id,omitempty"`
	IKEProposal string `json:"ike_proposal,omitempty"`
	Established int64  `json:"established,omitempty"`
	Age         int64  `json:"age,omitempty"`
	IKERekeyIn  int64  `json:"ike_rekey_in,omitempty"`
	Child       string `json:"child"`
	ChildID     uint64 `json:"child_id,omitempty"`
	ESPProposal string `json:"esp_proposal,omitempty"`
	RekeyIn     int64  `json:"rekey_in"`
	Encap       bool   `json:"encap"` // ESP is carried in UDP
	SAs         int    `json:"sas"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	PacketsIn   uint64 `json:"packets_in"`
	PacketsOut  uint64 `json:"packets_out"`
}

// Bond is one bond.
type Bond struct {
	// State is up, degraded (a member is out of use), down, waiting or refused.
	State   string `json:"state"`
	Since   int64  `json:"since"`
	Reason  string `json:"reason"`
	Device  string `json:"device"`
	Mode    string `json:"mode"`
	Monitor string `json:"monitor"`
	// Active are the members that carry, Why says how they were chosen.
	Active  []string `json:"active"`
	Why     string   `json:"why"`
	Members []Member `json:"members"`
	// Partner is who answers LACP, PartnerPorts how many members it has taken together.
	Partner      string `json:"partner,omitempty"`
	PartnerPorts int    `json:"partner_ports,omitempty"`
	MTU          int    `json:"mtu"`
	MSS4         int    `json:"mss4"`
	MSS6         int    `json:"mss6"`
	Attached     string `json:"attached,omitempty"`
	Detached     string `json:"detached,omitempty"`
}

// Member is one member of a bond.
type Member struct {
	_ order.Incomparable

	Name   string `json:"name"`
	Device string `json:"device"`
	In     bool   `json:"in"`
	// Works is the kernel's word on it, Verdict that of the probes of its far end.
	Works   bool   `json:"works"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
}

// Tunnel is one tunnel of IPv6 in IPv4.
type Tunnel struct {
	_ order.Incomparable

	State     string `json:"state"`
	Since     int64  `json:"since"`
	Reason    string `json:"reason"`
	Device    string `json:"device"`
	Interface string `json:"interface"`
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	Prefix    string `json:"prefix"`
	MTU       int    `json:"mtu"`
	How       string `json:"how"`
}

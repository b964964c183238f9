package status

import "strings"

// Notice is a warning with a code that programs can tell it by.
type Notice struct {
	Code string `json:"code"`
	// Section is the part of the configuration that it is about, as "pseudowire dc2a", where it is about one.
	Section string `json:"section,omitempty"`
	Message string `json:"message"`
}

// NoticeOther is the code of warnings that have none of their own.
const NoticeOther = "other"

// notices are the codes by what only their warnings say; the first that is found counts. docs/ubus.md explains them.
var notices = []struct{ says, code string }{
	{"is missing, on OpenWrt install", "kernel-module"},
	{"the kernel has no ", "kernel-module"},
	{"keeps changing ", "fight"},
	{"others use our numbers", "numbers-moved"},
	{"uses bits of mark_mask", "mark-collision"},
	{"hardware flow offload", "hardware-offload"},
	{"is changed while multiwan runs", "setting-changed"},
	{"more than delay_spread", "delay-spread"},
	{"get past a refusal", "refusal-leak"},
	{"snat6 prefix", "snat6-prefix"},
	{"have the same address", "same-address"},
	{"exists and is not ours", "device-taken"},
	{"tunnel id ", "tunnel-id-taken"},
	{"(charon) does not answer", "ike-absent"},
	{"is not in bridge ", "bridge-port"},
	{"larger packets", "mtu"},
	{"leaves too little room", "mtu"},
	{"its size is not known", "mtu"},
	{"no policy that protects or stops", "unprotected"},
	{"carries no copies", "redundancy"},
	{"no path carries copies", "redundancy"},
	{"behind the fastest", "redundancy"},
	{"hook ", "hook"},
	{"hooks", "hook"},
	{"resolve ", "resolve"},
	{"path MTU from ", "path-mtu"},
	{"far end of pseudowire ", "far-end"},
	{"prober of ", "prober"},
	{"watch ", "watch"},
	{"netifd: ", "netifd"},
	{"ubus: ", "ubus"},
	{"pass: ", "pass"},
	{"swanctl file: ", "swanctl"},
	{" tries)", "operation-failed"},
	{"pseudowire ", "pseudowire"},
	{"ipsec ", "ipsec"},
	{"bond ", "bond"},
	{"tunnel ", "tunnel"},
}

// NoticeOf finds the code and the section of a warning.
func NoticeOf(warning string) Notice {
	n := Notice{Code: NoticeOther, Message: warning}
	for _, x := range notices {
		if strings.Contains(warning, x.says) {
			n.Code = x.code
			break
		}
	}
	head, _, _ := strings.Cut(warning, ": ")
	switch kind, name, _ := strings.Cut(head, " "); kind {
	case "interface", "policy", "rule", KindPseudowire, KindIPsec, KindBond, KindTunnel, "mss_clamp":
		if !strings.Contains(name, " ") {
			n.Section = head
		}
	}
	return n
}

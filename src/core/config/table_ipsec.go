package config

// Proposals where the file has none: what the ends agree on is the first that both have. Each of ESP brings a new key exchange at every
// rekey (forward secrecy).
const (
	defaultIKE = "aes128gcm16-prfsha256-curve25519 aes256gcm16-prfsha384-ecp384 aes128gcm16-prfsha256-ecp256 aes256-sha256-modp2048"
	defaultESP = "aes128gcm16-curve25519 aes256gcm16-ecp384 aes128gcm16-ecp256 aes128gcm16-modp2048"
)

func ipsecDoc() SectionDoc {
	tunnel := []Condition{{Option: "mode", Values: []string{"tunnel"}}}
	return SectionDoc{
		Type: "ipsec", Example: "dc2",
		Help: "An IPsec connection, by strongSwan (IKEv2), which protects pseudowires. One way to prove who one is must be given: `psk`, or `cert` and `key`.",
		Options: []OptionDoc{
			{Name: "enabled", Kind: KindBool, Default: "1", Help: "Off: there is no such connection, and the pseudowires that name it wait."},
			{Name: "mode", Kind: KindEnum, Default: "transport", Values: []string{"transport", "tunnel"}, DefaultHelp: "tunnel where a pseudowire with `redundancy 'duplicate'` uses it", Help: "`transport` protects the packets of the pseudowires between the two ends. `tunnel` wraps packets between inner addresses, which may move from WAN to WAN."},
			{Name: "interface", Kind: KindReference, Refers: []string{"interface", "tunnel"}, DefaultHelp: "that of its pseudowires", Help: "The WAN that carries it."},
			{Name: "policy", Kind: KindReference, Refers: []string{"policy"}, With: tunnel, DefaultHelp: "that of its pseudowires", Help: "Instead of `interface`: a policy that carries it, from WAN to WAN."},
			{Name: "local", Kind: KindGateway, DefaultHelp: "the WAN's, or the pseudowires' in mode 'transport'", Was: []string{"local_addrs", "left"}, Help: "This end's outer address."},
			{Name: "remote", Kind: KindEnd, Values: []string{"any"}, Required: true, Was: []string{"gateway", "remote_addrs", "right"}, Help: "The far end: an outer address, a host name, or `any` for a peer with changing addresses that calls us, in mode 'tunnel'."},
			{Name: "family", Kind: KindEnum, Default: "ipv4", Values: []string{"ipv4", "ipv6"}, DefaultHelp: "that of `local` and `remote` where they are addresses", Help: "Family of the outer packets where `remote` is a host name or `any`."},
			{Name: "local_id", Kind: KindIdentity, DefaultHelp: "the local address", Was: []string{"local_identifier", "leftid"}, Help: "Who we are, as branch@example.com."},
			{Name: "remote_id", Kind: KindIdentity, DefaultHelp: "the remote address; required with remote 'any'", Was: []string{"remote_identifier", "rightid"}, Help: "Who the far end must prove to be."},
			{Name: "psk", Kind: KindSecret, DefaultHelp: "none", Was: []string{"pre_shared_key", "secret"}, Help: "The shared key: text, `0x` and hexadecimal digits, or `0s` and base64. It is shown nowhere."},
			{Name: "cert", Kind: KindFile, DefaultHelp: "none", Was: []string{"local_cert"}, Help: "Our certificate, PEM or DER."},
			{Name: "key", Kind: KindFile, DefaultHelp: "none", Was: []string{"local_key"}, Help: "The private key of `cert`."},
			{Name: "ca", Kind: KindFile, DefaultHelp: "those that strongSwan has", Was: []string{"ca_cert"}, Help: "The authority that signed the far end's certificate."},
			{Name: "ike_proposal", Kind: KindProposal, List: true, Default: defaultIKE, Was: []string{"crypto_proposal", "ike"}, Help: "What protects IKE, in charon's notation, best first."},
			{Name: "esp_proposal", Kind: KindProposal, List: true, Default: defaultESP, Was: []string{"esp"}, Help: "What protects the packets, likewise. On OpenWrt AES-GCM needs kmod-crypto-gcm."},
			{Name: "allow_weak", Kind: KindBool, Default: "0", Help: "On: proposals may have sha1, md5, modp768, modp1024, modp1536, des, 3des, blowfish, cast128 and null, which is no encryption at all."},
			{Name: "local_ts", Kind: KindMatch, List: true, With: tunnel, DefaultHelp: "`local` of the pseudowires", Was: []string{"local_subnet"}, Help: "Inner addresses of this end."},
			{Name: "remote_ts", Kind: KindMatch, List: true, With: tunnel, DefaultHelp: "`remote` of the pseudowires", Was: []string{"remote_subnet"}, Help: "Inner addresses of the far end."},
			{Name: "dpd", Kind: KindSeconds, Default: "5", Max: 3600, Was: []string{"dpddelay", "dpd_delay"}, Help: "The far end is asked for a sign of life after so long without one. 0: never."},
			{Name: "rekey", Kind: KindSeconds, Default: "3600", Min: 60, Max: 604800, Was: []string{"rekeytime", "rekey_time"}, Help: "Age at which the keys of the packets are renewed. No frame is lost by that."},
			{Name: "ike_rekey", Kind: KindSeconds, Default: "14400", Min: 60, Max: 604800, Help: "Age at which the keys of IKE are renewed."},
			{Name: "encap", Kind: KindBool, Default: "0", Was: []string{"forceencaps"}, Help: "On: ESP always in UDP, also where there is no NAT in between. For providers that drop ESP."},
			{Name: "initiate", Kind: KindEnum, Default: "auto", Values: []string{"auto", "yes", "no"},
				Help: "Which end sets the connection up. `auto`: the one with the lower identity, compared as text, or with remote 'any' the other one. Where the far end has remote 'any', say `yes` here."},
		},
	}
}

package config

import "multiwan/src/core/kstate"

// Kind says what the text of an option must look like and what it is read into.
type Kind string

// The kinds of options.
const (
	KindBool      Kind = "boolean"            // bool
	KindInt       Kind = "integer"            // int64, within Min and Max
	KindSeconds   Kind = "seconds"            // time.Duration, within Min and Max seconds
	KindMillis    Kind = "milliseconds"       // time.Duration, within Min and Max milliseconds
	KindPercent   Kind = "per cent"           // float64, within Min and Max
	KindEnum      Kind = "word"               // string, one of Values
	KindMask      Kind = "mark mask"          // uint32, seven or eight adjacent bits
	KindMark      Kind = "mark"               // markValue, "value" or "value/mask"
	KindUID       Kind = "user id"            // kstate.UIDRange, "1000" or "1000-1999"
	KindGateway   Kind = "address"            // netip.Addr of a next hop
	KindOwn       Kind = "own address"        // netip.Prefix: a host address with the length of its network
	KindNetwork   Kind = "network"            // netip.Prefix without host bits
	KindMatch     Kind = "address or network" // netip.Prefix, host bits cleared
	KindPorts     Kind = "port or range"      // kstate.PortRange
	KindPort      Kind = "port"               // uint16
	KindProto     Kind = "protocol"           // Proto
	KindDSCP      Kind = "DSCP"               // uint8
	KindDevice    Kind = "device"             // string, a name that the kernel takes
	KindIface     Kind = "network or device"  // string, an UCI name or a device
	KindName      Kind = "name"               // string, an UCI name
	KindSet       Kind = "nft set"            // string, an identifier of nft
	KindReference Kind = "reference"          // string, a section of one of the types in Refers
	KindTarget    Kind = "target"             // string, see Target
	KindSNAT      Kind = "translation"        // snatValue: a word of Values or an IPv4 address
	KindDir       Kind = "directory"          // string, an absolute path
	KindPath      Kind = "URL path"           // string that begins with a slash
	KindHost      Kind = "host name"          // string
	KindSize      Kind = "number"             // sizeValue: a word of Values, or an integer within Min and Max
	KindEnd       Kind = "far end"            // endValue: an address, a host name, or a word of Values
	KindCookie    Kind = "hexadecimal digits" // string of 4 or 8 raw bytes
	KindSecret    Kind = "key"                // kstate.Secret; its text stands in no diagnostic
	KindIdentity  Kind = "identity"           // string, as charon writes it
	KindFile      Kind = "file"               // string, an absolute path
	KindProposal  Kind = "proposal"           // string, in charon's notation
	KindMember    Kind = "pseudowire or device"
	KindCopies    Kind = "packets" // copiesValue: a word of Values, or "dscp" with code points
)

// OptionDoc is all that is known of an option.
type OptionDoc struct {
	Name string
	Kind Kind
	// List options take several values, as `list` or separated by blanks.
	List bool
	// Not allows the values to be negated by "!", all of them or none.
	Not bool
	// Required options have no default.
	Required bool
	// Default is what stands for a missing option, as one would write it, list items separated by blanks. DefaultHelp says
	// what a missing option means, alone or where it differs.
	Default, DefaultHelp string
	// Min and Max bound a number, both included.
	Min, Max float64
	// Values are the words of an enum; MarkValues those of them that exist only with steering 'mark'.
	Values, MarkValues []string
	// MarkOnly options exist only with steering 'mark'.
	MarkOnly bool
	// Refers are the section types that a reference may name; Values are words allowed besides.
	Refers []string
	// Family is what an address must be of; 0: either.
	Family kstate.Family
	// With names conditions on other options of the section, all of which must hold for this one to be given.
	With []Condition
	// Was are names that users of other programs may know the option by, for hints.
	Was []string
	// Guard says what would happen without the option, where no typing error may cause it: empty, or by a name that is nearly this one, it is
	// an error.
	Guard string
	// Help is a sentence or two for the reference.
	Help string
}

// Condition holds where the other option has one of the values.
type Condition struct {
	Option string
	Values []string
	// Useless conditions warn instead of refusing: the option has no effect, and nothing is lost by that.
	Useless bool
}

// SectionDoc is all that is known of a section type.
type SectionDoc struct {
	Type string
	// Anonymous sections need no name.
	Anonymous bool
	// Example is the name in `config TYPE 'NAME'` of the reference.
	Example string
	Help    string
	Options []OptionDoc
}

// Option returns the description of an option, nil where there is none of that name.
func (s *SectionDoc) Option(name string) *OptionDoc {
	for i := range s.Options {
		if s.Options[i].Name == name {
			return &s.Options[i]
		}
	}
	return nil
}

// Sections returns the whole option table, in the order of the reference. The caller owns the copy.
func Sections() []SectionDoc {
	return []SectionDoc{
		globalsDoc(), interfaceDoc(), probeDoc(), policyDoc(), memberDoc(), ruleDoc(),
		pseudowireDoc(), ipsecDoc(), bondDoc(), clampDoc(), tunnelDoc(),
	}
}

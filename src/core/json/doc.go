// Package json writes and reads JSON (RFC 8259) for our own documents: the status, the state file, requests and answers.
//
// It takes the tags of encoding/json and gives the same values, tested side by side. With that package the program is 156 KiB
// larger on a small router. Left out are types with MarshalJSON (those with MarshalText are strings, as there), []byte as base64, the
// tag `string`, the escapes that HTML needs, and reading text into other types than addresses, prefixes and times.
package json

// RawMessage is a value that is kept as text.
type RawMessage []byte

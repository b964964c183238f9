package kstate

// Secret is a pre-shared key. It never prints itself, whatever the format.
type Secret string

const hidden = "***"

// String hides the secret.
func (s Secret) String() string { return hidden }

// GoString hides it from %#v.
func (s Secret) GoString() string { return hidden }

// MarshalText hides it from JSON and whatever else writes values as text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Reveal returns the secret itself, for those who need it to work.
func (s Secret) Reveal() string { return string(s) }

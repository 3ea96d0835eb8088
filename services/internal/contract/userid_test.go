package contract

import (
	"net/url"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestUserIDValidate(t *testing.T) {
	t.Parallel()
	longest := UserID(strings.Repeat("ü", MaxUserIDLength))
	for _, id := range []UserID{
		"alice", "a||b", "../x", "a/b", "%2e%2e%2f", "a?b#c", "😀", "a b", "+", "%", "...x", longest,
	} {
		if err := id.Validate(); err != nil {
			t.Errorf("UserID(%q).Validate() = %v; want it accepted", id, err)
		}
	}
	for _, id := range []UserID{
		"", "\u00a0", "\u3000.", ".", "..", "...", " ", " . ", "\t", "a\r\nb", "a\x00b", "a\x7f", "a\u0085b", "\xff",
		longest + "ü",
	} {
		if err := id.Validate(); err == nil {
			t.Errorf("UserID(%q).Validate() = nil; want it refused", id)
		}
	}
}

// FuzzUserID holds that the documented schema accepts exactly what Validate
// accepts, and that keys are injective and free of Dapr's separator.
func FuzzUserID(f *testing.F) {
	for _, s := range []string{"alice", "a||b", "..", "\x00", "%_deadletters", "ü😀", "", " "} {
		f.Add(s)
	}
	schema := UserID("").Schema(nil)
	f.Fuzz(func(t *testing.T, s string) {
		id := UserID(s)
		if !isUTF8(s) {
			if id.Validate() == nil {
				t.Errorf("%q is accepted although it is not UTF-8", s)
			}
			return
		}
		res := &huma.ValidateResult{}
		huma.Validate(nil, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, s, res)
		documented := len(res.Errors) == 0
		actual := id.Validate() == nil
		if documented != actual {
			t.Errorf("%q: the schema accepts it: %t; Validate accepts it: %t", s, documented, actual)
		}
		key := id.Key()
		back, err := url.QueryUnescape(key)
		if err != nil || back != s {
			t.Errorf("key %q of %q leads back to %q, %v", key, s, back, err)
		}
		if strings.Contains(key, "||") || strings.HasPrefix(key, "%_") {
			t.Errorf("key %q of %q is reserved", key, s)
		}
	})
}

func TestPlainUserIDIsItsOwnKey(t *testing.T) {
	t.Parallel()
	if got := UserID("alice").Key(); got != "alice" {
		t.Errorf("Key() = %q; want alice, as the tutorials store it", got)
	}
}

func isUTF8(s string) bool { return strings.ToValidUTF8(s, "") == s }

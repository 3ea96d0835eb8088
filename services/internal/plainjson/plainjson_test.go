package plainjson

import "testing"

func TestMarshal(t *testing.T) {
	t.Parallel()
	if got, err := Marshal(map[string]string{"a": "<b> & c\n"}); err != nil || string(got) != `{"a":"<b> & c\n"}` {
		t.Errorf("Marshal = %s, %v", got, err)
	}
	if got, err := Marshal(func() {}); err == nil {
		t.Errorf("Marshal of a function = %s", got)
	}
}

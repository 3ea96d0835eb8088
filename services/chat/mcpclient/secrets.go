package mcpclient

import (
	"net/url"
	"slices"
	"strings"
)

const minSecret = 6 // bytes; what is shorter is a setting such as true

// secrets returns the parts of the configuration that may be secret, in each form in
// which errors quote them, the longest first.
func (s Server) secrets() []string {
	var secrets []string
	add := func(text string) { secrets = append(secrets, text, url.QueryEscape(text), url.PathEscape(text)) }
	for _, values := range []map[string]string{s.Headers, s.Env} {
		for _, value := range values {
			add(value)
			for _, word := range strings.Fields(value) { // the token in "Bearer token"
				add(word)
			}
		}
	}
	if u, err := url.Parse(s.URL); err == nil && s.URL != "" {
		if password, ok := u.User.Password(); ok {
			add(password)
		}
		for _, values := range u.Query() {
			for _, value := range values {
				add(value)
			}
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return slices.DeleteFunc(slices.Compact(secrets), func(text string) bool { return len(text) < minSecret })
}

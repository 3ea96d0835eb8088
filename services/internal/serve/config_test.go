package serve

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// embedding is the configuration of a service.
type embedding struct {
	Config
	Wait time.Duration `env:"WAIT" envDefault:"1s"`
}

func TestParseEnvKeepsDefaultsOfTheService(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		port    int
		origins []string
	}{
		"unset":   {nil, 8000, []string{"http://default"}},
		"empty":   {[]string{"PORT=", "CORS_ORIGINS="}, 8000, []string{"http://default"}},
		"set":     {[]string{"PORT=9", "CORS_ORIGINS=http://a, *"}, 9, []string{"http://a", "*"}},
		"no port": {[]string{"PORT=0", "CORS_ORIGINS=none"}, 0, nil},
	} {
		cfg := embedding{Config: Config{
			Port: 8000, CORSOrigins: []string{"http://default"}, MaxBodyBytes: 1 << 16, ShutdownGrace: 20 * time.Second,
		}}
		if err := ParseEnv(&cfg, tc.environ); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		if cfg.Port != tc.port || !slices.Equal(cfg.CORSOrigins, tc.origins) {
			t.Errorf("%s: port %d, origins %q; want %d, %q", name, cfg.Port, cfg.CORSOrigins, tc.port, tc.origins)
		}
		if cfg.LogLevel != "info" || cfg.MaxBodyBytes != 1<<16 ||
			cfg.ShutdownGrace != 20*time.Second || cfg.Wait != time.Second {
			t.Errorf("%s: the other defaults are %+v", name, cfg)
		}
	}
}

func TestParseEnvNamesEveryVariable(t *testing.T) {
	t.Parallel()
	var cfg embedding
	err := ParseEnv(&cfg, []string{"PORT=s3cret", "SHUTDOWN_GRACE=s3cret", "WAIT=s3cret"})
	if err == nil {
		t.Fatal("wrong values are accepted")
	}
	for _, variable := range []string{"PORT", "SHUTDOWN_GRACE", "WAIT"} {
		if !strings.Contains(err.Error(), "environment variable "+variable+" is not of type") {
			t.Errorf("the error does not name %s: %v", variable, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error quotes a value: %v", err)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for origin, valid := range map[string]bool{
		"http://localhost:3000": true, "https://a.example": true, "*": true,
		"a.example": false, "http://a.example/": false, "http://a.example?x": false, "http://*.example": false, "": false,
	} {
		cfg := Config{CORSOrigins: []string{origin}, MaxBodyBytes: 1 << 16, ShutdownGrace: time.Second}
		if err := cfg.Validate(); (err == nil) != valid {
			t.Errorf("the origin %q is valid: %t, %v", origin, !valid, err)
		}
	}
}

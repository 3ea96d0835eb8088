package kindcluster

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/log"
)

// kind returns kind, which shows what it does by progress.
func (o Options) kind(progress func(string)) *cluster.Provider {
	return cluster.NewProvider(cluster.ProviderWithDocker(), cluster.ProviderWithLogger(logger{progress}))
}

// logger passes the messages that kind logs to progress.
type logger struct{ progress func(string) }

func (l logger) Warn(message string)          { l.Info(message) }
func (l logger) Warnf(f string, args ...any)  { l.Infof(f, args...) }
func (l logger) Error(message string)         { l.Info(message) }
func (l logger) Errorf(f string, args ...any) { l.Infof(f, args...) }
func (l logger) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return l
}
func (l logger) Enabled() bool               { return true }
func (l logger) Infof(f string, args ...any) { l.Info(fmt.Sprintf(f, args...)) }
func (l logger) Info(message string) {
	message = strings.TrimFunc(message, func(r rune) bool { return r > 0x7f || r == ' ' || r == '\n' })
	if message != "" {
		l.progress(message)
	}
}

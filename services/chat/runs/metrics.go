package runs

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	ended *prometheus.CounterVec
	calls *prometheus.CounterVec
}

// measure registers the metrics of the manager.
func (m *Manager) measure(registry prometheus.Registerer) {
	all := promauto.With(registry)
	m.metrics.ended = all.NewCounterVec(prometheus.CounterOpts{
		Name: "daca_runs_total",
		Help: "Runs that ended here, by how: answered, stopped, failed, or lost to another replica.",
	}, []string{"end"})
	m.metrics.calls = all.NewCounterVec(prometheus.CounterOpts{
		Name: "daca_run_state_calls_total",
		Help: "Calls of the state store for runs, by call: get or put.",
	}, []string{"call"})
	for _, gauge := range []struct {
		name, help string
		value      func() int
	}{
		{"daca_runs", "Runs in progress here; MAX_RUNS is the limit.", func() int { return m.running }},
		{"daca_runs_unstored", "Runs that have ended here and are not stored yet.", func() int { return len(m.unstored) }},
		{"daca_run_followers", "Streams that are read here; MAX_FOLLOWERS is the limit.", func() int { return m.followers }},
	} {
		all.NewGaugeFunc(prometheus.GaugeOpts{Name: gauge.name, Help: gauge.help}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return float64(gauge.value())
		})
	}
}

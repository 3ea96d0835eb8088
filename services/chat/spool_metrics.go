package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// measure registers the metrics of the publisher and of its spool.
func (p *publisher) measure(metrics prometheus.Registerer) {
	m := promauto.With(metrics)
	p.published = m.NewCounter(prometheus.CounterOpts{
		Name: "daca_events_published_total",
		Help: "Events that the broker has taken.",
	})
	p.spooled = m.NewCounter(prometheus.CounterOpts{
		Name: "daca_events_spooled_total",
		Help: "Events that were put on disk because they could not be published in time.",
	})
	for _, l := range p.lanes {
		topic := prometheus.Labels{"topic": l.topic}
		m.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "daca_spool_events",
			Help:        "Events on disk that wait to be published.",
			ConstLabels: topic,
		}, func() float64 { return float64(p.spool.Len(l.topic)) })
		m.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "daca_spool_oldest_seconds",
			Help:        "How long the oldest event on disk has waited to be published.",
			ConstLabels: topic,
		}, func() float64 { return p.spool.Age(l.topic).Seconds() })
	}
	m.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "daca_spool_bytes",
		Help: "Size of the events on disk; SPOOL_MAX_BYTES is the limit.",
	}, func() float64 { return float64(p.spool.Bytes()) })
	m.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "daca_spool_damaged_events",
		Help: "Events of the spool that cannot be read and are set aside in it.",
	}, func() float64 { return float64(p.spool.Damaged()) })
	m.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "daca_spool_corrupt_files",
		Help: "Damaged spools that were set aside and are still there.",
	}, func() float64 { return float64(p.spool.corruptFiles()) })
}

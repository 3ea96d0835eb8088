package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"daca/services/internal/stack"
)

const readyEvery = time.Millisecond

// starts measures how long a service needs to be ready. Its sidecar runs already.
func (b *bench) starts(ctx context.Context, s *suite) ([]figure, error) {
	var figures []figure
	for _, service := range []*stack.Service{s.chat, s.analytics} {
		var took sample
		for range b.rounds {
			if err := service.App.Stop(ctx); err != nil {
				return nil, err
			}
			begin := time.Now()
			if err := service.App.Start(ctx); err != nil {
				return nil, err
			}
			if err := ready(ctx, s.web, service); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(begin).Microseconds())/1000)
		}
		name := fmt.Sprintf("exec to ready of %s, its sidecar running", service.App.Name())
		figures = append(figures, figure{name, 0, 150, 100, lower, "ms", nil}.of(took))
	}
	return figures, nil
}

// ready asks the service until it is ready.
func ready(ctx context.Context, client *http.Client, service *stack.Service) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		_, err := get(ctx, client, service.URL+"/readyz")
		if err == nil {
			return nil
		}
		if waited := pause(ctx, readyEvery); waited != nil {
			return fmt.Errorf("waiting for %s: %w; last: %w", service.App.Name(), waited, err)
		}
	}
}

const rootsMB = 0.2 // roots of TLS in an image, see k8s/cluster/images/services

// sizes measures the programs. Their images hold the roots of TLS besides, and nothing
// else.
func (b *bench) sizes(context.Context) ([]figure, error) {
	var figures []figure
	for _, name := range []string{"chat", "analytics"} {
		program, err := os.Stat(filepath.Join(b.bin, name))
		if err != nil {
			return nil, fmt.Errorf("measuring the image of %s: %w", name, err)
		}
		f := figure{"size of the image of " + name, 0, 25, 20, lower, "MB", nil}
		figures = append(figures, f.of(sample{float64(program.Size())/1e6 + rootsMB}))
	}
	return figures, nil
}

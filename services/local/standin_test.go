package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"daca/services/internal/contract"
)

// TestMain lets the test program stand in for the programs that the launcher
// starts, when it is called by the name of one.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if slices.Contains([]string{"chat", "analytics", "model", "daprd"}, name) {
		if err := standIn(name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// standIn prints its process id and serves just what the launcher asks for. GET
// /die ends it, and so does SIGTERM. With STANDIN_LOST in the environment, chat's
// sidecar finds no other sidecar.
func standIn(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
	}
	mux.HandleFunc("GET /healthz", answer(`{"status":"ok"}`))
	mux.HandleFunc("GET /readyz", answer(`{"status":"degraded"}`))
	mux.HandleFunc("GET /die", func(http.ResponseWriter, *http.Request) {
		fmt.Println("asked to die")
		os.Exit(3)
	})
	mux.HandleFunc("GET /env", answer(strings.Join(os.Environ(), "\n")))
	mux.HandleFunc("GET /v1.0/healthz", answer(""))
	mux.HandleFunc("GET /v1.0/healthz/outbound", answer(""))
	if os.Getenv("STANDIN_LOST") == "" || !slices.Contains(os.Args, contract.ChatApp) {
		mux.HandleFunc("GET /v1.0/invoke/analytics-service/method/healthz", answer(""))
	}
	port := os.Getenv("PORT")
	if i := slices.Index(os.Args, "--dapr-http-port"); name == "daprd" && i >= 0 {
		port = os.Args[i+1]
	}
	fmt.Printf("pid=%d\n", os.Getpid())
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: mux}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return errors.Join(server.Close(), ignoreClosed(<-served))
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

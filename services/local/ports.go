package main

import (
	"context"
	"errors"
	"fmt"

	"daca/services/internal/serve"
	"daca/services/internal/stack"
)

// portSetting is a port of the configuration, on which a program is to listen.
type portSetting struct {
	number   *int
	variable string
	user     string // names the program in messages
	anyFree  bool   // 0 stands for a free port
}

func (c *config) ports() []portSetting {
	ports := []portSetting{
		{&c.ChatPort, "CHAT_PORT", "the chat service", false},
		{&c.AnalyticsPort, "ANALYTICS_PORT", "the analytics service", false},
		{&c.ChatDaprHTTP, "CHAT_DAPR_HTTP_PORT", "chat's sidecar (HTTP)", false},
		{&c.ChatDaprGRPC, "CHAT_DAPR_GRPC_PORT", "chat's sidecar (gRPC)", true},
		{&c.ChatDaprInternal, "CHAT_DAPR_INTERNAL_PORT", "chat's sidecar (for other sidecars)", true},
		{&c.AnalyticsDaprHTTP, "ANALYTICS_DAPR_HTTP_PORT", "analytics' sidecar (HTTP)", false},
		{&c.AnalyticsDaprGRPC, "ANALYTICS_DAPR_GRPC_PORT", "analytics' sidecar (gRPC)", true},
		{&c.AnalyticsDaprInternal, "ANALYTICS_DAPR_INTERNAL_PORT", "analytics' sidecar (for other sidecars)", true},
	}
	if c.offline() {
		ports = append(ports, portSetting{&c.ModelPort, "MODEL_PORT", "the offline model", false})
	}
	return ports
}

// validatePorts returns an error that names each variable whose number is not a port,
// and each two variables with the same number.
func (c *config) validatePorts() error {
	var errs []error
	variables := map[int]string{}
	for _, p := range c.ports() {
		number := *p.number
		if number == 0 && p.anyFree {
			continue
		}
		errs = append(errs, serve.Require(number >= 1 && number <= 65535, p.variable, "a port from 1 to 65535"))
		if other, twice := variables[number]; twice {
			errs = append(errs, fmt.Errorf("%s and %s are both %d", other, p.variable, number))
		}
		variables[number] = p.variable
	}
	return errors.Join(errs...)
}

// choosePorts sets the ports that are 0 to free ones. It fails at the first of the
// others on which a program listens.
func (c *config) choosePorts(ctx context.Context) error {
	var given []int
	var open []portSetting
	for _, p := range c.ports() {
		if *p.number == 0 {
			open = append(open, p)
			continue
		}
		if err := stack.CheckFree(ctx, *p.number); err != nil {
			return c.explain(err)
		}
		given = append(given, *p.number)
	}
	free, release, err := stack.FreePorts(len(open), given...)
	if err != nil {
		return err
	}
	release()
	for i, p := range open {
		*p.number = free[i]
	}
	return nil
}

// explain replaces an error that wraps a *stack.TakenError by one that says what to
// do about the port. It returns other errors as they are.
func (c *config) explain(err error) error {
	var taken *stack.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	for _, p := range c.ports() {
		if *p.number == taken.Port {
			return fmt.Errorf("port %d, wanted by %s, is taken by %s; stop it, or set %s to another port",
				*p.number, p.user, taken.Holder, p.variable)
		}
	}
	return err
}

package main

import (
	"testing"
)

func TestChoosePorts(t *testing.T) {
	t.Parallel()
	tr := setup(t, "OPENAI_API_KEY=sk")
	tr.cfg.ChatDaprGRPC = tr.cfg.ModelPort // a real model is used, so that this one is free
	tr.cfg.ModelPort = 8002
	before := tr.cfg
	if err := tr.cfg.choosePorts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tr.cfg.validatePorts(); err != nil {
		t.Error(err)
	}
	given := before.ports()
	for i, p := range tr.cfg.ports() {
		was := *given[i].number
		if was != 0 && *p.number != was {
			t.Errorf("%s=%d became %d", p.variable, was, *p.number)
		}
		// Ports of outgoing connections begin above 32000.
		if *p.number < 1024 || *p.number > 32000 {
			t.Errorf("%s=%d may be taken by an outgoing connection", p.variable, *p.number)
		}
	}
}

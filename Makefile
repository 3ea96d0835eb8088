# `make` lists the targets. Everything they need beyond Go and make is built
# from Go modules. Without a C compiler, tests run without -race.
GO        ?= go
BIN       := $(CURDIR)/bin
TESTFLAGS ?=
RACE      := $(if $(shell command -v $$($(GO) env CC) 2>/dev/null),-race)

# What the chat service embeds. go:embed needs no Node: a Go program fetches the npm
# packages and bundles. PAGE_MADE= builds a service without its page.
PAGE      := services/chat/page
PAGE_MADE := $(PAGE)/dist/index.html.gz

.DEFAULT_GOAL := help
.PHONY: help run page page-dev unit test test-page screenshots conformance bench bench-compare lint fmt tidy schemas vuln check hooks build prepare clean \
        cluster cluster-down e2e tools push sbom version bin/cluster tilt tilt-up tilt-ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# --- On this machine

# The variables of services/local/README.md may be set here too: make passes them on.
run: ## Start the suite on this machine; Ctrl-C stops it. COMPONENTS=dir takes other Dapr resources
	@$(GO) build -o $(BIN)/local ./services/local && exec $(BIN)/local

# More packages and tests at a time than there are cores, because many wait; and no
# debug information, which takes the linker half its time.
unit: $(PAGE_MADE) ## Run the unit tests, in seconds
	$(GO) test -short -p 4 -parallel 16 -tags $(BUILDTAGS) -ldflags='-s -w' $(TESTFLAGS) $$($(GO) list ./... | grep -v '/services/flow$$')

test: prepare $(PAGE_MADE) ## Run all tests but those on a cluster: units, charts, flows through real Dapr
	$(if $(RACE),,@echo "No C compiler: testing without the race detector.")
	$(GO) test $(RACE) -timeout 30m $(TESTFLAGS) ./...
	@# The faults of daprd that the services walk around. The flags are those of its build.
	CGO_ENABLED=0 $(GO) -C services/internal/stack/daprd test -tags stablecomponents -trimpath $(TESTFLAGS) ./...
	$(GO) -C $(PAGE)/bundle test $(RACE) $(TESTFLAGS) ./...
	$(GO) -C k8s test -count=1 -timeout 10m $(TESTFLAGS) ./...

# Node and Chromium are needed for this alone. PAGETESTS=resume selects a file, and
# SHOTS=dir keeps pictures of what the tests see.
test-page: ## Check the types of the page, and test it in Chromium
	@$(MAKE) --no-print-directory build prepare
	@$(GO) build -o $(BIN)/local ./services/local
	cd $(PAGE) && npm ci --silent && npm run --silent check
	cd $(PAGE)/test && npm ci --silent && npm test --silent -- $(PAGETESTS)

screenshots: ## Make the pictures of the page in docs/ anew, from the real suite
	@$(MAKE) --no-print-directory build prepare
	@$(GO) build -o $(BIN)/local ./services/local
	cd $(PAGE)/test && npm ci --silent && npm run --silent screenshots

conformance: prepare ## Test all stores and brokers; CONFORMANCEFLAGS='-pairs=sqlite -tests=Hot' selects some
	@$(GO) run ./services/flow/conformance $(CONFORMANCEFLAGS)

bench: prepare ## Measure what exact counting and a message cost, as ratios; BENCHFLAGS=-rounds=1 tries it
	@$(GO) build -o $(BIN)/bench ./services/flow/bench
	@$(BIN)/bench -out $(BIN)/bench.json $(BENCHFLAGS)

bench-compare: prepare ## Measure a commit and this checkout in turn: make bench-compare BASE=main
	$(if $(BASE),,$(error Which commit? make bench-compare BASE=main))
	@$(GO) build -o $(BIN)/bench ./services/flow/bench
	@$(BIN)/bench -base $(BASE) $(BENCHFLAGS)

page: $(PAGE_MADE) ## Make the page of the chat service, unless nothing has changed
	@[ -e $(PAGE)/dist/index.html.gz ]

# Status 3 tells that no registry of npm packages is known: services then have no page.
$(PAGE)/dist/index.html.gz: $(shell find $(PAGE)/src $(PAGE)/bundle -type f ! -name '*_test.go') $(PAGE)/package-lock.json
	@# This machine runs it, whichever GOOS and GOARCH the services are for.
	@GOOS= GOARCH= $(GO) -C $(PAGE)/bundle build -v -o $(BIN)/bundle .
	@$(BIN)/bundle -dir $(PAGE) || [ $$? = 3 ]

page-dev: ## Serve the page as it is in the sources, in front of make run, at localhost:3000
	@$(GO) -C $(PAGE)/bundle build -o $(BIN)/bundle . && exec $(BIN)/bundle -dir $(PAGE) -serve localhost:3000 \
	  -to http://localhost:$(or $(CHAT_PORT),8000)

# make run, the flows, Tilt and the images all compile the services by this
# target. SERVICES, OUT, VERSION, BUILDFLAGS, GOOS and GOARCH may be set. The tags
# leave out a format of Gin and pages of gRPC that nobody uses; the alignment takes
# 0.3 MB of padding away.
SERVICES   ?= chat analytics model
OUT        ?= $(BIN)
VERSION    ?=
BUILDFLAGS ?= -trimpath
BUILDTAGS  := nomsgpack,grpcnotrace
build: $(if $(filter chat,$(SERVICES)),$(PAGE_MADE)) ## Compile the services into bin/, or into OUT
	CGO_ENABLED=$(if $(filter -race,$(BUILDFLAGS)),1,0) $(GO) build $(BUILDFLAGS) -tags $(BUILDTAGS) -o $(OUT)/ \
	  -ldflags "-s -w -funcalign=16 $(if $(VERSION),-X daca/services/internal/serve.version=$(VERSION))" \
	  $(addprefix ./services/,$(SERVICES))

prepare: # builds daprd with its progress in sight, rather than inside a test
	@$(GO) run ./services/local prepare

clean: ## Remove what was built, and all that make run remembers in .daca
	rm -rf $(BIN) .daca

# --- The code

check: ## Run all that has to pass before a change lands (.ci/run)
	@.ci/run

lint: $(BIN)/golangci-lint ## Check the code with golangci-lint
	$(BIN)/golangci-lint run ./...
	cd k8s && $(BIN)/golangci-lint run --config ../.golangci.yaml --build-tags e2e ./...
	cd $(PAGE)/bundle && $(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yaml ./...
	cd services/flow/kfake && $(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yaml ./...

fmt: $(BIN)/golangci-lint ## Format the code
	$(BIN)/golangci-lint fmt ./...
	cd k8s && $(BIN)/golangci-lint fmt --config ../.golangci.yaml ./...
	cd $(PAGE)/bundle && $(BIN)/golangci-lint fmt --config $(CURDIR)/.golangci.yaml ./...
	cd services/flow/kfake && $(BIN)/golangci-lint fmt --config $(CURDIR)/.golangci.yaml ./...

tidy: ## Tidy the go.mod of every module
	@for module in $$(git ls-files 'go.mod' '*/go.mod'); do \
	  echo "$${module%go.mod}"; $(GO) -C "$$(dirname "$$module")" mod tidy || exit 1; \
	done

schemas: ## Write values.schema.json of the charts from values.schema.yaml
	$(GO) -C k8s run ./charts/schemas

vuln: $(BIN)/govulncheck ## Look for known vulnerabilities in the dependencies
	$(BIN)/govulncheck ./...

hooks: ## Have git check the code of this clone before each push
	git config core.hooksPath .ci/hooks

# --- On Kubernetes

cluster: bin/cluster ## Create a kind cluster with Dapr and the suite
	@$(BIN)/cluster up

cluster-down: bin/cluster ## Remove that cluster
	@$(BIN)/cluster down

e2e: bin/cluster ## Run the end-to-end tests on the cluster; E2E_KEEP=1 keeps one that was created for them
	@$(BIN)/cluster e2e $(E2EFLAGS)

tools: bin/cluster ## Build helm and kubectl into bin/, at the versions of the cluster
	@$(BIN)/cluster tools

bin/cluster: # go build knows whether there is anything to do
	@$(GO) -C k8s build -o $(BIN)/cluster ./cluster

# An installed tilt is used; without one it is built, which takes some minutes.
TILT    := $(shell command -v tilt 2>/dev/null || echo $(BIN)/tilt)
CONTEXT := kind-$(or $(CLUSTER_NAME),daca)

tilt: $(TILT) ## Build Tilt, unless one is installed
	@$(TILT) version

tilt-up: tools $(TILT) ## Run the suite on the kind cluster with Tilt, rebuilt as you edit
	@$(BIN)/cluster create && exec $(TILT) up --context $(CONTEXT)

tilt-ci: tools $(TILT) ## Run tilt ci, and check that an edit arrives in the cluster
	@$(GO) build -o $(BIN)/loop ./tilt/loop
	@$(BIN)/cluster create && exec $(BIN)/loop ci -tilt $(TILT) -context $(CONTEXT)

# --- Releases

push: bin/cluster ## Build the images for amd64 and arm64, and push them to REGISTRY
	$(if $(REGISTRY),,$(error Which registry? make push REGISTRY=registry.example.com/team))
	@$(BIN)/cluster push $(REGISTRY)

sbom: $(BIN)/cyclonedx-gomod ## List what the programs are made of, as CycloneDX, in bin/sbom/
	mkdir -p $(BIN)/sbom
	for service in $(SERVICES); do \
	  GOOS=linux CGO_ENABLED=0 GOFLAGS="$(GOFLAGS) -tags=$(BUILDTAGS)" $(BIN)/cyclonedx-gomod app -json -licenses \
	    -main services/$$service -output $(BIN)/sbom/$$service.cdx.json . || exit 1; \
	done

version: ## Raise the version everywhere: make version V=0.2.0
	$(if $(V),,$(error Which version? make version V=0.2.0))
	@.ci/version $(V)
	UPDATE_GOLDEN=1 $(GO) -C k8s test -count=1 ./charts

# --- Tools, each pinned by a module of its own

$(BIN)/golangci-lint: .ci/tools/go.mod .ci/tools/go.sum
	$(GO) -C .ci/tools build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BIN)/govulncheck: .ci/tools/go.mod .ci/tools/go.sum
	$(GO) -C .ci/tools build -o $@ golang.org/x/vuln/cmd/govulncheck

$(BIN)/cyclonedx-gomod: .ci/sbom/go.mod .ci/sbom/go.sum
	$(GO) -C .ci/sbom build -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(BIN)/tilt: tilt/tool/build tilt/tool/go.sum tilt/tool/page/build.mjs tilt/tool/page/package-lock.json
	@GO=$(GO) tilt/tool/build $@

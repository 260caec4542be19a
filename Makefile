# The verbs that people and CI share. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

LINT := bin/golangci-lint
FUZZTIME ?= 10s
COUNT ?= 1
BENCHFLAGS ?=
SIMFOR ?= 3m

# The systems we promise to build for: GOOS/GOARCH/what the architecture needs.
CROSS := linux/amd64 linux/arm64 linux/arm/GOARM=7 linux/mipsle/GOMIPS=softfloat
# macOS runs examples and tests, without our promises.
VETS := $(CROSS) darwin/arm64

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: check
check: fmt vet lint test cross ## what must be green before a commit: fmt, vet, lint, test, cross

.PHONY: fmt
fmt: ## fail where a file is not as gofmt writes it
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$bad" ]; then echo "gofmt -w is due for:"; echo "$$bad"; exit 1; fi

.PHONY: vet
vet: ## go vet for every system that we build for, and darwin
	@for p in $(VETS); do IFS=/ read -r os arch extra <<<"$$p"; \
		echo "vet $$p"; env $$extra GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 go vet ./...; done

.PHONY: cross
cross: ## build for every system that we promise
	@for p in $(CROSS); do IFS=/ read -r os arch extra <<<"$$p"; \
		echo "build $$p"; env $$extra GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 go build ./...; done

.PHONY: size
size: ## the stripped size of examples/minimal, in bytes, for each system; fails above examples/minimal/size.txt
	@mkdir -p bin; bad=; for p in $(CROSS); do IFS=/ read -r os arch extra <<<"$$p"; \
		read -r _ most packed < <(grep "^$$p " examples/minimal/size.txt) || { echo "examples/minimal/size.txt has no limit for $$p"; exit 1; }; \
		env $$extra GOOS=$$os GOARCH=$$arch CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/minimal ./examples/minimal; \
		n=$$(stat -c %s bin/minimal); z=$$(gzip -9 -c bin/minimal | wc -c); \
		printf '%-32s %9d of %9d bytes, gzip %8d of %8d\n' "$$p" "$$n" "$$most" "$$z" "$$packed"; \
		if ((n > most || z > packed)); then bad=yes; fi; done; rm -f bin/minimal; \
	if [ -n "$$bad" ]; then echo "examples/minimal is too big: look with go tool nm -size -sort size"; exit 1; fi

# The linters have a module of their own: in the product's they would raise what
# users must build.
$(LINT): tools/go.mod tools/go.sum
	go build -modfile=tools/go.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: lint
lint: $(LINT) ## golangci-lint, the linters that .golangci.yml names
	$(LINT) run ./...

.PHONY: test
test: ## the tests, a few minutes
	go test -count=$(COUNT) ./...

.PHONY: race
race: ## the tests under the race detector
	go test -race -timeout 20m ./...

.PHONY: long
long: ## all that the tests have, also what takes long
	ALIIOT_LONG=1 go test -timeout 40m -count=1 ./...

.PHONY: simulate
simulate: ## fresh seeds of the whole device in virtual time, for SIMFOR (3m) and a hundred device-days at least
	@mkdir -p bin && go test -c -o bin/simulate.test . && bin/simulate.test -test.timeout 20m -test.run '^TestSimulation$$' -sim.for $(SIMFOR)

.PHONY: soak
soak: ## the same until it is told to stop (Ctrl-C); seeds that fail are kept in soak/
	@mkdir -p bin soak && go test -c -o bin/simulate.test . && bin/simulate.test -test.timeout 0 -test.run '^TestSimulation$$' -sim.for 87600h -sim.keep soak

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	@grep -rnoE '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' . | sort | while IFS=: read -r file _ func; do \
		echo "fuzz $$file $${func#func }"; \
		go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; done

.PHONY: bench
bench: ## the figures we are held to, beside this machine's limits and the peers, in one table; BENCHFLAGS (--only D1,W1 --rounds N --fast --out FILE); a quiet half hour
	@mkdir -p bin; go build -o bin/bench ./bench; bin/bench $(BENCHFLAGS)

PEERS := $(notdir $(patsubst %/go.mod,%,$(wildcard bench/peers/*/go.mod)))

.PHONY: peers
peers: ## the same of the peers, each in a module of its own, for the next bench; PEERS (all) and BENCHFLAGS
	@mkdir -p bin/peers; for p in $(PEERS); do \
		(cd bench/peers/$$p && go build -o ../../../bin/peers/$$p .) || exit 1; \
		bin/peers/$$p $(BENCHFLAGS) --out bin/peers/$$p.json || exit 1; done

.PHONY: peers-vet
peers-vet: ## build and vet the peers' modules, without running them
	@for p in $(PEERS); do echo "vet bench/peers/$$p"; (cd bench/peers/$$p && go vet ./...) || exit 1; done

.PHONY: peers-tidy
peers-tidy: ## bring the peers' modules after a change of go.mod
	@for p in $(PEERS); do (cd bench/peers/$$p && go mod tidy) || exit 1; done

.PHONY: mutants
mutants: ## each rule of the journal removed alone, in a copy, must turn its test red
	ALIIOT_MUTANTS=1 go test -count=1 -timeout 60m -run Mutants ./internal/journal/...

.PHONY: docs
docs: ## write the generated documents anew: docs/states.md, docs/faults.md, the generated parts of docs/reference.md
	go test -count=1 -run TestStatesDocument ./fsm -update
	go test -count=1 -run 'TestReferenceIsTheCodesOwnWords|TestFaultsDocument' ./docs -update

.PHONY: cover
cover: ## which statements the tests reach, in coverage.out
	go test -coverprofile=coverage.out -coverpkg=./... ./...
	go tool cover -func=coverage.out | tail -1

.PHONY: clean
clean: ## remove what make built
	rm -rf bin coverage.out

# `make` alone lists the targets: every line of the form "name: ... ## text" is one.

SHELL    := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

BIN      := bin
BINARY   := $(BIN)/mecha-gpu
GOFILES   = $(shell git ls-files --cached --others --exclude-standard '*.go')
PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
FUZZTIME ?= 3s
# Packages that run side by side in tests. The race detector multiplies memory use.
P        ?= 2

# The tests of merges that may run on any device.
GPUTESTS := Conformance|TestRow|BadInput|Cancelled|InputThatChanges|Casts|Extracted|Converted|AreTheFilesOfSingle|Strict|TestReport|Computed|KeyThat|NaN|ASweep

# The tests of the command that name the CPU.
CPUTESTS := BenchSavesRates|MergeInJSONEnds|DefaultsOfMerge

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/mecha-gpu
	go build -trimpath -o $(BINARY) ./cmd/mecha-gpu

.PHONY: demo
demo: build ## make two small checkpoints, merge them, and look at the result
	@scripts/demo.sh $(BINARY)

.PHONY: test
test: fmt vet lint generate-check cross race ## everything that a change has to pass

.PHONY: ci
ci: fmt vet lint generate-check kernels-check cross fuzz real-model size conformance test ## what .ci/run runs: fuzzing, a real model, sizes, then test

.PHONY: fmt
fmt: ## check that the Go files are formatted
	@unformatted="$$(gofmt -l $(GOFILES))"; \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: $(BIN)/staticcheck ## staticcheck, the version of scripts/tools
	$(BIN)/staticcheck ./...

$(BIN)/staticcheck: scripts/tools/go.mod scripts/tools/go.sum
	go build -C scripts/tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

.PHONY: race
race: memory ## all tests under the race detector
	go test -race -p $(P) ./...

.PHONY: memory
memory: ## peak memory with 100,000 keys, in a process of its own that is small
	go test -run "MemoryIsBoundedFor(ManyKeys|LoRAs)" ./tests

.PHONY: quick
quick: ## all tests without the race detector
	go test -p $(P) ./...

.PHONY: cross
cross: ## compile for other systems, without cgo
	@for p in $(PLATFORMS); do echo "go build and vet for $$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null ./cmd/mecha-gpu; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./...; done

.PHONY: generate-check
generate-check: ## generate the AVX2 code again and require the same bytes
	@scripts/generate-check.sh
	@scripts/driver-ptx.sh check

.PHONY: fuzz
fuzz: ## every fuzz target for a few seconds (FUZZTIME)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: fuzz-long
fuzz-long: ## every fuzz target for ten minutes
	@scripts/fuzz.sh 10m

.PHONY: bench
bench: build ## measure against cat and cp, memmove and encoding/json: build/bench.json and a table
	go run ./scripts/bench -binary $(BINARY) -json build/bench.json $(BENCHFLAGS)

.PHONY: bounded
bounded: ## peak memory of every method on a 1.5 GiB tensor, under --max-ram 64MiB
	MECHA_BOUNDED=1 go test -count=1 -v -timeout 20m -run LargeTensor ./tests

.PHONY: soft
soft: ## all tests of merges and of the command on the software GPU: 1 and 2 devices, 32 MiB, 20 seeds of delays, every call failing
	MECHA_TEST_SEEDS=20 go test -count=1 -timeout 60m -v -run 'SuitePasses|OrderOfAsynchronous|EveryCallOfTheDriver' ./tests
	MECHA_TEST_SEEDS=20 go test -count=1 -timeout 60m -v -run CommandPassesOnCUDA ./cmd/mecha-gpu

.PHONY: test-gpu
test-gpu: ## the exam and the tests of merges and of the command on a real GPU; they fail where there is none
	MECHA_GPU_REAL=1 go test -count=1 ./cuda
	MECHA_TEST_CUDA=system go test -count=1 -run '$(GPUTESTS)' ./tests
	MECHA_TEST_CUDA=system go test -count=1 -skip '$(CPUTESTS)' ./cmd/mecha-gpu

.PHONY: gpu-check
gpu-check: build ## on a machine with a GPU: test-gpu, merges against the CPU and bench, into build/gpu-report.txt
	scripts/gpu-check.sh $(BINARY)

.PHONY: overlap
overlap: ## how much of reading, upload, compute, download and writing happens at the same time
	MECHA_OVERLAP=1 go test -count=1 -v -run StagesOverlap ./tests

.PHONY: size
size: ## lengths of functions and files, share of comments and tests
	@go run ./scripts/size

.PHONY: conformance
conformance: ## the cases in the folder MECHA_CONFORMANCE, with what was skipped
	@if [ -z "$${MECHA_CONFORMANCE:-}" ]; then \
	  echo 'conformance: MECHA_CONFORMANCE is not set; the cases in tests/ run with the other tests'; exit 0; fi; \
	log="$$(go test -count=1 -v -run Conformance ./tests/)" || { echo "$$log"; exit 1; }; \
	grep '^conformance' <<<"$$log"

.PHONY: roundtrip
roundtrip: build ## recipes from sd-mecha and to it, with equal numbers (installs sd-mecha and PyTorch outside the repository)
	@scripts/reference/run.sh roundtrip.py $(BINARY)

.PHONY: real-model
real-model: build ## merge a real model and compare with NumPy, if it can be fetched
	@scripts/realmodel.sh $(BINARY)

.PHONY: kernels
kernels: ## compile the CUDA kernels to PTX (clang-19): cuda/kernels/kernels.ptx
	go generate ./cuda/kernels
	scripts/kernels/build.sh $(CURDIR)/cuda/kernels/kernels.ptx
	clang-19 --version | head -1 > cuda/kernels/clang.version

.PHONY: kernels-check
kernels-check: ## compile the kernels again and require the same PTX; registers and spills by ptxas
	@scripts/kernels/check.sh

.PHONY: kernels-tools
kernels-tools: ## install clang-19 and fetch ptxas, for kernels-check
	@scripts/kernels/install.sh

.PHONY: softcuda
softcuda: ## build the software CUDA driver: build/softcuda/libcuda.so.1
	@tests/softcuda/build.sh build/softcuda/cache build/softcuda

.PHONY: gorgoniacu-test
gorgoniacu-test: ## the tests of the CUDA driver through gorgonia.org/cu, on the software driver (fetches cuda.h)
	@scripts/cuda-headers.sh
	@scripts/cu-symbols.sh
	CGO_CFLAGS=-I$(CURDIR)/build/cuda/include CGO_LDFLAGS=-L$(CURDIR)/build/cuda/lib \
	  go vet -tags gorgoniacu ./cuda/driver/gorgoniacu
	CGO_CFLAGS=-I$(CURDIR)/build/cuda/include CGO_LDFLAGS=-L$(CURDIR)/build/cuda/lib \
	  go test -race -tags gorgoniacu ./cuda/driver/gorgoniacu

.PHONY: clean
clean: ## remove what the other targets made, except fetched models
	rm -rf $(BIN) build demo

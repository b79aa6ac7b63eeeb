# Start with `make demo`. The targets install the pinned tools that they need into .tools/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo check hooks test matrix test-matrix chaos model sim fuzz mutants test-rust test-instance test-templates \
  test-conformance test-page test-host test-documents lint-templates validate-sam invoke status verify deny fix region build package \
  sam-build deploy deploy-cluster etcd etcd-all bench clean

PORT ?= 4600
# Each end-to-end test runs a region with up to nine etcds: more tests at once only slow each other down.
E2E_JOBS ?= 3
# Seconds for each target of `make fuzz`.
TIME ?= 60

target := $(abspath $(or $(CARGO_TARGET_DIR),target))
bin := $(target)/debug
phase := tools/phase.sh
# A version in tools/etcd/, such as ETCD=3.5.35; without it, any etcd that tools/provide-etcd.sh finds.
ETCD ?=
provide_etcd := tools/provide-etcd.sh $(ETCD)
# On a terminal Cargo shows its progress; a log has the phases only.
quiet := $(shell [ -t 2 ] || echo --quiet)
export RUSTUP_AUTO_INSTALL ?= 0
export CARGO_TARGET_DIR := $(target)
# Part of the name of the tests to run, for test, matrix and the targets test-….
ONLY ?=
export ONLY
only_rust = $(if $(ONLY),"$$ONLY")

help: ## this list
	@printf 'etcd-asg: an etcd cluster on an Auto Scaling group\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: build ## a cluster forms, heals, hands over, scales, is refreshed, with real etcd (first time: about 10 minutes)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" "$(bin)/demo" --timeline "$(target)/demo-timeline.html"

# The core's tests that take seconds; the others of `-p membership` take minutes. `make test` runs all.
core_tests := --lib --test dependencies --test goldens --test invocation --test ledger --test quorum --test versions

check: ## before a commit: formatting, scripts, lints, tests of the pure core (under a minute once everything is built)
	@$(phase) 'formatting' cargo fmt --all --check
	@$(phase) 'scripts' tools/check-scripts.sh
	@$(phase) 'lints (first time: about 4 minutes)' \
	  cargo clippy --workspace --all-targets --locked $(quiet) -- -D warnings
	@$(phase) 'tests of the pure core' cargo test -p membership $(core_tests) --locked $(quiet)

hooks: ## makes Git run `make check` before each commit, in this clone
	@tools/hooks.sh

suites := test-instance test-templates test-conformance test-page test-rust
test: $(if $(ONLY),,build $(suites)) ## all tests, the fault matrix in its short form (ONLY=name: tests with that in their name)
ifneq ($(ONLY),)
	@tools/test-only.sh "$$ONLY" test-documents $(suites)
endif

matrix: $(if $(ONLY),,test-matrix) ## the full fault matrix, on every version of etcd (about 25 minutes at E2E_JOBS=6; ONLY=name: a part)
ifneq ($(ONLY),)
	@tools/test-only.sh "$$ONLY" test-matrix
endif

test-matrix: build etcd-all
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" RUST_TEST_THREADS=$(E2E_JOBS) \
	  $(phase) 'the full fault matrix' \
	  cargo test --workspace --test suite --locked $(quiet) -- --include-ignored $(only_rust)

# SEED repeats a short history; LIFE with SIZE and DAYS repeats a life.
sim: ## years of a simulated group, and hostile minutes by the thousand (YEARS=10 SEEDS=2000; some minutes)
	@$(phase) 'years of virtual time' cargo test --profile sim -p membership --test properties --locked $(quiet) \
	  -- --ignored --exact long::long_histories --nocapture

fuzz: ## libFuzzer on every parser of input from outside (TIME=60 s each; TARGET=name: only this)
	@$(phase) 'fuzzing' tools/fuzz.sh $(TIME) $(TARGET)

mutants: ## cargo-mutants on the pure core (hours; ARGS='--file …': a part)
	@$(phase) 'mutants of the pure core' tools/mutants.sh $(ARGS)

model: ## explores small worlds completely, with the real rules: every invariant, every dead end, every mutant
	@$(phase) 'the model checker' cargo build -p model --bins --profile sim --locked $(quiet)
	@"$(target)/sim/model"

FAULTS ?= 40
SEED ?= 1
SIZE ?= 3
chaos: build ## faults of every kind under load, from a seed (FAULTS=40 SEED=1 SIZE=3; about 6 s a fault)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" "$(bin)/chaos" \
	  --faults $(FAULTS) --seed $(SEED) --size $(SIZE)

test-rust: build
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" RUST_TEST_THREADS=$(E2E_JOBS) \
	  $(phase) 'Rust tests, end-to-end tests among them' cargo test --workspace --locked $(quiet) $(if $(ONLY),-- $(only_rust))

test-instance: etcd
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'tests of the boot script (about 2 minutes)' \
	  python3 -W error::ResourceWarning tools/unittests.py tests/instance

# The tests read the templates with the YAML parser that cfn-lint installs.
test-templates: build
	@lint=$$(tools/provide.sh cfn-lint) && etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" \
	  PYTHONDONTWRITEBYTECODE=1 $(phase) 'templates and sample events (about 2 minutes)' \
	  "$$(dirname "$$lint")/python" tools/unittests.py tests/deployment

test-conformance: build
	@moto=$$(tools/provide.sh moto_server) && etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" \
	  PYTHONDONTWRITEBYTECODE=1 $(phase) 'the region answers as moto does' \
	  "$$(dirname "$$moto")/python" tools/unittests.py tests/conformance

# Without a Chromium the tests are skipped, and say so. CHROMIUM names a program; Debian's package is chromium.
test-page: build
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'the region'"'"'s page in a browser' \
	  python3 -W error::ResourceWarning tools/unittests.py tests/page

# Not part of `make test`: it takes long, and installs Debian roots. An error 69 says that it cannot run on this machine.
test-host: etcd ## the user data in virtual machines, under real systemd and cloud-init (about 25 minutes; ONLY=name)
	@lint=$$(tools/provide.sh cfn-lint) && etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'the user data in virtual machines (first time: 10 minutes more)' \
	  tests/host/run.sh "$$(dirname "$$lint")/python"

test-documents:
	@$(phase) 'the operator'"'"'s page is complete, and links lead somewhere' \
	  python3 -B tools/unittests.py tests/documents

lint-templates: ## cfn-lint on the templates
	@$(phase) 'templates' tools/check-templates.sh

validate-sam: ## sam validate --lint on the templates (installs the SAM CLI: 340 MB)
	@sam=$$(tools/provide.sh sam) && export SAM_CLI_TELEMETRY=0 && \
	  for template in template.yaml examples/cluster.yaml; do "$$sam" validate --lint --template "$$template"; done

verify: lint-templates test-documents ## formatting, lints, documentation, scripts, templates, licences; changes nothing
	@$(phase) 'formatting' cargo fmt --all --check
	@$(phase) 'scripts' tools/check-scripts.sh
	@$(phase) 'licences, bans and sources of the dependencies' tools/deny.sh quick
	@$(phase) 'lints (first time: about 4 minutes)' \
	  cargo clippy --workspace --all-targets --locked $(quiet) -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(phase) 'documentation' cargo doc --workspace --no-deps --locked $(quiet)

deny: ## cargo-deny: licences, bans, sources, and the advisories where RustSec's database can be reached
	@$(phase) 'dependencies' tools/deny.sh

fix: ## formats, and applies clippy's own corrections
	@cargo fmt --all
	@cargo clippy --workspace --all-targets --locked --fix --allow-dirty --allow-staged

region: build ## the local region in the foreground, for the AWS CLI (PORT=4600, ARGS='--disk-mib 256 --friendly': its options)
	@etcd=$$($(provide_etcd)) && \
	  exec "$(bin)/region" --port $(PORT) --functions-dir "$(bin)" --instance-dir instance --etcd-dir "$$etcd" $(ARGS)

# A missing event or region is reported before anything is built.
invoke: ## replays a sample event on the region (EVENT=launch INSTANCE=i-… GROUP=demo)
	@tools/invoke.sh --check $(EVENT)
	@$(MAKE) --no-print-directory build
	@INSTANCE=$(INSTANCE) GROUP=$(GROUP) tools/invoke.sh $(EVENT)

status: ## what a cluster is doing, on the region or a real account (CLUSTER=name, STACK=etcd-asg, JSON=1)
	@STACK=$(STACK) python3 tools/status.py $(if $(JSON),--json) -- $(CLUSTER)

# One call of Cargo builds everything: with another choice of packages, it would build the big dependencies again.
build: etcd ## the functions, the region, the demo (debug)
	@$(phase) 'functions and region (first time: about 10 minutes)' \
	  cargo build --workspace --bins --locked $(quiet)

package: ## the functions' packages for Lambda (arm64), and their sizes (first time: about 20 minutes)
	@$(phase) 'packages (first time: about 20 minutes)' tools/package.sh

sam-build: ## the deployment as the SAM CLI builds it, in .aws-sam/ (installs the SAM CLI: 340 MB)
	@$(phase) 'the deployment (first time: about 20 minutes)' tools/sam-build.sh

deploy: ## the functions to your AWS account (STACK=etcd-asg PARAMETERS='VpcId=… SubnetIds=…,…')
	@python3 tools/deploy.py $(or $(STACK),etcd-asg) $(PARAMETERS)

deploy-cluster: ## a cluster to your AWS account (STACK=etcd-main FUNCTIONS=etcd-asg PARAMETERS='ClusterName=main SubnetIds=…')
	@python3 tools/deploy.py --cluster $(or $(STACK),etcd-main) $(or $(FUNCTIONS),etcd-asg) $(PARAMETERS)

etcd: ## etcd for tests and the demo, in .tools/ (ETCD=3.5.35: that version)
	@$(provide_etcd) >/dev/null

# Status 69 is a version that this machine cannot provide: it is reported, and its rows of the matrix report it again.
etcd-all: ## every etcd of the matrix, in .tools/ (first time: about 5 minutes)
	@for version in $$(ls tools/etcd); do \
	  tools/provide-etcd.sh $$version >/dev/null || [ $$? = 69 ] || exit 1; \
	done

bench: build ## the figures, as ratios measured in one run, into docs/FIGURES.md
	@$(phase) 'a function that does nothing, for comparison' \
	  cargo build -p region --example probe-function --locked $(quiet)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" "$(bin)/bench" --out docs/FIGURES.md

clean: ## removes the build; .tools/ stays
	@cargo clean

# Everything a newcomer needs: `make demo`. Tools are installed by the targets that need them, pinned, in .tools/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test matrix chaos model sim fuzz mutants test-rust test-instance test-templates test-conformance test-page lint-templates validate-sam invoke status verify fix region build package sam-build deploy etcd etcd-all bench clean

PORT ?= 4600
# End-to-end tests each run a region with up to nine etcds of their own: more at once only slows all down.
E2E_JOBS ?= 3
# For each target of `make fuzz`, in seconds.
TIME ?= 60

target := $(abspath $(or $(CARGO_TARGET_DIR),target))
bin := $(target)/debug
phase := tools/phase.sh
# Of those in tools/etcd/, such as ETCD=3.5.35; without it, whichever serves.
ETCD ?=
provide_etcd := tools/provide-etcd.sh $(ETCD)
# A terminal gets cargo's own progress; a log gets the phases only.
quiet := $(shell [ -t 2 ] || echo --quiet)
export RUSTUP_AUTO_INSTALL ?= 0
export CARGO_TARGET_DIR := $(target)

help: ## what there is
	@printf 'etcd-asg: an etcd cluster on an Auto Scaling group\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: build ## a cluster forms, heals, hands over, scales, is refreshed, with real etcd (first time: about 10 minutes)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" "$(bin)/demo" --timeline "$(target)/demo-timeline.html"

test: build test-instance test-templates test-conformance test-page test-rust ## all tests, the fault matrix in its short form

matrix: build etcd-all ## the full fault matrix, on every version of etcd (about 25 minutes at E2E_JOBS=6; ONLY=name: a part)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" RUST_TEST_THREADS=$(E2E_JOBS) \
	  $(phase) 'the full fault matrix' \
	  cargo test --workspace --test suite --locked $(quiet) -- --include-ignored $(ONLY)

# SEED, or LIFE with SIZE and DAYS, repeats one.
sim: ## years of a simulated group, and hostile minutes by the thousand (YEARS=10 SEEDS=2000; some minutes)
	@$(phase) 'years of virtual time' cargo test --profile sim -p membership --test properties --locked $(quiet) \
	  -- --ignored --exact long::long_histories --nocapture

fuzz: ## every parser of what comes from outside under libFuzzer (TIME=60 s each; TARGET=name: one)
	@$(phase) 'fuzzing' tools/fuzz.sh $(TIME) $(TARGET)

mutants: ## cargo-mutants on the pure core (hours; ARGS='--file …': a part)
	@$(phase) 'mutants of the pure core' tools/mutants.sh $(ARGS)

model: ## explores small worlds wholly, driving the real rules: every invariant, every dead end, every mutant
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
	  $(phase) 'Rust tests, end-to-end tests among them' cargo test --workspace --locked $(quiet)

test-instance: etcd
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'tests of the boot script (about 2 minutes)' \
	  python3 -W error::ResourceWarning -m unittest discover --start-directory tests/instance

# The templates' reader is the one that cfn-lint brings.
test-templates: build
	@lint=$$(tools/provide.sh cfn-lint) && etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" \
	  PYTHONDONTWRITEBYTECODE=1 $(phase) 'templates and sample events (about 2 minutes)' \
	  "$$(dirname "$$lint")/python" -m unittest discover --start-directory tests/deployment

test-conformance: build
	@moto=$$(tools/provide.sh moto_server) && etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" \
	  PYTHONDONTWRITEBYTECODE=1 $(phase) 'the region answers as moto does' \
	  "$$(dirname "$$moto")/python" -m unittest discover --start-directory tests/conformance

# Skipped, and said so, where there is no Chromium: Debian's package chromium, or CHROMIUM names one.
test-page: build
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'the region'"'"'s page in a browser' \
	  python3 -W error::ResourceWarning -m unittest discover --start-directory tests/page

lint-templates: ## cfn-lint on the templates
	@$(phase) 'templates' tools/check-templates.sh

validate-sam: ## sam validate --lint on the templates (installs the SAM CLI: 340 MB)
	@sam=$$(tools/provide.sh sam) && export SAM_CLI_TELEMETRY=0 && \
	  for template in template.yaml examples/cluster.yaml; do "$$sam" validate --lint --template "$$template"; done

verify: lint-templates ## formatting, lints, documentation, scripts, templates; changes nothing
	@$(phase) 'formatting' cargo fmt --all --check
	@$(phase) 'scripts' tools/check-scripts.sh
	@$(phase) 'the operator'"'"'s page tells of everything that can be said' \
	  python3 -B -m unittest discover --start-directory tests/documents
	@$(phase) 'lints (first time: about 4 minutes)' \
	  cargo clippy --workspace --all-targets --locked $(quiet) -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(phase) 'documentation' cargo doc --workspace --no-deps --locked $(quiet)

fix: ## formats, and mends what clippy can mend
	@cargo fmt --all
	@cargo clippy --workspace --all-targets --locked --fix --allow-dirty --allow-staged

region: build ## the local region in the foreground, for the AWS CLI (PORT=4600)
	@etcd=$$($(provide_etcd)) && \
	  exec "$(bin)/region" --port $(PORT) --functions-dir "$(bin)" --instance-dir instance --etcd-dir "$$etcd"

# What is missing is said before anything is built.
invoke: ## replays a sample event on the region (EVENT=launch INSTANCE=i-… GROUP=demo)
	@tools/invoke.sh --check $(EVENT)
	@$(MAKE) --no-print-directory build
	@INSTANCE=$(INSTANCE) GROUP=$(GROUP) tools/invoke.sh $(EVENT)

status: ## what a cluster is doing, on the region or a real account (CLUSTER=name, STACK=etcd-asg, JSON=1)
	@STACK=$(STACK) python3 tools/status.py $(if $(JSON),--json) -- $(CLUSTER)

# One invocation for all: another choice of packages would build the big dependencies a second time.
build: etcd ## the functions, the region, the demo (debug)
	@$(phase) 'functions and region (first time: about 6 minutes)' \
	  cargo build --workspace --bins --locked $(quiet)

package: ## the functions' packages for Lambda (arm64), and their sizes (first time: about 20 minutes)
	@$(phase) 'packages (first time: about 20 minutes)' tools/package.sh

sam-build: ## the deployment as the SAM CLI builds it, in .aws-sam/ (installs the SAM CLI: 340 MB)
	@$(phase) 'the deployment (first time: about 20 minutes)' tools/sam-build.sh

deploy: ## the functions to your AWS account (STACK=etcd-asg PARAMETERS='VpcId=… SubnetIds=…,…')
	@python3 tools/deploy.py $(or $(STACK),etcd-asg) $(PARAMETERS)

etcd: ## etcd for tests and the demo, in .tools/ (ETCD=3.5.35: that version)
	@$(provide_etcd) >/dev/null

# What this machine cannot provide is said, and its rows of the matrix say it again; anything else ends it.
etcd-all: ## every etcd of the matrix, in .tools/ (first time: about 5 minutes)
	@for version in $$(ls tools/etcd); do \
	  tools/provide-etcd.sh $$version >/dev/null || [ $$? = 69 ] || exit 1; \
	done

bench: build ## the figures, as ratios measured in one run, into docs/FIGURES.md
	@$(phase) 'a function that does nothing, for comparison' \
	  cargo build -p region --example probe-function --locked $(quiet)
	@etcd=$$($(provide_etcd)) && ETCD_BIN_DIR="$$etcd" "$(bin)/bench" --out docs/FIGURES.md

clean: ## removes what was built; .tools/ stays
	@cargo clean

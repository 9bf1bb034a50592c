# make serve    demo server with sample mail on 127.0.0.1:9993 (PORT=... to change)
# make check    the fast gate: lint, types, import contract, unit tests
# make test     all of it: real clients, Dovecot as a peer, kill -9; what CI runs
# make bench    figures beside Dovecot's
PORT ?= 9993
# One more than the processors of CI: many tests wait for programs that they started.
JOBS ?= 3
BIN := .venv/bin
READY := .venv/.ready
SLOW := tests/interop tests/differential tests/crash tests/house/test_demo.py tests/firewall/real tests/check

.PHONY: setup serve check lint unit test system-packages bench reference clean
.DEFAULT_GOAL := help

.PHONY: help
help:
	@sed -n 's/^# make/make/p' Makefile

setup: $(READY)

$(READY): pyproject.toml constraints.txt tools/setup.sh
	@sh tools/setup.sh
	@touch $@

serve: $(READY)
	@sh tools/demo.sh $(PORT)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(SLOW:%=--ignore=%)

check: lint unit

system-packages:
	@sh tools/system-packages.sh tests/packages.txt

tests/interop/node_modules/.ready: tests/interop/package.json
	cd tests/interop && npm install --no-audit --no-fund --no-package-lock --loglevel=error
	@touch $@

test: $(READY) system-packages $(if $(wildcard tests/interop/package.json),tests/interop/node_modules/.ready) lint
	@rm -f .pytest_cache/v/cache/lastfailed
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile || $(BIN)/python -m tools.second_look $$?

bench: $(READY) system-packages
	@sh tools/system-packages.sh bench/packages.txt
	$(BIN)/python -m bench.run $(BENCH)

reference: $(READY)
	$(BIN)/pillarbox config reference > docs/configure.md
	$(BIN)/python -m tools.rfcs

clean:
	rm -rf .venv demo-data tests/interop/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

# make demo   audit the embedded client twice and write two reports
# make test   lint, types and the tests that prove every check
# make test-all   the same, and the worlds of other authors, hostile input and kills at random
# Each does its own set-up: a .venv from requirements.lock, and on Debian as root the programs it needs.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all lint bench lock system clean

demo: .venv/.installed system
	$(BIN)/launchready demo

# Four workers, for much of it is waiting. A file's tests stay together, for they share what they start; tests/conftest.py
# says which come first.
PYTEST := $(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

test: .venv/.installed system lint
	$(PYTEST) -m "not heavy" $(TESTS)

# The programs that only these tests need (knot, nginx, Caddy, PHP, Ruby) are installed as where CI is set.
test-all: .venv/.installed lint
	@CI=true sh scripts/system.sh
	$(PYTEST) --hypothesis-profile=thorough $(TESTS)

lint: .venv/.installed
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

bench: .venv/.installed system
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/names.py

.venv/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Launch Ready needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python"; exit 1; }
	sh scripts/venv.sh $(PYTHON)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

system:
	@sh scripts/system.sh

# The lock holds exact versions and hashes and names no index; uv is only needed to make it anew.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group dev --group build pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build dist

# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check setup clean
.DEFAULT_GOAL := demo

setup: $(STAMP)

$(STAMP): pyproject.toml
	@echo "== setting up $(VENV) (once; a few minutes on a fresh machine)"
	@command -v $(PYTHON) >/dev/null || { echo "spectrack needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@echo "== spectrack demo: make a clip, follow the object, measure the result"
	@$(BIN)/spectrack demo --out demo --overwrite

test: $(STAMP)
	@echo "== running the tests (a few minutes on two cores)"
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	@echo "== ruff, format, mypy, import directions"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_architecture.py

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .mypy_cache

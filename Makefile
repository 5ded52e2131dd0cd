# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; \
	done)
VENV   := .venv
BIN    := $(VENV)/bin
# What is installed beside the library; .ci/run asks for every extra.
EXTRAS ?= dev
STAMP  := $(VENV)/.installed
JOBS   ?= 2

.PHONY: demo test check docs experiments setup clean
.DEFAULT_GOAL := demo

setup: $(STAMP)

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "spectrack needs Python 3.11 or newer; install it, or run make PYTHON=/path/to/python" >&2; exit 2; }
	@echo "== setting up $(VENV) with $(PYTHON) (once; a few minutes, most of it downloads)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable '.[$(EXTRAS)]'
	@touch $@
	@echo "== $(VENV) is ready"

demo: $(STAMP)
	@echo "== spectrack demo: make a clip, follow the object in it, measure the result"
	@$(BIN)/spectrack demo --out demo --overwrite

test: $(STAMP)
	@echo "== running the tests, $(JOBS) at a time (a few minutes; a dot is a test)"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations 5

check: $(STAMP)
	@echo "== ruff: rules"
	@$(BIN)/ruff check .
	@echo "== ruff: format"
	@$(BIN)/ruff format --check .
	@echo "== mypy: types"
	@$(BIN)/mypy
	@echo "== import directions"
	@$(BIN)/python -m pytest tests/test_architecture.py

docs: $(STAMP)
	@$(BIN)/python docs/make_pages.py

# The paper's experiments, into docs/results (an hour); make experiments QUICK=1 only tries them.
experiments: $(STAMP)
	@$(BIN)/python experiments/run_all.py $(if $(QUICK),--quick)

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .mypy_cache

# Two commands matter: `make lab` and `make test`. Both need nothing but Python >= 3.11 and make.
#   make lab        JupyterLab on notebook 00      (LAB_ARGS="--no-browser --port 8899" passes arguments on)
#   make test       every check: lint, types, tests, notebooks, browser
#   make notebooks  execute every notebook and store it, outputs included
#   make bench      the benchmarks
#   make clean      remove the environment and every cache
# PYTHON=/path/to/python chooses the Python the environment is made with.

LAB_ARGS ?=
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: lab test notebooks bench clean

lab: .venv/lab.stamp
	@$(BIN)/python -m nbformat.sign notebooks/*.ipynb >/dev/null # trusted, or JupyterLab warns about its own course
	@$(BIN)/python -m jupyterlab $(LAB_ARGS) notebooks/00_the_drop.ipynb

test: .venv/test.stamp
	@$(BIN)/python tests/check.py

notebooks: .venv/lab.stamp
	@$(BIN)/python tests/build_notebooks.py

bench: .venv/test.stamp
	@$(BIN)/python tests/bench.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/browser/screenshots
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# The environment: made once, and again only when what it is made from changes.
.venv/lab.stamp: pyproject.toml $(wildcard etc/jupyter/*.* etc/jupyter/*/*.*)
	@$(BIN)/python -c "$(USABLE)" 2>/dev/null || { \
	    for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	        "$$python" -c "$(USABLE)" 2>/dev/null && break; python=; \
	    done; \
	    [ -n "$$python" ] || { echo "No usable Python found: install Python 3.11, 3.12, 3.13 or 3.14 with its venv" \
	        "module (on Debian and Ubuntu: apt install python3-venv), or name one: make $(MAKECMDGOALS) PYTHON=..."; exit 1; }; \
	    echo "Making the environment .venv with $$("$$python" --version), once ..."; \
	    rm -rf .venv && "$$python" -m venv .venv; \
	}
	@$(call install,.)
	@touch $@

.venv/test.stamp: .venv/lab.stamp
	@$(call install,.[test])
	@touch $@

USABLE = import ensurepip, venv, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))

# uv installs in seconds what takes pip most of a minute; pip does it where uv cannot be had.
install = if $(BIN)/python -m pip install --quiet uv; \
    then $(BIN)/python -m uv pip install --quiet --python $(BIN)/python --editable '$(1)'; \
    else echo "uv cannot be had here; installing with pip"; $(BIN)/python -m pip install --quiet --editable '$(1)'; fi

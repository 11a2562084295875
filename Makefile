# Two commands matter: `make serve` and `make test`. Each sets up what it needs, and is quick the
# second time.

PYTHON ?= python3
PORT ?= 8000
# On a machine without a GPU, the index https://download.pytorch.org/whl/cpu spares you gigabytes:
#   make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

SERVE := .venv
DEV := .venv-dev
PIP := -m pip install --quiet --disable-pip-version-check
# One lock for every Python and platform: markers say what is for which. Wheels only.
LOCK = $(DEV)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --no-build \
  --generate-hashes --upgrade --custom-compile-command "make lock"
# Several machines' worth of threads on two cores only get in each other's way.
export OMP_NUM_THREADS ?= 1

.PHONY: help serve env test check bench soak lock sbom clean

help:
	@echo "make serve   set up .venv and serve the bundled model on 127.0.0.1:$(PORT) (PORT=)"
	@echo "make env     set up .venv-dev: every extra, and the tests' tools"
	@echo "make test    make env, then lint, types and tests"
	@echo "make check   ruff, mypy, and known vulnerabilities (where these can be looked up)"
	@echo "make bench   what is promised, measured"
	@echo "make soak    the long runs that 'make test' leaves out"
	@echo "make lock    renew deploy/*.lock: what the service's image is made of, by hash"
	@echo "make sbom    write dist/sbom/: what serves, as CycloneDX"
	@echo "make clean   remove both environments and every cache"

serve: $(SERVE)/installed
	@$(SERVE)/bin/endolink serve --port $(PORT)

env: $(DEV)/installed

test: check
	$(DEV)/bin/python -m pytest -m "not soak"

check: $(DEV)/installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/python -m deploy.vulnerabilities

bench: $(DEV)/installed
	$(DEV)/bin/python -m benchmarks

soak: $(DEV)/installed
	$(DEV)/bin/python -m pytest -m soak

lock: $(DEV)/installed
	$(LOCK) --output-file deploy/requirements.lock pyproject.toml
	$(DEV)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(LOCK) --output-file deploy/build.lock -

sbom: $(DEV)/installed $(SERVE)/installed
	$(DEV)/bin/python -m deploy.sbom --environment $(SERVE) --out dist/sbom

clean:
	rm -rf $(SERVE) $(DEV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(SERVE)/installed: pyproject.toml
	@echo "Setting up $(SERVE): what serving needs, once (about a minute) ..."
	$(call environment,$(SERVE))
	@$(SERVE)/bin/python $(PIP) --editable .
	@touch $@

# torch goes first and by its exact version: its pin decides which build everything else gets.
$(DEV)/installed: pyproject.toml
	@echo "Setting up $(DEV): every extra and the tests' tools, once (some minutes) ..."
	$(call environment,$(DEV))
	@$(DEV)/bin/python $(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	@$(DEV)/bin/python $(PIP) --editable ".[training,archive,tracing,ray,dev]"
	@touch $@

# Debian and Ubuntu keep venv in a package of its own; without it, say which line brings it.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "EndoLink needs Python 3.11 or newer; name one with PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv is missing. On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef

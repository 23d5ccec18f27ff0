# What there is to do here, on a bare machine with Python 3.11 or later, make and git: `make` lists it.
# Everything is made inside .venv and .tools; `make clean` takes it away again.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:

# make PYTHON=/path/to/python3 chooses the Python; else the first of 3.11 or later on PATH.
export PYTHON
# Another environment that happens to be active, or a PYTHONPATH, must not leak into this one.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONSAFEPATH
unexport UV_PYTHON UV_PROJECT_ENVIRONMENT UV_SYSTEM_PYTHON PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
unexport PYTEST_ADDOPTS PYTEST_PLUGINS
export PYTHONNOUSERSITE := 1
# pyright's own code comes with its package; asking the index for a newer one is of no use, the lock decides.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

UV := .tools/uv/bin/uv
BIN := .venv/bin
LOCKS := requirements-dev.lock requirements-build.lock
UV_VERSION := 0.13.8
# Files that are heavy with sandboxes mostly wait; two at a time fit two cores, and one file stays in one process.
TEST_OPTIONS := -n 2 --dist loadfile

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/.made sandbox ## Watch a fault in a real project being found, fixed, tested and shown with its receipt
	@$(BIN)/assay demo

test: .venv/.made sandbox redis triton ## Run the tests
	@$(BIN)/pytest $(TEST_OPTIONS) $(ARGS)

check: .venv/.made ## Lint, formatting, types, the direction of imports, and the documents
	$(BIN)/ruff check . scripts/check-docs
	$(BIN)/ruff format --check . scripts/check-docs
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -P scripts/check-docs

bench: .venv/.made sandbox redis triton ## Measure start-up, round trips, the sandbox and models, against bare ones
	@$(BIN)/python -P -m benchmarks

lock: $(UV) ## Renew the lock files; `make lock UPGRADE=--upgrade` takes newer versions
	$(UV) pip compile -q $(UPGRADE) $(COMPILE) pyproject.toml -o requirements.lock
	$(UV) pip compile -q $(UPGRADE) $(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.lock
	echo 'hatchling editables' | tr ' ' '\n' | \
	  $(UV) pip compile -q $(UPGRADE) $(COMPILE) - -c requirements-dev.lock -o requirements-build.lock
	echo 'uv==$(UV_VERSION)' | $(UV) pip compile -q $(COMPILE) - -o requirements-uv.lock
	echo 'nvidia-pytriton==0.7.0' | $(UV) pip compile -q $(UPGRADE) $(COMPILE) --no-deps - -o $(SERVED)-server.lock
	echo '$(MODELS)' | tr ' ' '\n' | $(UV) pip compile -q $(UPGRADE) $(COMPILE) - -o $(SERVED)-models.lock
	echo '$(MODELS) transformers>=5 torch==2.13.0' | tr ' ' '\n' | \
	  $(UV) pip compile -q $(UPGRADE) $(COMPILE) -c $(SERVED)-models.lock - -o $(SERVED)-torch.lock
	echo '$(MODELS) transformers>=5 filelock fsspec jinja2 networkx sympy setuptools typing-extensions' | tr ' ' '\n' | \
	  $(UV) pip compile -q $(UPGRADE) $(COMPILE) -c $(SERVED)-torch.lock - -o $(SERVED)-transformers.lock
export UV_CUSTOM_COMPILE_COMMAND := make lock
# The environment of the models that the local Triton serves, whose Python backend is from before numpy 2.
SERVED := inference/tritonserver/requirements
MODELS := numpy<2 onnxruntime>=1.24 tokenizers>=0.22
COMPILE := --universal --generate-hashes --no-emit-index-url --python-version 3.11

clean: ## Take away the environment, the tools and the caches
	rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build

$(UV): requirements-uv.lock scripts/get-uv
	@scripts/get-uv
	@touch $@

.venv/.made: $(UV) $(LOCKS) pyproject.toml scripts/get-environment
	@scripts/get-environment
	@touch $@

# Where no sandbox can be had, the rest still works and says what it could not prove; in CI that is a failure.
sandbox: .venv/.made
	@scripts/get-runsc || test -z "$$CI"

# The tests of the team's cache of embeddings talk to a real one.
redis:
	@scripts/get-redis || test -z "$$CI"

# The tests of what talks to models talk to a real Triton.
triton: .venv/.made
	@scripts/get-triton || test -z "$$CI"

.PHONY: help demo test check bench lock clean sandbox redis triton

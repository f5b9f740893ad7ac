# Every verb works on a fresh checkout: what it needs is installed into .venv first, once per change of what is wanted.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKS := deploy/requirements
SOURCES := rollouts analysis tests benchmarks
N ?= 100
SEEDS ?= 2000
REPLICATES ?= 10
MANY ?= 250
UPGRADE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test tidy sim crds snap lock notes judge bench clean

help: ## List the verbs.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

demo: $(VENV)/.demo ## Watch real traffic move to a new version, on this machine alone.
	@$(BIN)/rollouts demo

test: tidy ## Everything that CI runs: tidiness, all tests, the simulator's seeds, the real control plane.
	@$(BIN)/python -m pytest

tidy: $(VENV)/.test ## Format, lint, types.
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy

sim: $(VENV)/.test ## Run the simulator over SEEDS seeds.
	@$(BIN)/python -m rollouts.simulation --seeds $(SEEDS)

crds: $(VENV)/.demo ## Write crds/ anew from the models.
	@$(BIN)/python -m rollouts.api.crds

snap: $(VENV)/.test ## Rewrite the snapshots that tests compare with, for review in the diff.
	@SNAP=1 $(BIN)/python -m pytest -q -m "not realplane and not netns and not slow"

lock: $(VENV)/.test ## Pin what pyproject.toml asks for by version and hash; UPGRADE=--upgrade takes the newest.
	@$(PIP) uv
	@set -e; pin() { out=$$1; shift; $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header $(UPGRADE) "$$@" --output-file $(LOCKS)/$$out.txt; }; \
	pin test pyproject.toml --extra test; \
	for extra in controller:aws gitops:gitops demo:demo; do \
		pin $${extra%:*} pyproject.toml --extra $${extra#*:} --constraint $(LOCKS)/test.txt; \
	done; \
	printf 'hatchling\neditables\n' | pin build - --constraint $(LOCKS)/test.txt

notes: ## Print the fragments of changes/ as the notes of a release.
	@for kind in feature change removal fix doc; do \
		set -- changes/*.$$kind.md; \
		if test -e "$$1"; then printf '## %s\n\n' $$kind; sed 's/^/- /' "$$@"; echo; fi; \
	done

judge: $(VENV)/.test ## Play the scoreboard of canary judges, REPLICATES seeds a scenario; ours on MANY (in full 10000).
	@$(BIN)/python -m benchmarks.judging --replicates $(REPLICATES)
	@$(BIN)/python -m benchmarks.judging.many --replicates $(MANY)
	@$(BIN)/python -m benchmarks.judging.kinds --replicates $(REPLICATES)

bench: $(VENV)/.test ## N rollouts at once on a real control plane, beside the fewest writes that they need.
	@$(BIN)/python -m benchmarks.fleet --rollouts $(N) --controllers null,ours

clean: ## Remove what the other verbs left in this folder (the built control plane stays in ~/.cache/rollouts-plane).
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two verbs at once may both want to install: the second waits, and finds it done.
$(VENV)/.%: pyproject.toml $(LOCKS)/%.txt $(LOCKS)/build.txt
	@mkdir -p build
	@flock build/.install.lock sh -ec ' \
		is_fresh() { for each in $^; do test $$1 -nt $$each || return 1; done; }; \
		if is_fresh $@; then exit 0; fi; \
		if test $* = demo && is_fresh $(VENV)/.test; then touch $@; exit 0; fi; \
		echo "installing into $(VENV), once; half a minute or so"; \
		test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
		$(PIP) --require-hashes --no-deps -r $(LOCKS)/build.txt -r $(LOCKS)/$*.txt; \
		$(PIP) --no-deps --no-build-isolation --editable .; \
		touch $@'

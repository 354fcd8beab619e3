# BrainTwin: `make demo` runs the whole pipeline on the synthetic cohort, `make test` passes the tests.
# Both install what they need into .venv first, from the hashed lock of this Python.

PYTHON ?= python3
VENV   ?= .venv
CORES  ?= 2
WHEELHOUSE ?=
ONLY   ?= tests/validate
TESTS  ?= --ignore=tests/slurm --ignore=tests/faults
BIN    := $(VENV)/bin
RUN    := PATH="$(abspath $(BIN)):$$PATH"

.PHONY: help install demo test test-cluster lint format bench validate study config calibrate wheelhouse test-latest crate \
        docs lock clean validation-study

help:            ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: $(VENV)/.installed   ## a virtual environment from the lock

$(VENV)/.installed: envs/install.sh envs/lock-3.11.txt envs/lock-3.12.txt envs/lock-3.13.txt pyproject.toml
	@sh envs/install.sh "$(PYTHON)" "$(VENV)" "$(WHEELHOUSE)"
	@touch $@

demo: install    ## the whole pipeline on the embedded synthetic cohort
	@$(RUN) braintwin run --config config/config.yaml --cores $(CORES)

test: install    ## the tests (about 20 min on 2 cores); those that need a SLURM or root apart: TESTS= takes all
	@$(RUN) $(BIN)/python -m pytest -n $(CORES) $(TESTS)

test-cluster: install  ## a real SLURM on this machine, and faults done to runs (as root; installs SLURM)
	@$(BIN)/python tests/support/slurm_cluster.py install
	@$(RUN) BRAINTWIN_REQUIRE=slurm $(BIN)/python -m pytest tests/slurm tests/faults

lint: install    ## formatting, lints and types
	@$(RUN) ruff format --check src tests benchmarks workflow
	@$(RUN) ruff check src tests benchmarks workflow
	@$(RUN) mypy
	@$(RUN) snakefmt --check Snakefile workflow/rules
	@$(RUN) snakemake --lint

format: install  ## write the formatting
	@$(RUN) ruff format src tests benchmarks workflow
	@$(RUN) ruff check --fix src tests benchmarks workflow
	@$(RUN) snakefmt Snakefile workflow/rules

bench: install   ## speed against peers and naive versions, in the same run
	@for script in benchmarks/*.py; do echo "== $$script"; $(RUN) $(BIN)/python $$script || exit 1; done

validate: install  ## long evidence, resumable: studies/validation/*.json (ONLY=tests/validate/test_x.py for one)
	@$(RUN) $(BIN)/python -m pytest -n $(CORES) -m validate $(ONLY); code=$$?; \
	$(RUN) $(BIN)/python tests/support/campaign.py --write; \
	$(RUN) $(BIN)/python tests/support/validation_study.py && exit $$code

validation-study: install  ## the validation study: its records, tables, figures, archive and page (8 CPU min from nothing)
	@$(MAKE) --no-print-directory validate ONLY="tests/validate/test_held_out_nights.py tests/validate/test_temazepam.py \
	tests/validate/test_nights_sbc_full.py tests/validate/test_speed.py"
	@$(RUN) $(BIN)/python tests/support/validation_check.py --parts ''

study: install   ## run, publish and verify the worked example again: studies/example/expected
	@cd studies/example && $(RUN) braintwin run --config config.yaml --cores $(CORES) && $(RUN) braintwin publish \
	--config config.yaml --date 2026-01-01 --output expected/example.braintwin.zip && \
	$(RUN) braintwin verify expected/example.braintwin.zip
	@$(BIN)/python tests/support/write_methods.py

docs: install    ## the site of the docs, in site/; a link that leads nowhere fails
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict && echo site/index.html

config: install  ## write config/config.yaml and config/schema.json from the options
	@$(RUN) braintwin config --write

calibrate: install  ## treatments fitted to their trials on the packaged population (2 CPU min); page, golden ranking
	@$(RUN) braintwin calibrate --treatments config/treatments.yaml
	@$(RUN) braintwin config --write
	@$(BIN)/python tests/support/golden_ranking.py

wheelhouse:      ## what the lock names, in a folder, to install without network (WHEELHOUSE=folder)
	@sh envs/wheelhouse.sh "$(PYTHON)" "$(or $(WHEELHOUSE),wheelhouse)"

test-latest:     ## the quick tests against the newest versions that pyproject.toml allows, in .venv-latest
	@sh envs/latest.sh "$(PYTHON)" .venv-latest
	@PATH="$(abspath .venv-latest/bin):$$PATH" .venv-latest/bin/python -m pytest -n $(CORES) tests/unit tests/laws tests/golden tests/architecture

crate:           ## roc-validator on the RO-Crate of the worked example, in .venv-crate (it needs an older rich)
	@test -x .venv-crate/bin/python || "$(PYTHON)" -m venv .venv-crate
	@.venv-crate/bin/python -m pip install --quiet --disable-pip-version-check 'roc-validator==0.13.0' 'rocrate==0.16.0'
	@.venv-crate/bin/python tests/support/validate_crate.py studies/example/expected/example.braintwin.zip

lock: install    ## resolve the locks and envs/braintwin.yaml again (needs uv)
	@sh envs/lock.sh
	@$(BIN)/python envs/export.py

clean:           ## remove the environment and what the demo made; studies of yours stay
	rm -rf $(VENV) results/demo resources/synthetic*

# From a bare machine: make, Python 3.11 or newer and pip's package registry are all that is needed.

.DEFAULT_GOAL := help
.PHONY: help demo up test check chaos recovery fuzz bench audit lock clean

# 3.12 and 3.11 first: Redis comes as a wheel for them, and is compiled (needs a C compiler) for the others.
PYTHON = $(shell for need in 'import ensurepip, venv' 'pass'; do \
	for python in python3.12 python3.11 python3.13 python3.14 python3; do \
		"$$python" -c "$$need; import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && \
		echo "$$python" && exit; \
	done; done)

# What would make our Python load somebody else's code.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS VIRTUAL_ENV

# A test run must not find the caller's own servers.
WITHOUT_SETTINGS = env $(addprefix -u ,$(filter TICKETWALK_% FLOWER_% CELERY_%,$(.VARIABLES)))

define install
	@python='$(PYTHON)'; \
	if [ -z "$$python" ]; then \
		echo 'ticketwalk: Python 3.11 or newer is needed (Debian, Ubuntu: apt-get install python3 python3-venv)' >&2; \
		exit 1; \
	fi; \
	"$$python" requirements/install.py $(1)
endef

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 \2/p' Makefile | while read -r make target text; do \
		printf '  make %-8s %s\n' "$$target" "$$text"; done

demo: ## Run one ticket from webhook to summary, with embedded servers
	$(call install,runtime)
	@.venv/bin/ticketwalk demo

up: ## Run the service until Ctrl-C; options: make up ARGS='--port 8700'
	$(call install,runtime)
	@exec .venv/bin/ticketwalk up $(ARGS)

# Two files at a time, each process with servers of its own: most tests wait for something.
test: ## Run all tests; options: make test ARGS='-k notes'
	$(call install,dev)
	@$(WITHOUT_SETTINGS) .venv/bin/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: ## Check format, style, types, imports, dependencies; run the unit tests
	$(call install,dev)
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m requirements.sbom
	@.venv/bin/python -m requirements.audit --where-reachable
	@$(WITHOUT_SETTINGS) .venv/bin/python -m pytest tests/unit

chaos: ## Break everything, then check every promise: make chaos MINUTES=10 [SEED=1] [KILLS=1000]
	$(call install,dev)
	@$(WITHOUT_SETTINGS) .venv/bin/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(ARGS)

recovery: ## Measure how soon workers work again after a fault: make recovery [FREEZE=120]
	$(call install,dev)
	@$(WITHOUT_SETTINGS) .venv/bin/python -m tests.chaos.recovery $(if $(FREEZE),--freeze $(FREEZE))

fuzz: ## Fuzz every parser and the receiver: make fuzz MINUTES=10 [SEED=1]
	$(call install,fuzz)
	@$(WITHOUT_SETTINGS) .venv/bin/python -m tests.fuzz $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

bench: ## Measure throughput and latency
	$(call install,dev)
	@$(WITHOUT_SETTINGS) .venv/bin/python benchmarks/run.py $(ARGS)

audit: ## List what the service runs on (build/sbom.cdx.json); look up known weaknesses or fail
	$(call install,dev)
	@.venv/bin/python -m requirements.sbom
	@.venv/bin/python -m requirements.audit

# No --upgrade by itself: a version changes because somebody asked for it.
LOCK = .venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-header $(ARGS) pyproject.toml

lock: ## Lock the requirements anew; newest versions: make lock ARGS=--upgrade
	$(call install,dev)
	@$(LOCK) --output-file requirements/runtime.txt
	@$(LOCK) --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
	@$(LOCK) --extra dev --extra fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt

clean: ## Remove the environment and all caches; embedded data stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

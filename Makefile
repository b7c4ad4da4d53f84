# AutoForge's commands. `make` alone lists them.
#
#   PYTHON=/path/to/python3.12   the Python to make .venv with (default: the first from 3.11 up)
#   DATABASE=libsql              `make run` on a local libSQL server instead of a SQLite file
#   PORT=8001, HOST=0.0.0.0      where `make run` serves; every other variable works too
#   ARGS="-k import -x"          more for pytest, with `make test-only` and `make test-matrix`
#   PYTHONS="3.13", DJANGO=6.1   what `make test-matrix` tests, instead of everything
#   ARGS="queries schema"        Django's test modules, with `make conformance`; also --django 6.1

.DEFAULT_GOAL := help
VENV = .venv
PYTHON ?=
DATABASE ?=
ARGS ?=
export VENV
export ARGS
export DATABASE
export PYTHONS
export DJANGO

BIN := $(VENV)/bin
# Makes $(VENV) where it is missing or broken and installs what has changed; else takes a moment.
BOOTSTRAP = python=$$(sh scripts/find_python.sh "$(PYTHON)") && "$$python" scripts/bootstrap.py

.PHONY: run test check fmt help setup test-only test-matrix matrix lock local-model local-embeddings differential clients mutants measure env-files docs rehearse crash-test crash-restore crash-migrate crash-replica bench-backup bench-db bench-eval bench-prompts bench-api bench-metrics bench-import load audit sbom cloudflare conformance conformance-fast third-party shell clean

##@ Use

run: ## Start AutoForge on http://127.0.0.1:8000/ (sets everything up on the first run)
	@$(BOOTSTRAP) $(if $(filter libsql,$(DATABASE)),requirements-libsql.txt,requirements.txt) \
		&& exec $(BIN)/python scripts/run.py

shell: ## Open a Python shell with Django and the database
	@$(BOOTSTRAP) requirements.txt && exec $(BIN)/python manage.py shell

local-model: ## Download a small real model, so that evaluations need no API key and no network
	@$(BOOTSTRAP) requirements.txt && $(BIN)/python scripts/local_model.py

local-embeddings: ## Download a small embedding model for `similar`; needs no API key and no network afterwards
	@$(BOOTSTRAP) requirements.txt && $(BIN)/python scripts/local_embeddings.py

##@ Develop

test: setup ## Everything that CI runs: checks, tests, coverage
	@exec $(BIN)/python scripts/test.py

check: setup ## Format, lint, types, layers, migrations, templates, security
	@exec $(BIN)/python scripts/check.py

fmt: setup ## Format the code and the templates
	@$(BIN)/python scripts/check.py --fix

test-only: setup ## Only the tests: make test-only ARGS="tests/prompts -k version"
	@exec $(BIN)/python -m pytest $(ARGS)

test-matrix: setup ## The tests on every installed Python, and on Django 6.1 with Python 3.12 or newer
	@exec $(BIN)/python scripts/test_matrix.py

matrix: setup ## The libSQL backend's own tests on each Django and Python, from its folder alone: ARGS="--python 3.12 --django 6.1"
	@exec $(BIN)/python scripts/package_matrix.py $(ARGS)

conformance: setup ## Django's own tests on a real libSQL server; writes docs/conformance.md
	@exec $(BIN)/python scripts/conformance $(ARGS)

conformance-fast: setup ## The database-related ones of them, in a few minutes
	@exec $(BIN)/python scripts/conformance --fast $(ARGS)

third-party: setup ## Tests of other people's Django packages on libSQL and SQLite: ARGS="wagtail filter"; writes docs/third-party.md
	@$(BOOTSTRAP) requirements-third-party.txt --venv .venv-third-party && exec $(BIN)/python scripts/third_party $(ARGS)

differential: setup ## Compare scorers and configurations with the real promptfoo (npm): ARGS="--seed 7"
	@exec $(BIN)/python scripts/differential $(ARGS)

clients: setup ## Run the real clients (langfuse, promptfoo, mcp, openai, OpenTelemetry, our own) against a live server, and Turso's against its fake: ARGS="--only mcp"
	@$(BOOTSTRAP) requirements-clients.txt --venv .venv-clients && exec $(BIN)/python scripts/clients $(ARGS)

mutants: setup ## Mutation testing: small changes to critical code; do its tests notice? ARGS="budget labels --show"
	@exec $(BIN)/python scripts/mutants $(ARGS)

measure: setup ## Code metrics, next to those of similar projects: ARGS="--against main --format json"
	@exec $(BIN)/python scripts/measure $(ARGS)

env-files: setup ## Write .env.example, the templates, and the variables of workflows and guide from the table
	@exec $(BIN)/python scripts/environment_files.py

docs: ## Build the documentation site into site/ (strict); ARGS=serve previews it as you write
	@$(BOOTSTRAP) requirements-docs.txt --venv .venv-docs \
		&& NO_MKDOCS_2_WARNING=1 exec .venv-docs/bin/python -m mkdocs $(or $(ARGS),build --quiet)

cloudflare: ## Test the Cloudflare Worker (Node.js from PyPI, wrangler from npm); deploys nothing
	@$(BOOTSTRAP) requirements-node.txt --venv .venv-node && exec .venv-node/bin/python scripts/cloudflare.py

rehearse: setup ## An installation like staging's lives through a bad week: tokens, backups, deployments
	@exec $(BIN)/python scripts/rehearse

crash-test: setup ## Kill runs at random moments; do they recover? ARGS="--kills 50 --victim server --database libsql"
	@exec $(BIN)/python scripts/crashes $(ARGS)

crash-restore: setup ## Kill restorations at random moments; is a database ever half? ARGS="--kills 30 --database libsql"
	@exec $(BIN)/python scripts/crashes/restores.py $(ARGS)

crash-migrate: setup ## Kill migrate_safely at random moments; is anything half done? ARGS="--kills 30 --victim server --database libsql"
	@exec $(BIN)/python scripts/migration_crashes $(ARGS)

crash-replica: setup ## Kill processes that share a replica of a libSQL database; does one read the past? ARGS="--kills 50 --sequences 1000"
	@exec $(BIN)/python scripts/crashes/replicas.py $(ARGS)

bench-backup: setup ## Back up and restore 1 GB on SQLite and libSQL: time, memory, equal tables: ARGS="--size 20"
	@exec $(BIN)/python benchmarks/backups.py $(ARGS)

bench-db: setup ## Compare the libSQL backend with SQLite and other clients, also with many threads: ARGS="--only crowds"
	@exec $(BIN)/python benchmarks/database $(ARGS)

bench-eval: setup ## Compare the evaluation engine with the real promptfoo (npm): ARGS="--only memory,libsql"
	@exec $(BIN)/python benchmarks/evaluations.py $(ARGS)

bench-prompts: setup ## Search, released prompts and admin pages: times and round trips
	@exec $(BIN)/python benchmarks/prompts.py

bench-api: setup ## The HTTP API: speed beside a bare view, steady load, round trips: ARGS="--only ratios"
	@exec $(BIN)/python benchmarks/api.py $(ARGS)

bench-metrics: setup ## What counting for Prometheus adds to a request, and what a scrape takes
	@exec $(BIN)/python benchmarks/metrics.py

bench-import: setup ## Import 50,000 generated rows; prints time and memory
	@exec $(BIN)/python benchmarks/import_prompts.py

##@ Maintain

load: setup ## Users over admin, API and health (Locust), on a server of its own or at HOST=http://…: ARGS="--users 64"
	@$(BOOTSTRAP) requirements-load.txt --venv .venv-load && if [ -z "$(HOST)" ]; then \
		exec $(BIN)/python benchmarks/load.py $(ARGS); else \
		exec .venv-load/bin/locust --headless --only-summary --locustfile deploy/load/locustfile.py \
			--host $(HOST) $(or $(ARGS),--users 64 --spawn-rate 16 --run-time 60s); fi

audit: ## Look for known holes in the pinned packages (asks PyPI)
	@$(BOOTSTRAP) requirements-scans.txt --venv .venv-scans && for file in requirements.txt requirements-dev.txt; do \
		.venv-scans/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement $$file || exit 1; done

sbom: ## List what an installation contains, as CycloneDX, in dist/sbom.cdx.json (no network after setup)
	@$(BOOTSTRAP) requirements-scans.txt --venv .venv-scans
	@$(BOOTSTRAP) requirements.txt --venv .venv-release
	@mkdir -p dist && .venv-scans/bin/cyclonedx-py environment .venv-release --pyproject pyproject.toml \
		--mc-type application --output-reproducible --validate --output-file dist/sbom.cdx.json

setup: ## Create .venv with everything needed for development
	@$(BOOTSTRAP) requirements-dev.txt

lock: setup ## Resolve requirements*.in into requirements*.txt, pinned with hashes
	@exec $(BIN)/python scripts/lock.py

clean: ## Remove caches, reports and .venv; data and .env.local stay
	@rm -rf $(VENV) .venv-* .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis dist htmlcov site staticfiles test-results
	@find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo

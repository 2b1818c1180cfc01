# Teleconsult: from a bare checkout to a running clinic. Only make and Python 3.11 are expected to be there.
#
#   make run       set up what is missing, then serve on http://127.0.0.1:8080 with a demo clinic
#   make install   the set-up alone; after it .venv/bin/python -m server … works
#   make test      set up what the tests need (Chromium, fonts, Node tools), then run all tests
#   make bench     benchmarks;  make evaluate   the triage engine on the bundled cases
#   make lock      resolve the dependencies anew (needs uv)

PYTHON ?= python3.11
UV ?= uv
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST_ARGS ?=
POSTGRES_15 := /usr/lib/postgresql/15/bin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: run install test test-tools bench evaluate lock lint clean

run: install
	@exec env TELECONSULT_PORT=$${TELECONSULT_PORT:-$(PORT)} $(BIN)/python -m server serve --with-demo-data --logs-to-files

install: $(VENV)/.installed $(VENV)/.native

# Without arguments in the lanes of tests/lanes.py, one after the other.
test: test-tools $(VENV)/.native
	@if [ -n "$(PYTEST_ARGS)" ]; then exec $(BIN)/python -m pytest $(PYTEST_ARGS); fi; exec $(BIN)/python -m tests.lanes

# A folder of packages is made once and again when its lock changes; the stamps make every later start immediate.
$(VENV)/.made:
	@echo "== 1/2 Making a virtual environment with $(PYTHON)"
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing. On Debian 12: apt-get install python3.11 (or: make PYTHON=/path/to/python3.11)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory apt PACKAGES=python3.11-venv
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import pathlib, sysconfig; (pathlib.Path(sysconfig.get_path("purelib")) / "teleconsult.pth").write_text("$(CURDIR)\n")'
	@touch $@

$(VENV)/.installed: requirements.lock | $(VENV)/.made
	@echo "== 2/2 Installing the packages of requirements.lock, each checked by its hash (about 260 MB, a minute or two)"
	@$(PIP) install --require-hashes --only-binary :all: --progress-bar on -r requirements.lock
	@touch $@

$(VENV)/.tested: requirements-test.lock $(VENV)/.installed
	@echo "== Installing the packages of requirements-test.lock"
	@$(PIP) install --require-hashes --progress-bar on -r requirements-test.lock
	@touch $@

# Two inner loops have an optional form in C, the relay's (signaling/native/README.md) and the blind index's
# (records/native/README.md); without a compiler the Python ones serve.
$(VENV)/.native: $(VENV)/.installed $(wildcard signaling/native/*.[ch] records/native/*.[ch])
	@echo "== Building the inner loops of relay and blind index"
	@$(BIN)/python -m signaling.net.native
	@$(BIN)/python -m records.store.native
	@touch $@

node_modules/.installed: package-lock.json
	@echo "== Installing the tests' Node tools"
	@npm ci --legacy-peer-deps --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-tools: $(VENV)/.tested debian-tools node_modules/.installed

# What the tests need beside Python: two browsers, letters of both languages, Node, a TURN server, the oldest PostgreSQL
# that is served, a security module in software;
# libatomic for the Node inside Playwright's wheel.
# Debian would make a cluster and start it as a service; on a machine without one it is told not to.
.PHONY: debian-tools apt
debian-tools:
	@missing=""; PATH="$$PATH:/usr/sbin:/sbin"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v firefox-esr >/dev/null || missing="$$missing firefox-esr"; \
	ls /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc >/dev/null 2>&1 || missing="$$missing fonts-noto-cjk"; \
	ls /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf >/dev/null 2>&1 || missing="$$missing fonts-dejavu-core"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v git >/dev/null || missing="$$missing git"; \
	ldconfig -p | grep libatomic.so.1 >/dev/null || missing="$$missing libatomic1"; \
	command -v turnserver >/dev/null || missing="$$missing coturn"; \
	ls /usr/lib/softhsm/libsofthsm2.so >/dev/null 2>&1 || missing="$$missing softhsm2"; \
	test -x $(POSTGRES_15)/postgres || missing="$$missing postgresql-15"; \
	if [ -n "$$missing" ]; then $(MAKE) --no-print-directory apt PACKAGES="$$missing"; fi

apt:
	@if [ "$$(id -u)" != 0 ]; then \
	  echo "Debian packages are missing and only root may install them. Run: sudo apt-get install $(PACKAGES)"; exit 1; fi
	@echo "== Installing from Debian: $(PACKAGES)"
	@command -v apt-get >/dev/null || { echo "There is no apt-get here. Install these by your system's own means: $(PACKAGES)"; exit 1; }
	@test -d /etc/postgresql-common || { mkdir -p /etc/postgresql-common; \
	  echo "create_main_cluster = false  # only the programs are wanted" >/etc/postgresql-common/createcluster.conf; }
	@case "$(PACKAGES)" in *coturn*) test -e /etc/systemd/system/coturn.service || { mkdir -p /etc/systemd/system; \
	  ln -s /dev/null /etc/systemd/system/coturn.service; };; esac  # masked: only the program is wanted, no open TURN server
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(PACKAGES)

bench: test-tools
	$(BIN)/python -m tests.bench

evaluate: $(VENV)/.tested
	$(BIN)/python -m tests.triage.evaluate

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/mypy server signaling records migrations

lock:
	@command -v $(UV) >/dev/null || { echo "uv is missing: pip install uv (or: make lock UV=/path/to/uv)"; exit 1; }
	$(UV) pip compile pyproject.toml --upgrade --generate-hashes --no-header --python-version 3.11 --universal -o requirements.lock
	$(UV) pip compile pyproject.toml --upgrade --extra test --generate-hashes --no-header --python-version 3.11 --universal -o requirements-test.lock

clean:
	rm -rf $(VENV) node_modules build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# make quickstart   install, then profile, sweep, execute and compare six small jobs
# make test         install what the tests need, then check style, types, imports, behaviour
# Both work from any directory with make -C, and again at once a second time.

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := $(shell sed -n 's/^torch==//p' $(ROOT)/constraints.txt)
CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: quickstart test lint clean

quickstart: $(VENV)/installed
	cd $(ROOT) && $(BIN)/rmixer run experiments/workloads/quickstart.yaml --verify --max-error 0.25

test: lint
	cd $(ROOT) && OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: $(VENV)/installed-for-tests
	cd $(ROOT) && $(BIN)/ruff check .
	cd $(ROOT) && $(BIN)/ruff format --check .
	cd $(ROOT) && $(BIN)/mypy
	cd $(ROOT) && $(BIN)/lint-imports

# torch first, by itself: without an NVIDIA GPU a CPU build, from wherever pip finds one.
$(VENV)/torch-installed: $(ROOT)/constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	@echo 'installing torch into $(VENV)'
	@if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; then \
	  $(PIP) install -q -c $(ROOT)/constraints.txt torch; \
	else \
	  $(PIP) install -q "torch==$(TORCH)+cpu" 2>/dev/null \
	  || $(PIP) install -q --index-url $(CPU_INDEX) "torch==$(TORCH)" \
	  || $(PIP) install -q "torch==$(TORCH)"; \
	fi
	touch $@

$(VENV)/installed: $(VENV)/torch-installed $(ROOT)/setup.cfg
	$(PIP) install -q -c $(ROOT)/constraints.txt -e $(ROOT)
	touch $@

$(VENV)/installed-for-tests: $(VENV)/installed
	$(PIP) install -q -c $(ROOT)/constraints.txt -e "$(ROOT)[test]"
	touch $@

clean:
	rm -rf $(VENV) $(ROOT)/*.egg-info

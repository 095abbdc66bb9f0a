# make quickstart   install, then profile, sweep, execute and compare six small jobs
# make test         install what the tests need, then check style, types, imports, behaviour
# make test-all     the same with every model, more examples and all that takes long
# make gpu-check    on a machine with a GPU: see that all that needs one works, in 8 minutes at most;
#                   by PYTHON as it is, without installing anything; what it finds goes to OUT
# All work from any directory with make -C, and again at once a second time. What a command leaves
# here (runs/, build/, ...) changes no check. SEED=... repeats what test-all drew.

PYTHON ?= python3
OUT ?= runs/gpu-check
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH = $(shell sed -n 's/^torch==//p' constraints.txt)
CPU_INDEX := https://download.pytorch.org/whl/cpu
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

# Paths are relative, so that the folder's own may have spaces in it.
ifeq ($(wildcard constraints.txt),)
$(error run it in the folder of RMixer, or with make -C FOLDER)
endif

# The tests start hundreds of processes: each would compile our modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart test test-all lint gpu-check clean

quickstart: $(VENV)/installed
	$(BIN)/rmixer run experiments/workloads/quickstart.yaml --verify

test: lint
	$(PYTEST)

test-all: lint
	@begin_s=$$(date +%s); seed=$(or $(SEED),$$begin_s); \
	$(PYTEST) -m '' --hypothesis-profile thorough --hypothesis-seed $$seed; status=$$?; \
	echo "all tests took $$(($$(date +%s) - begin_s)) s; SEED=$$seed draws the same examples"; \
	exit $$status

gpu-check:
	PYTHONPATH=. $(PYTHON) -m experiments.gpu_check --out "$(OUT)" $(GPU_CHECK)

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# torch first, by itself: without an NVIDIA GPU a CPU build, from wherever pip finds one.
$(VENV)/torch-installed: constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	@echo 'installing torch into $(VENV)'
	@if command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; then \
	  $(PIP) install -q -c constraints.txt torch; \
	else \
	  $(PIP) install -q "torch==$(TORCH)+cpu" 2>/dev/null \
	  || $(PIP) install -q --index-url $(CPU_INDEX) "torch==$(TORCH)" \
	  || $(PIP) install -q "torch==$(TORCH)"; \
	fi
	touch $@

$(VENV)/installed: $(VENV)/torch-installed setup.cfg
	$(PIP) install -q -c constraints.txt -e "."
	touch $@

$(VENV)/installed-for-tests: $(VENV)/torch-installed setup.cfg
	$(PIP) install -q -c constraints.txt -e ".[test]"
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) *.egg-info

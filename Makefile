# Every command of this repository; `make` alone lists them.
PYTHON ?= python3

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- cluster and images ---------------------------------------------------------------------

.PHONY: up
up: ## a Ready cluster: yours (COMAL_KUBE_CONTEXT), kind's, or a local node; GPUS=2 pretends
	@$(PYTHON) hack/cluster up $(if $(GPUS),--gpus $(GPUS))

.PHONY: down
down: ## remove the cluster; builds and images stay cached
	@$(PYTHON) hack/cluster down

.PHONY: status
status: ## what runs, and where its files lie
	@$(PYTHON) hack/cluster status

.PHONY: images
images: ## build the images that changed (.build/images.json)
	@$(PYTHON) hack/images build --no-load

.PHONY: load
load: ## build the images that changed and bring them into the cluster
	@$(PYTHON) hack/images build

.PHONY: load-azure
load-azure: ## build what calls Azure too, and bring it into the cluster; then `make install`
	@$(PYTHON) hack/images build azure

.PHONY: kubeconfig
kubeconfig: ## print the path: export KUBECONFIG=$$(make kubeconfig)
	@$(PYTHON) hack/cluster kubeconfig


.PHONY: install
install: load ## CRDs, admission policies and the operator, at the images that were built
	@$(PYTHON) hack/install up

# --- the two commands of the README -----------------------------------------------------------

# Programs that the cluster and `hack/dev` put there: kubectl, docker-registry, promtool.
export PATH := $(or $(COMAL_CACHE),$(HOME)/.cache/comal)/bin:$(PATH)
VENV := .venv/bin
# Where Python may keep no bytecode, each process of a test compiles all that it imports: 9 of the
# 13 seconds that TensorFlow takes then.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo
demo: dev up install ## the whole story on a real cluster, with real output
	@$(VENV)/python hack/demo

.PHONY: test
test: dev verify unit azure up apiserver crash walk load-azure install stories ## all that proves it

# --- developing ---------------------------------------------------------------------------------

.PHONY: dev
dev: ## the virtual environment and the programs that tests start
	@$(PYTHON) hack/dev

.PHONY: generate
generate: ## CRDs and RBAC, from the types and the calls
	@$(VENV)/python -m comal_operator.api crds
	@$(VENV)/python -m comal_operator.shell.rbac manifests

.PHONY: verify
verify: ## lint, types, import contracts, spelling
	@mkdir -p .build
	@$(VENV)/ruff format --check -q operator trainer scorer cli hack tests
	@$(VENV)/ruff check -q operator trainer scorer cli hack tests
	@$(VENV)/mypy operator/comal_operator trainer/comal_trainer scorer/comal_scorer cli/kubectl_comal
	@$(VENV)/mypy hack/cluster hack/images hack/install hack/dev hack/demo hack/bench hack/traffic tests
	@$(VENV)/lint-imports --no-cache > .build/imports.log || { cat .build/imports.log; exit 1; }
	@$(VENV)/codespell operator trainer scorer cli hack tests docs manifests README.md CHANGELOG.md

# Tests start real servers, and time passes for those on two cores that others share: a test that
# fails is run again, twice at most, and the summary names it ("RERUN") even when it passes then. A
# test that needs this is mended: see "RERUN" as a defect that did not stop the others.
AGAIN := --reruns 2 -raR

# Three on two cores: much of this waits for health checks, drains and time-outs.
.PHONY: unit
unit: ## what needs no cluster: decisions, trainer, scorer, router
	@$(VENV)/pytest -q -n 3 --dist worksteal $(AGAIN) tests/unit tests/router

.PHONY: apiserver
apiserver: ## a real API server: CRDs, wrong manifests, admission, the shell
	@$(VENV)/pytest -q -n 2 --dist loadfile $(AGAIN) tests/apiserver

# The SDK's own schemas warn in their hundreds.
.PHONY: azure
azure: ## the real Azure SDKs at servers that stand in for Azure's
	@$(VENV)/pytest -q -n 2 -W ignore $(AGAIN) tests/azure

.PHONY: azure-bed
azure-bed: ## those servers, to play with: prints the variables that lead an SDK there
	@PYTHONPATH=hack:tests $(VENV)/python -m fake_azure

KILLS ?= 100

.PHONY: rel-crash
rel-crash: ## kill the operator around its writes (KILLS=1000) and compare how things end
	@PYTHONPATH=hack:tests $(VENV)/python -m crash --kills $(KILLS)

.PHONY: crash
crash: ## the crash harness as CI runs it: 100 kills, and bugs planted to be seen
	@PYTHONPATH=hack:tests $(VENV)/python -m crash --kills 100 --mutants quick

.PHONY: rel-mutants
rel-mutants: ## plant every bug that the crash harness must see
	@PYTHONPATH=hack:tests $(VENV)/python -m crash --mutants all

ROLLOUTS ?= 5
REQUESTS ?= 30000

.PHONY: rel-traffic
rel-traffic: ## callers without a pause through rollouts and deaths (ROLLOUTS=20 REQUESTS=100000)
	@PYTHONPATH=hack:tests $(VENV)/python -m traffic --rollouts $(ROLLOUTS) --requests $(REQUESTS)

.PHONY: rel-tensorflow
rel-tensorflow: dev install ## what only the second scorer image serves, on the node (2.24 GB to build)
	@$(PYTHON) hack/images build scorer-tensorflow
	@$(PYTHON) hack/install up
	@PYTHONPATH=hack:tests $(VENV)/python -m second_image

.PHONY: rel-torchrun
rel-torchrun: dev ## real torch workers that meet by the variables of a step (needs root; fetches 150 MB)
	@python=$$($(PYTHON) hack/dev torch) && COMAL_TORCH_PYTHON=$$python \
		$(VENV)/pytest -q tests/unit/training/test_torchrun.py

.PHONY: bench-rollout
bench-rollout: ## split, cost of the router and time to zero, beside what others publish (6 min)
	@PYTHONPATH=hack:tests $(VENV)/python -m bench.rollout

.PHONY: walk
walk: ## random specs and what people do to them, as CI walks: 100 transitions
	@PYTHONPATH=hack:tests $(VENV)/python -m walk --transitions 100

N ?= 10000

.PHONY: rel-walk
rel-walk: ## the same for long (N=10000, SEED=1)
	@PYTHONPATH=hack:tests $(VENV)/python -m walk --transitions $(N) --seed $(or $(SEED),1)

.PHONY: rel-walk-mutants
rel-walk-mutants: ## plant bugs that the walk must find
	@PYTHONPATH=hack:tests $(VENV)/python -m walk --mutants

.PHONY: bench-training
bench-training: ## a run's writes, start and memory at 1000 live and 5000 ended runs (20 min)
	@PYTHONPATH=hack:tests $(VENV)/python -m bench.training

.PHONY: bench-endpoints
bench-endpoints: ## the operator with 1000 endpoints, 100 rolling out at once (needs root; ARGS="--endpoints 100")
	@PYTHONPATH=hack:tests $(VENV)/python -m bench.endpoints $(ARGS)

# Not beside others: one looks at all that the operator was refused, one restarts the API server,
# which refuses everybody until it has read its own roles.
ALONE := tests/cluster/test_zz_permissions.py tests/cluster/test_changes.py

# Three at a time on two cores: much of a story is waiting.
.PHONY: stories
stories: ## the user's stories on the cluster, with the operator installed
	@$(VENV)/pytest -q -n 3 --dist worksteal $(AGAIN) --durations=0 --durations-min=5 tests/cluster $(foreach one,$(ALONE),--ignore $(one))
	@$(VENV)/pytest -q -s $(AGAIN) $(ALONE)

CALLS ?= 100000

.PHONY: fuzz-scorer
fuzz-scorer: ## mutated requests at a scorer of every contract (CALLS=100000)
	@PYTHONPATH=hack:tests $(VENV)/python -m fuzz --calls $(CALLS)

MINUTES ?= 10

.PHONY: soak-scorer
soak-scorer: ## good requests without a pause; nothing may grow (MINUTES=10)
	@PYTHONPATH=hack:tests $(VENV)/python -m fuzz.soak --minutes $(MINUTES)

.PHONY: bench-azure
bench-azure: ## a record and a fetch beside the SDK's plain calls (ARGS="--sizes 1 100 400")
	@PYTHONPATH=hack:tests $(VENV)/python -m bench.azure $(ARGS)

.PHONY: bench-scorer
bench-scorer: ## the scorer beside its peers: a table with ratios (ARGS="--rounds 3")
	@PYTHONPATH=hack:tests $(VENV)/python -m bench $(ARGS)

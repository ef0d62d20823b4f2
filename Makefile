# Every command of this repository; `make` alone lists them.
PYTHON ?= python3

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- cluster and images ---------------------------------------------------------------------

.PHONY: up
up: ## a Ready cluster: yours (COMAL_KUBE_CONTEXT), kind's, or a local node
	@$(PYTHON) hack/cluster up

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

.PHONY: kubeconfig
kubeconfig: ## print the path: export KUBECONFIG=$$(make kubeconfig)
	@$(PYTHON) hack/cluster kubeconfig


# Every recipe runs under scripts/with-tools, which brings the Node and pnpm the project needs.
.DEFAULT_GOAL := help
.PHONY: help run test check fmt gen build bench clean install hooks
TOOLS := scripts/with-tools

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install:
	@$(TOOLS) scripts/install

run: install ## Start the gateway (CONFIG=file-or-folder, ARGS=further flags)
	@$(TOOLS) node scripts/build.ts >/dev/null
	@$(TOOLS) node dist/main.js run $(if $(CONFIG),-f "$(CONFIG)") $(ARGS)

test: install ## Run every test
	@$(TOOLS) pnpm test $(if $(VITEST_JSON),--reporter=default --reporter=json --outputFile.json="$(VITEST_JSON)")

check: install ## Check format, lint, types, unused code and generated files
	@$(TOOLS) pnpm check

fmt: install ## Format the code
	@$(TOOLS) pnpm fmt

gen: install ## Generate protobuf code, CRDs, schemas and reference pages
	@$(TOOLS) pnpm gen

build: install ## Bundle into dist/
	@$(TOOLS) pnpm build

bench: build ## Measure against nginx and haproxy (BENCH_ONLY=tls,routes picks groups, BENCH_OUT=FILE writes JSON)
	@BENCH_ONLY="$(BENCH_ONLY)" BENCH_OUT="$(BENCH_OUT)" $(TOOLS) pnpm bench

hooks: ## Format and lint staged files before each commit
	@git config core.hooksPath .githooks && echo "hooks installed"

clean: ## Remove what was built and installed
	@rm -rf dist coverage node_modules packages/*/node_modules test/node_modules

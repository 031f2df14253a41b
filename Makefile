# Every target does its own set-up. `make` alone lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help need peers demo test test-page test-api test-chart test-gitea test-owners simulate chaos replicas snapshots chart-snapshots bench fuzz image book release release-twice lint fmt ci clean-cache

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

need: # names what is missing, and how to get it
	@scripts/need cargo go setpriv flock

peers: need # the test peers, built once into a cache outside the clone
	@tests/peers/build.sh > /dev/null

demo: peers ## everything on this machine: control plane, registry, mail catcher, image-watcher; PROXY=1 behind a proxy; Ctrl-C ends it all
	@IMAGE_WATCHER_DEMO_PROXY=$(PROXY) cargo test --locked --test demo

test: peers ## all tests, against real peers
	cargo test --locked
	cargo test --locked -p nkeys

test-chart: need ## the chart by Helm 3 and 4, commands of the documents, alerts and dashboard; builds Helm once, which takes minutes
	@tests/peers/build.sh chart > /dev/null
	cargo test --locked --test chart --test quickstart
	cargo test --locked --test it -- chart::

test-page: need ## the page of a real service in Debian's Chromium, live; takes Node.js and installs two packages into tests/page
	@command -v node npm chromium > /dev/null || { echo "skipped: node, npm and chromium are needed"; exit 0; }; \
	(cd tests/page && npm ci --silent --ignore-scripts) && \
	IMAGE_WATCHER_TEST_PAGE=$(CURDIR)/tests/page cargo test --locked --test it -- page::a_row

test-api: need ## the API of a real service under schemathesis with all checks; takes Python, and installs into the cache of test peers
	@program=$$(tests/api/schemathesis) || { echo "skipped: python3 with venv, and PyPI, are needed"; exit 0; }; \
	IMAGE_WATCHER_TEST_SCHEMATHESIS=$$program cargo test --locked --test it -- page::schemathesis

test-gitea: need ## Gitea as registry, sender of webhooks and forge; builds it once, which takes minutes
	@tests/peers/build.sh gitea > /dev/null
	cargo test --locked --test it -- gitea::

test-owners: need ## Helm 3 and 4, kubectl and kustomize against our writes, Argo Rollouts with its controller; builds them once, which takes minutes
	@tests/peers/build.sh owners > /dev/null
	IMAGE_WATCHER_TEST_OWNERS=1 cargo test --locked --test it -- owners::

simulate: ## seeded simulation of the sequencer, SEEDS=10000 FROM=0; one seed is printed whole; FAST=1 optimises first
	@scripts/need cargo && $(if $(FAST),CARGO_PROFILE_DEV_OPT_LEVEL=2) SEEDS=$(or $(SEEDS),10000) FROM=$(or $(FROM),0) cargo test --locked --lib -q -- --ignored --exact --nocapture reconcile::simulation::simulate

chaos: peers ## N=10000 messages over five channels, one down, one slow, one flapping, while the service is killed ten times
	IMAGE_WATCHER_TEST_DELIVERIES=$(or $(N),10000) cargo test --locked --test it -- outages:: --nocapture

replicas: peers ## three replicas on three NATS servers: N=10000 pushes with questions and answers and thirty kills of both, ten changes of who follows the schedule, one link at all three
	IMAGE_WATCHER_TEST_PUSHES=$(or $(N),10000) cargo test --locked --test it -- shared:: --nocapture

snapshots: ## takes changed words over, which git diff then shows
	INSTA_UPDATE=always cargo test --locked --lib snapshots

chart-snapshots: need ## takes changed renderings of the chart over, which git diff then shows
	@tests/peers/build.sh chart > /dev/null
	INSTA_UPDATE=always cargo test --locked --test it -- chart::both_helms

bench: peers ## ratios against bare clients, side by side in one run
	cargo bench --locked --bench decision --bench notes --bench loop --bench rollouts --bench check --bench cycle --bench intake --bench attacks --bench notify --bench page

fuzz: need ## every parser on any bytes, SECONDS_EACH=10
	@scripts/fuzz $(or $(SECONDS_EACH),10)

image: need ## the container image's root filesystem, built and started as its user
	@scripts/image

book: ## the documents as a book, in target/book/html; builds mdBook once, which takes minutes
	@scripts/book

release: ## archives and images for amd64 and arm64, chart, list of parts, checksums, in target/release-VERSION
	@scripts/release

release-twice: ## the same, built twice and compared byte by byte
	@scripts/release --twice

lint: ## clippy, warnings denied
	cargo clippy --all-targets --locked -- -D warnings

fmt: ## formats the code
	cargo fmt

ci: ## what CI runs
	.ci/run

clean-cache: ## removes the cache of test peers
	rm -rf "$${IMAGE_WATCHER_TEST_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/image-watcher-test}"

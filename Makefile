# make help lists the targets. Everything that needs root says so and does its
# own set-up (see .ci/setup); make test is what the CI runs.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
MAIN    := ./src/cmd/multiwan
LINK    := -s -w -X main.version=$(VERSION)
FLAGS   := -trimpath -ldflags "$(LINK)"
# Flash is what routers lack: without inlining the program is 7 % smaller, and without room on the stack for slices of unknown length (Go 1.25
# and newer) another 36 KB. OpenWrt's 32-bit MIPS kernels have pages of 4 KiB, so segments need not start at 64 KiB.
LEAN    := -l$(shell .ci/go tool compile -d help 2>/dev/null | grep -qw variablemakethreshold && echo ' -d=variablemakethreshold=0')
ROUTER  := -trimpath -gcflags="all=$(LEAN)" -ldflags "$(LINK)"
MIPS    := -trimpath -gcflags="all=$(LEAN)" -ldflags "$(LINK) -R 4096"
# Go 1.26's new collector is 28 KB more code, made for caches and many processors; these routers have small heaps and one to four cores. Names of
# experiments go with the version, hence the question.
OLDGC   := $(if $(shell GOEXPERIMENT=nogreenteagc .ci/go env GOEXPERIMENT 2>/dev/null),GOEXPERIMENT=nogreenteagc)
GO      := .ci/go
export CGO_ENABLED = 0

# Stages measure times and build on each other, also under make -j.
.NOTPARALLEL:

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
KERNEL      ?= 6.1
KERNELS     ?= 6.1 6.12
# What the emulated routers run in make test: the daemon with two WANs of which one fails, L2TP, and the ways to the kernel.
ROUTER_TESTS    := ^(TestS4Kinds|TestExists|TestEvict|TestRuleFixpoint|TestRouteFixpoint)$$
ROUTER_PACKAGES := ./tests/scenario ./tests/l2tp ./tests/conntrack ./tests/rtnl
P           ?= ./tests/scenario
T           ?= .

STAGE := $(GO) run ./tests/report stage
VM    := $(GO) run ./tests/vm
# Packages whose tests need a kernel: all below tests/ but the tools there.
kernel_packages = $(shell $(GO) list ./tests/... | grep -vE '/tests/(arch|report|vm|demo|bench/(joined|router))$$')

.PHONY: FORCE help build cross package setup test test-mips test-unit test-kernel test-vm test-all vm-test bench demo docs clean \
	clean-results check unit luci check-and-luci kernel kernel-and-cpu cpu cpus vm again summary

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

build: ## the program for this machine's kind (amd64), into build/
	GOARCH=amd64 $(GO) build $(FLAGS) -o build/multiwan $(MAIN)

cross: $(addprefix build/multiwan-,mips mipsle armv5 armv7 arm64 amd64) ## the program for every kind of router, static, into build/
	@ls -l $^

build/multiwan-mips: FORCE
	$(OLDGC) GOARCH=mips GOMIPS=softfloat $(GO) build $(MIPS) -o $@ $(MAIN)
build/multiwan-mipsle: FORCE
	$(OLDGC) GOARCH=mipsle GOMIPS=softfloat $(GO) build $(MIPS) -o $@ $(MAIN)
build/multiwan-armv5: FORCE
	$(OLDGC) GOARCH=arm GOARM=5 $(GO) build $(ROUTER) -o $@ $(MAIN)
build/multiwan-armv7: FORCE
	$(OLDGC) GOARCH=arm GOARM=7 $(GO) build $(ROUTER) -o $@ $(MAIN)
build/multiwan-arm64: FORCE
	$(OLDGC) GOARCH=arm64 $(GO) build $(ROUTER) -o $@ $(MAIN)
build/multiwan-amd64: FORCE
	GOARCH=amd64 $(GO) build $(FLAGS) -o $@ $(MAIN)

package: cross ## packages for OpenWrt (.ipk and .apk) and Debian, with an index, into build/packages
	rm -rf build/packages
	$(GO) run ./openwrt/pack -version $(VERSION) -epoch $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)
	@ls -l build/packages

setup: ## install what the tests need (root, Debian 12)
	.ci/setup

# The stages go on after a failure; the summary fails then.
test: setup clean-results check-and-luci kernel-and-cpu vm again summary ## everything that must pass, under 25 minutes on two cores (root)

test-unit: setup clean-results check unit luci summary ## checks and unit tests (root only for the set-up)

test-kernel: setup clean-results kernel again summary ## tests on this machine's kernel, in network namespaces (root)

test-vm: setup clean-results kernel vm again summary ## test-kernel, and in the VM what this kernel lacks (root)

test-all: export MULTIWAN_LONG = 1
test-all: setup clean-results check unit luci kernel ## long tests too, and every test on every kernel (root, hours)
	for k in $(KERNELS); do $(STAGE) -json vm-$$k $(VM) run -json -kernel $$k -timeout 2h $(kernel_packages) || exit; done
	$(GO) run ./tests/report again $(GO)
	$(GO) run ./tests/report summary

# Debian 12's qemu-user hands SO_ERROR on with the host's number, which is another one on MIPS: TestTCP meets that.
test-mips: setup ## unit tests as a program for big-endian MIPS, emulated, three minutes (root)
	command -v qemu-mips-static >/dev/null || .ci/again apt-get install -y -qq qemu-user-static
	GOARCH=mips GOMIPS=softfloat $(GO) test -exec qemu-mips-static -skip '^TestTCP$$' ./src/...

cpus: setup build/multiwan-mipsle build/multiwan-armv7 ## tests and figures on emulated routers, mipsel and armhf (root)
	command -v qemu-system-arm >/dev/null || .ci/again apt-get install -y -qq --no-install-recommends qemu-system-arm
	$(VM) run -arch mipsel -daemon build/multiwan-mipsle -timeout 15m -test '$(ROUTER_TESTS)' $(ROUTER_PACKAGES)
	$(VM) run -arch armhf -daemon build/multiwan-armv7 -timeout 15m -test '$(ROUTER_TESTS)' $(ROUTER_PACKAGES)
	$(VM) run -arch mipsel -daemon build/multiwan-mipsle -timeout 15m ./tests/bench/router
	$(VM) run -arch armhf -daemon build/multiwan-armv7 -timeout 15m ./tests/bench/router

vm-test: setup ## one test in the VM: make vm-test T=TestName [P=./tests/scenario] [KERNEL=6.12]
	$(VM) run -kernel $(KERNEL) -test '$(T)' $(P)

clean-results:
	@rm -rf build/results

check:
	$(STAGE) gofmt .ci/gofmt
	$(STAGE) vet $(GO) vet ./...
	-@.ci/again $(GO) run $(STATICCHECK) -version # downloads it
	$(STAGE) staticcheck $(GO) run $(STATICCHECK) ./...
	$(STAGE) cross $(MAKE) --no-print-directory cross

unit:
	$(STAGE) -json unit $(GO) test -json ./src/... ./openwrt/... ./tests/arch ./tests/report ./tests/vm

# The pages: ESLint, unit tests in node, pages in Chromium. Screenshots lie in build/luci.
luci:
	$(STAGE) -json luci node tests/luci/run.mjs

# The pages have a browser of their own, and mostly wait for it.
check-and-luci:
	@nice -n 19 $(MAKE) --no-print-directory check unit & $(MAKE) --no-print-directory luci; wait

# Two packages at a time: most tests wait. Some measure times of milliseconds, and have a second run, alone, where these were too long.
kernel:
	$(STAGE) -json kernel $(GO) test -json -p 2 -timeout 30m $(kernel_packages)

# The program for mipsel routers, on the kernel of one.
cpu: build/multiwan-mipsle
	$(STAGE) -json cpu-mipsel $(VM) run -json -arch mipsel -daemon build/multiwan-mipsle -timeout 9m \
		-require netns,nft,conntrack,l2tp -test '$(ROUTER_TESTS)' $(ROUTER_PACKAGES)

# Tests on this kernel mostly wait; the emulated router, whose time does not depend on this machine's load, takes what they leave.
kernel-and-cpu:
	@nice -n 19 $(MAKE) --no-print-directory cpu & $(MAKE) --no-print-directory kernel; wait

# What this machine's kernel could not run, and on every kernel what shows
# whether everything that we generate loads there.
vm:
	$(GO) run ./tests/report skipped > build/results/rest
	if [ -s build/results/rest ]; then $(STAGE) -json vm-$(KERNEL) $(VM) rest -json -timeout 15m -kernel $(KERNEL) < build/results/rest; fi
	for k in $(KERNELS); do $(STAGE) -json vm-$$k-loads $(VM) run -json -timeout 15m -kernel $$k -test '^(TestFeatures|TestS34.*)$$' $(kernel_packages) || exit; done

# Times of milliseconds suffer from a busy machine: what failed on a kernel has
# one more run, alone, and what passes then is named in the summary.
again:
	@$(GO) run ./tests/report again $(GO)

summary:
	@$(GO) run ./tests/report summary

bench: setup ## the figures of docs/measurements.md, twenty minutes (root)
	$(GO) run ./tests/bench

demo: setup ## watch two WANs fail over, then two joined sites, then nothing lost (root)
	$(GO) run ./tests/demo

docs: ## rewrite what is generated in docs/ and luci-app/
	$(GO) test ./src/core/config -run Reference -update
	node tests/luci/pot.mjs

clean: ## remove build/ and what was downloaded: kernels, Go
	rm -rf build
	rm -rf "$$(dirname "$$($(GO) --cached)")"

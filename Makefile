# libkafka_rs. `make` builds the library; see README.md and CONTRIBUTING.md.

CC      ?= cc
CFLAGS  ?= -O2
WARN    := -std=c99 -Wall -Wextra -Wpedantic -Werror
OUT     := $(or $(CARGO_TARGET_DIR),target)/release
LIB     := $(OUT)/libkafka_rs.so
DIST    := $(OUT)/dist
# Newer than the library that cargo built last.
BUILT   := $(OUT)/.built
ABI     := 1
SONAME  := libkafka_rs.so.$(ABI)
VERSION := $(shell sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q;}' Cargo.toml)
SOURCES := Cargo.toml Cargo.lock build.rs $(shell find src -type f)
LINK    := -L$(OUT) -lkafka_rs -Wl,-rpath,$(CURDIR)/$(OUT) -pthread
EXAMPLES := $(patsubst bindings/c/examples/%.c,target/c/%,$(wildcard bindings/c/examples/*.c))
C_FILES := $(wildcard src/rd/*.[ch] bindings/c/examples/*.c tests/c/*.[ch] tests/soak/*.c tests/fuzz/*.c tests/install/*.c bench/c/*.[ch])
SCRIPTS := .ci/run .ci/advisories tests/run tests/sanitize tests/broker/kafka tests/broker/cluster tests/broker/pki tests/soak/run tests/fuzz/run bindings/go/prepare bindings/python/tests/run $(wildcard packaging/*)
BROKER  := target/kafka/broker

# make demo MESSAGES=1000000 BROKERS=localhost:9092
MESSAGES ?= 200000
BROKERS  ?=

# make FEATURES=oidc,gssapi OPENSSL=system; see Cargo.toml. Give it a CARGO_TARGET_DIR of its own.
FEATURES ?=
OPENSSL  ?= $(shell packaging/openssl)
CHOSEN   := $(if $(FEATURES),$(if $(filter system,$(OPENSSL)),--no-default-features) --features $(FEATURES))
# openssl-sys heeds it, in all that is built from here.
ifeq ($(OPENSSL),system)
export OPENSSL_NO_VENDOR := 1
endif

# make install PREFIX=/usr LIBDIR=/usr/lib64 DESTDIR=/tmp/package
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR    ?=

# Bytes; `make size` fails beyond.
LIMIT_SO := 12000000
LIMIT_A  := 20000000

.PHONY: build dist install uninstall size examples demo test sanitize memcheck test-python wheel kafka kafka-stop soak fuzz bench bench-quick bench-smoke header doc lint format clean

build:
	@cargo build --release --quiet $(CHOSEN)
	@ln -sf libkafka_rs.so $(OUT)/$(SONAME)
	@[ $(BUILT) -nt $(LIB) ] || touch $(BUILT)
	@bindings/go/prepare $(OUT)

# A choice may be another than that of what is built.
ifneq ($(strip $(CHOSEN))$(filter command environment,$(origin OPENSSL)),)
.PHONY: $(BUILT)
endif

$(BUILT): $(SOURCES)
	@$(MAKE) --no-print-directory build

# What gets installed: the shared library without debug information, the static one as packaging/prelink says.
dist: $(DIST)/libkafka_rs.so $(DIST)/libkafka_rs.a

$(DIST)/libkafka_rs.so: $(BUILT)
	@mkdir -p $(DIST)
	@strip --strip-unneeded -o $@ $(LIB)

$(DIST)/libkafka_rs.a: $(BUILT) include/kafka_rs.h packaging/prelink
	@mkdir -p $(DIST)
	@CC="$(CC)" packaging/prelink $(OUT)/libkafka_rs.a $@

# Builds only if a source is newer than what is built, so that root needs no Rust after a user's `make dist`.
install: dist
	install -d "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 644 include/kafka_rs.h "$(DESTDIR)$(INCLUDEDIR)"
	install -m 644 $(DIST)/libkafka_rs.a "$(DESTDIR)$(LIBDIR)"
	install -m 755 $(DIST)/libkafka_rs.so "$(DESTDIR)$(LIBDIR)/$(SONAME).$(VERSION)"
	ln -sf $(SONAME).$(VERSION) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libkafka_rs.so"
	packaging/pkgconfig $(VERSION) "$(PREFIX)" "$(LIBDIR)" "$(INCLUDEDIR)" $(DIST)/libkafka_rs.a \
	    >"$(DESTDIR)$(LIBDIR)/pkgconfig/kafka_rs.pc"

uninstall:
	rm -f "$(DESTDIR)$(INCLUDEDIR)/kafka_rs.h" "$(DESTDIR)$(LIBDIR)/libkafka_rs.a" "$(DESTDIR)$(LIBDIR)/libkafka_rs.so" \
	    "$(DESTDIR)$(LIBDIR)/$(SONAME)" "$(DESTDIR)$(LIBDIR)/$(SONAME).$(VERSION)" \
	    "$(DESTDIR)$(LIBDIR)/pkgconfig/kafka_rs.pc"

size: dist
	@packaging/sizes $(DIST)/libkafka_rs.so $(LIMIT_SO) $(DIST)/libkafka_rs.a $(LIMIT_A)

examples: build $(EXAMPLES)

target/c/%: bindings/c/examples/%.c include/kafka_rs.h $(LIB)
	@mkdir -p target/c
	@$(CC) $(CFLAGS) $(WARN) -Iinclude $< -o $@ $(LINK)

$(LIB): $(BUILT)

demo: build target/c/demo
	@target/c/demo $(MESSAGES) $(BROKERS)

test:
	@tests/run

# Slow: C tests with AddressSanitizer and ThreadSanitizer, built anew in target/asan and target/tsan, and under valgrind.
sanitize:
	@tests/sanitize address
	@tests/sanitize thread
	@tests/sanitize undefined
	@tests/sanitize valgrind

# The part of it that is quick: wrong calls under valgrind, with what `make test` built.
memcheck:
	@tests/sanitize valgrind --test c -- --test-threads 1 misuse

test-python:
	@bindings/python/tests/run

# A Python wheel in dist/, with all of the library inside.
wheel:
	@python3 -m venv target/wheel
	@target/wheel/bin/pip install --quiet 'maturin>=1.7,<2'
	@cd bindings/python && env -u OPENSSL_NO_VENDOR ../../target/wheel/bin/maturin build --quiet --release --out ../../dist
	@ls dist/*.whl

# The long tests, on three brokers that are killed, stopped and cut off: make soak MINUTES=3
MINUTES ?= 30
soak:
	@tests/soak/run $(MINUTES)

# Random calls, and coverage-guided fuzzing of what is decoded: make fuzz SECONDS=10 SEED=1
SECONDS ?= 60
SEED    ?=
fuzz:
	@tests/fuzz/run $(SECONDS) $(SEED)

# A real Kafka for a person: prints its bootstrap servers, and runs until kafka-stop.
kafka:
	@tests/broker/kafka start $(BROKER)

kafka-stop:
	@tests/broker/kafka stop $(BROKER)

# Every way in beside what people use today: 15 minutes, and bench/RESULTS.md is new.
bench: build
	@python3 bench/driver full

# The main ones, in 3 minutes.
bench-quick: build
	@python3 bench/driver quick

# Whether all programs of the benchmark still work.
bench-smoke: build
	@python3 bench/driver smoke

header:
	@KRS_WRITE_HEADER=1 cargo test --release --quiet --test header

# The header as pages for a browser. What lacks documentation is an error.
doc:
	@mkdir -p target/doc
	@doxygen docs/Doxyfile
	@echo target/doc/c/index.html

lint:
	cargo fmt --check
	cargo clippy --release --all-targets --quiet -- -D warnings
	clang-format --dry-run --Werror $(C_FILES)
	shellcheck -x $(SCRIPTS)

format:
	cargo fmt
	clang-format -i $(C_FILES)

clean:
	cargo clean

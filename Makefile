# libkafka_rs. `make` builds the library; see README.md and CONTRIBUTING.md.

CC      ?= cc
CFLAGS  ?= -O2
WARN    := -std=c99 -Wall -Wextra -Wpedantic -Werror
OUT     := target/release
LIB     := $(OUT)/libkafka_rs.so
SONAME  := libkafka_rs.so.1
LINK    := -L$(OUT) -lkafka_rs -Wl,-rpath,$(CURDIR)/$(OUT) -pthread
EXAMPLES := $(patsubst bindings/c/examples/%.c,target/c/%,$(wildcard bindings/c/examples/*.c))
C_FILES := $(wildcard src/rd/*.c bindings/c/examples/*.c tests/c/*.[ch] bench/*.[ch])
BROKER  := target/kafka/broker

# make demo MESSAGES=1000000 BROKERS=localhost:9092
MESSAGES ?= 200000
BROKERS  ?=

.PHONY: build examples demo test kafka kafka-stop bench-quick header lint format clean

build:
	@cargo build --release --quiet
	@ln -sf libkafka_rs.so $(OUT)/$(SONAME)
	@bindings/go/prepare $(OUT)

examples: build $(EXAMPLES)

target/c/%: bindings/c/examples/%.c include/kafka_rs.h $(LIB)
	@mkdir -p target/c
	@$(CC) $(CFLAGS) $(WARN) -Iinclude $< -o $@ $(LINK)

$(LIB): build

demo: build target/c/demo
	@target/c/demo $(MESSAGES) $(BROKERS)

test:
	@tests/run

# A real Kafka for a person: prints its bootstrap servers, and runs until kafka-stop.
kafka:
	@tests/broker/kafka start $(BROKER)

kafka-stop:
	@tests/broker/kafka stop $(BROKER)

bench-quick: build
	@bench/quick

header:
	@KRS_WRITE_HEADER=1 cargo test --release --quiet --test header

lint:
	cargo fmt --check
	cargo clippy --release --all-targets --quiet -- -D warnings
	clang-format --dry-run --Werror $(C_FILES)

format:
	cargo fmt
	clang-format -i $(C_FILES)

clean:
	cargo clean

"""Builds the programs, and fetches the peers. What can't be had is a program with a failure, and the rest goes on."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import last_line
from model import Program

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
OUT = ROOT / "target" / "bench"
PAYLOAD = OUT / "payload"
PYTHON = OUT / "python" / "bin" / "python"
C_FLAGS = "-std=c99 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread".split()
SYSTEM = "-l:librdkafka.a -l:libssl.a -l:libcrypto.a -l:libz.a -l:libzstd.a -lm -ldl -lrt".split()
GO = {"go": (), "go-older": ("-modfile=older.mod",), "go-ours": ("-modfile=ours.mod", "-tags=ours")}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a tool, and return what it printed; SubprocessError tells what it complained about."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=900)
    except OSError as error:
        raise subprocess.SubprocessError(str(error)) from error
    if done.returncode != 0:
        raise subprocess.SubprocessError(last_line(done.stderr) or f"{command[0]} failed")
    return done.stdout


def native_directories() -> list[str]:
    """Where cargo built what is inside libkafka_rs, so that both sides run the same code."""
    found = set()
    for line in run("cargo", "build", "--release", "--quiet", "--message-format=json").splitlines():
        for path in json.loads(line).get("linked_paths", []):
            found.add(path.removeprefix("native="))
    return sorted(found)


def c_raw() -> tuple[str, ...]:
    directories = native_directories()
    rdkafka = next(path for path in directories if "/rdkafka-sys-" in path)
    sources = sorted((BENCH / "c").glob("raw*.c"))
    link = [f"-L{path}" for path in directories]
    run("cc", *C_FLAGS, "-isystem", rdkafka, *sources, "-o", OUT / "raw", *link, *SYSTEM)
    return (str(OUT / "raw"),)


def c_ours() -> tuple[str, ...]:
    library = ROOT / "target" / "release"
    link = [f"-L{library}", "-lkafka_rs", f"-Wl,-rpath,{library}"]
    sources = sorted((BENCH / "c").glob("krs*.c"))
    run("cc", *C_FLAGS, f"-I{ROOT / 'include'}", *sources, "-o", OUT / "krs", *link)
    return (str(OUT / "krs"),)


def go(name: str) -> tuple[str, ...]:
    run("go", "build", *GO[name], "-o", OUT / name, "./confluent", cwd=BENCH / "go")
    return (str(OUT / name),)


def franz() -> tuple[str, ...]:
    run("go", "build", "-o", OUT / "go-franz", "./franz", cwd=BENCH / "go")
    return (str(OUT / "go-franz"),)


def python_with(*packages: str) -> None:
    """A virtual environment of the benchmark, with these packages in it."""
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", OUT / "python")
    run(PYTHON, "-m", "pip", "install", "--quiet", *packages)


def python_peer() -> tuple[str, ...]:
    python_with("--upgrade", "confluent-kafka")
    return (str(PYTHON), str(BENCH / "python" / "confluent.py"), "confluent_kafka")


def python_aiokafka() -> tuple[str, ...]:
    python_with("--upgrade", "aiokafka", "cramjam")
    return (str(PYTHON), str(BENCH / "python" / "aio_kafka.py"))


def python_ours() -> tuple[str, ...]:
    python_with("maturin>=1.7,<2", "pyarrow")
    wheels = OUT / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    maturin = PYTHON.parent / "maturin"
    command = (maturin, "build", "--quiet", "--release", "--compatibility", "linux", "--out", wheels)
    run(*command, cwd=ROOT / "bindings" / "python")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", *wheels.glob("*.whl"))
    return (str(PYTHON), str(BENCH / "python" / "confluent.py"), "kafka_rs")


def version_of(name: str, file: str) -> str:
    """That of a Go module, from the file that asks for it."""
    for line in (BENCH / "go" / file).read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[0].endswith(name):
            return words[1].removeprefix("v")
    return "?"


def installed(package: str) -> str:
    """The version of a Python package in the environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return run(PYTHON, "-c", code).strip()


def names() -> dict[str, Callable[[], str]]:
    """What each program is called, once it is there."""
    confluent = "confluent-kafka-go/v2"
    return {
        "raw": lambda: "librdkafka 2.12.1",
        "krs": lambda: "kafka_rs.h",
        "go": lambda: f"confluent-kafka-go {version_of(confluent, 'go.mod')}",
        "go-older": lambda: f"confluent-kafka-go {version_of(confluent, 'older.mod')}",
        "go-franz": lambda: f"franz-go {version_of('franz-go', 'go.mod')}",
        "go-ours": lambda: "kafka_rs for Go",
        "py": lambda: f"confluent-kafka {installed('confluent-kafka')}",
        "py-aiokafka": lambda: f"aiokafka {installed('aiokafka')}",
        "py-ours": lambda: "kafka_rs for Python",
    }


BUILDERS: dict[str, Callable[[], tuple[str, ...]]] = {
    "raw": c_raw,
    "krs": c_ours,
    "go": lambda: go("go"),
    "go-older": lambda: go("go-older"),
    "go-franz": franz,
    "go-ours": lambda: go("go-ours"),
    "py": python_peer,
    "py-aiokafka": python_aiokafka,
    "py-ours": python_ours,
}


def build(wanted: set[str], say: Callable[[str], None]) -> dict[str, Program]:
    """All that are wanted."""
    OUT.mkdir(parents=True, exist_ok=True)
    make_payload()
    programs = {}
    for key, builder in BUILDERS.items():
        if key not in wanted:
            continue
        say(f"building {key}")
        try:
            command = builder()
            programs[key] = Program(names()[key](), command)
        except subprocess.SubprocessError as error:
            programs[key] = Program(key, failure=f"can't be built: {error}")
    return programs


def make_payload() -> None:
    """Text of words, the same each time: it compresses about as well as what people send, unlike one letter."""
    dice = random.Random(1)
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    words = [bytes(dice.choices(letters, k=dice.randint(2, 9))) for _ in range(2000)]
    PAYLOAD.write_bytes(b" ".join(dice.choices(words, k=300_000))[: 1 << 20])

"""Runs one program in a process of its own, and measures it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from model import Sample

LOOK_EVERY = 0.02  # Seconds between two looks at threads and memory.
KNOWN = {field.name for field in fields(Sample)}


class RunFailed(Exception):
    """The program ended badly, or not in time."""


def measure(command: Sequence[str], limit: float) -> Sample:
    """Run the command, and take what it printed and what the kernel says of it."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        try:
            memory, threads = watch(process, limit)
        finally:
            end(process)
        out.seek(0)
        err.seek(0)
        lines, complaint = out.read().splitlines(), err.read()
    if process.returncode != 0 or not lines:
        raise RunFailed(last_line(complaint) or f"exit status {process.returncode}, and no word")
    sample = Sample(**{name: value for name, value in json.loads(lines[-1]).items() if name in KNOWN})
    sample.memory, sample.threads = memory, threads
    return sample


def watch(process: subprocess.Popen[bytes], limit: float) -> tuple[int, int]:
    """Peak memory and threads until the process ends. (ru_maxrss would count the driver's own before the exec.)"""
    deadline = time.monotonic() + limit
    memory = threads = 0
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise RunFailed(f"did not end within {limit:.0f} s")
        now_memory, now_threads = status(process.pid)
        memory, threads = max(memory, now_memory), max(threads, now_threads)
        time.sleep(LOOK_EVERY)
    return memory, threads


def status(pid: int) -> tuple[int, int]:
    """Peak memory so far, and threads now."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    found = dict(line.split(":", 1) for line in lines)
    return int(found.get("VmHWM", "0").split()[0]) * 1024, int(found.get("Threads", "0"))


def end(process: subprocess.Popen[bytes]) -> None:
    """Whatever happened, nothing of it stays."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""

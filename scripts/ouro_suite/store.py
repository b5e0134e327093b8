# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""The run directory: one writer, nothing lost, nothing half-written.

    lock            flock'ed by the one process that writes; holds its pid
    plan.json       what was ordered and with which files; a resume must match it
    samples.jsonl   append-only, one line a sample, fsync'ed; the last line may be torn
    result.json, report.*   written whole: temporary file, fsync, rename, fsync of the folder
    series/         resident memory over time, one CSV an arm
"""
from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from . import escape
from .errors import BadInput

LINE_CAP = 4 << 20


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON without NaN and Infinity: such a value is an error, not a file."""
    return json.dumps(value, allow_nan=False, indent=indent, ensure_ascii=True)


def _whole(text: str) -> int:
    value = int(text)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"a whole number of {len(text)} digits: more than 64 bits")
    return value


def _refuse(text: str) -> float:
    raise ValueError(f"not a finite number: {text}")


def loads(text: str | bytes) -> Any:
    """JSON whose numbers fit into a word and are finite: what somebody wrote by hand must not
    overflow where it is used. ValueError otherwise."""
    try:
        return json.loads(text, parse_int=_whole, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def write_atomic(path: Path, text: str) -> None:
    """The file is the old one or the new one, at any moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class RunDir:
    """An open, locked run directory."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd
        self._log: int | None = None
        self.warnings: list[str] = []

    @classmethod
    def open(cls, path: Path, resume: bool = False) -> "RunDir":
        """Creates (or, to resume, reopens) the folder and takes its lock."""
        shown = escape.for_terminal(str(path))
        if resume and not (path / "plan.json").is_file():
            raise BadInput(f"--resume {shown}: there is no run to resume in it")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"-o {shown}: {error.strerror}") from None
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path / "lock", flags, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            holder = escape.for_terminal(holder)
            raise BadInput(f"{shown}: in use by process {holder}") from None
        if not resume and (path / "plan.json").exists():
            os.close(fd)
            raise BadInput(f"-o {shown}: already holds a run; continue it with --resume")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return cls(path, fd)

    def close(self) -> None:
        """Gives the lock back; the folder can then be resumed by anyone."""
        if self._log is not None:
            os.close(self._log)
            self._log = None
        if self._lock_fd >= 0:
            os.ftruncate(self._lock_fd, 0)
            os.close(self._lock_fd)
            self._lock_fd = -1

    def discard(self) -> None:
        """Takes back a run that never began: its bookkeeping, and the folder if then empty."""
        for name in ("samples.jsonl", "plan.json", "lock"):
            (self.path / name).unlink(missing_ok=True)
        for file in (self.path / "series").glob("*.csv"):
            file.unlink()
        for folder in (self.path / "series", self.path):
            try:
                folder.rmdir()
            except OSError:
                pass

    def __enter__(self) -> "RunDir":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, name: str, text: str) -> Path:
        write_atomic(self.path / name, text)
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        return self.write(name, dumps(value, indent=1) + "\n")

    def read_json(self, name: str) -> Any:
        try:
            return loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"{escape.for_terminal(str(self.path / name))}: {error}") from None

    def series_file(self, name: str) -> Path:
        folder = self.path / "series"
        folder.mkdir(exist_ok=True)
        return folder / name

    def append(self, line: dict[str, Any], durable: bool = True) -> None:
        """Adds one line to the log; durable together with all before it, unless told not to
        wait for that."""
        if self._log is None:
            self._log = os.open(self.path / "samples.jsonl",
                                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        data = (dumps(line) + "\n").encode()
        while data:
            data = data[os.write(self._log, data):]
        if durable:
            os.fsync(self._log)

    def samples(self) -> list[dict[str, Any]]:
        """The log's lines. A torn last line is cut off, with a warning; a bad line elsewhere
        means that the file is not ours any more."""
        path = self.path / "samples.jsonl"
        if not path.exists():
            return []
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self.warnings.append(f"samples.jsonl: dropped a torn last line "
                                 f"({len(data) - whole} bytes)")
            os.truncate(path, whole)
        lines = []
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                if len(line) > LINE_CAP:
                    raise ValueError("line too long")
                value = loads(line)
                if not isinstance(value, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise BadInput(f"{escape.for_terminal(str(path))}:{number}: {error}") from None
            lines.append(value)
        return lines

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Starts one process, watches it, and leaves nothing of it behind.

Every child gets its own session. Its result comes over a pipe of its own, never over stdout,
and every stream is capped: a child that hangs, floods, forks daemons or dies cannot harm the
run. Time is the monotonic clock's.
"""
from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

RESULT_CAP = 1 << 20
LOG_TAIL = 1 << 14
LOG_CAP = 1 << 26  # a child that prints more than 64 MiB is not measuring
GRACE_S = 2.0
PR_SET_CHILD_SUBREAPER = 36
_running: set[int] = set()  # children of other calls of run(), which may overlap
_running_lock = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """How a child ended and what it said."""

    status: int | None
    signal: int | None
    timed_out: bool
    flooded: str
    oom_killed: bool
    result: bytes
    stdout: bytes
    stderr: bytes
    elapsed_s: float
    max_rss_bytes: int
    cpu_s: float

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.timed_out and not self.flooded


class _Stream:
    """One pipe: keeps the head (result) or the tail (logs), counts the rest."""

    def __init__(self, cap: int, keep: int, head: bool) -> None:
        self.cap, self.keep, self.head, self.seen, self.data = cap, keep, head, 0, b""

    def feed(self, chunk: bytes) -> bool:
        """Takes a chunk; False when the stream is over its cap."""
        self.seen += len(chunk)
        if self.head:
            self.data = (self.data + chunk)[: self.keep]
        else:
            self.data = (self.data + chunk)[-self.keep:]
        return self.seen <= self.cap


def adopt_orphans() -> None:
    """Makes grandchildren that detach themselves come back to this process."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        pass


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def stoppable() -> None:
    """Both ways to stop become KeyboardInterrupt, and so keep what was measured, also where a
    shell started this in the background and had it ignore one of them."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def kill_running() -> None:
    """Ends the children of other calls of run(), which then return."""
    with _running_lock:
        for pid in _running:
            _signal_group(pid, signal.SIGKILL)


def _children() -> set[int]:
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            found.update(int(pid) for pid in listing.read_text().split())
        except (OSError, ValueError):
            pass
    return found


def _kill_orphans(before: set[int]) -> None:
    """Kills and reaps what the child left behind; `before` are children of someone else."""
    for _ in range(16):
        with _running_lock:  # nobody starts a child that is not in _running yet
            orphans = _children() - before - _running
            for pid in orphans:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass
        if not orphans:
            return


def _oom_kills() -> int:
    """How many processes the memory cgroup has killed so far; 0 where that is not shown."""
    for file in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            for line in Path(file).read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        except (OSError, ValueError):
            pass
    return 0


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


class _Watch:
    """The select loop over one child's pipes and its pidfd."""

    def __init__(self, process: subprocess.Popen[bytes], result_fd: int | None) -> None:
        self.process = process
        self.selector = selectors.DefaultSelector()
        self.streams = {"stdout": _Stream(LOG_CAP, LOG_TAIL, False),
                        "stderr": _Stream(LOG_CAP, LOG_TAIL, False),
                        "result": _Stream(RESULT_CAP, RESULT_CAP, True)}
        assert process.stdout and process.stderr
        self._add(process.stdout.fileno(), "stdout")
        self._add(process.stderr.fileno(), "stderr")
        if result_fd is not None:
            self._add(result_fd, "result")
        self.pidfd = os.pidfd_open(process.pid)
        self.selector.register(self.pidfd, selectors.EVENT_READ, "exit")
        self.flooded = ""

    def _add(self, fd: int, name: str) -> None:
        os.set_blocking(fd, False)
        self.selector.register(fd, selectors.EVENT_READ, name)

    def _read(self, key: selectors.SelectorKey) -> None:
        try:
            chunk = os.read(key.fd, 1 << 16)
        except BlockingIOError:
            return
        if not chunk:
            self.selector.unregister(key.fd)
        elif not self.streams[key.data].feed(chunk):
            self.flooded = key.data

    def until(self, deadline: float) -> bool:
        """Serves the pipes until the child ends (True), the deadline or a flood (False)."""
        while not self.flooded:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ended = False
            for key, _ in self.selector.select(left):
                if key.data == "exit":
                    ended = True
                else:
                    self._read(key)
            if ended:
                return True
        return False

    def drain(self) -> None:
        """Takes what is still in the pipes after the end, without waiting for writers."""
        pending = True
        while pending and not self.flooded:
            ready = [k for k, _ in self.selector.select(0) if k.data != "exit"]
            before = sum(s.seen for s in self.streams.values())
            for key in ready:
                self._read(key)
            pending = sum(s.seen for s in self.streams.values()) > before

    def close(self) -> None:
        self.selector.close()
        os.close(self.pidfd)


def _stop(process: subprocess.Popen[bytes], watch: _Watch) -> None:
    """TERM to the group, a grace of two seconds, then KILL."""
    _signal_group(process.pid, signal.SIGTERM)
    watch.flooded = ""
    for stream in watch.streams.values():
        stream.cap = 1 << 62
    watch.until(time.monotonic() + GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """The calling thread, and so what it starts, stays on one core meanwhile."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _Child:
    """One started process with its pipes. An interrupt may come at any line: what is there by
    then is here, for end() to clean up."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.watch: _Watch | None = None
        self.read_fd: int | None = None
        self.timed_out, self.flooded = False, ""

    def start(self, command: list[str], result_option: str | None, hand_over: Sequence[int],
              core: int | None, **how: Any) -> None:
        """Starts it; descriptors that become the child's are closed here in any case."""
        given = list(hand_over)
        try:
            if result_option is not None:
                self.read_fd, write_fd = os.pipe()
                given.append(write_fd)
                command = [*command, result_option, str(write_fd)]
            with _running_lock, _on_core(core):
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, start_new_session=True, pass_fds=given, **how)
                _running.add(self.process.pid)
        finally:
            for fd in given:
                os.close(fd)
        self.watch = _Watch(self.process, self.read_fd)

    def serve(self, deadline: float) -> None:
        """Until it ends or has to be ended."""
        assert self.process and self.watch
        ended = self.watch.until(deadline)
        self.flooded = self.watch.flooded
        if not ended:
            self.timed_out = not self.flooded
            _stop(self.process, self.watch)

    def reap(self) -> resource.struct_rusage:
        """Its exit status, what it used, and the rest of what it said."""
        assert self.process and self.watch
        _signal_group(self.process.pid, signal.SIGKILL)  # who is left of the group; the pid is ours
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.watch.drain()
        self.flooded = self.flooded or self.watch.flooded
        return usage

    def end(self) -> None:
        """Nothing of it stays: no process, no descriptor."""
        if self.process and self.process.returncode is None:
            _signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.watch:
            self.watch.close()
        if self.read_fd is not None:
            os.close(self.read_fd)
        if self.process:
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe:
                    pipe.close()
            with _running_lock:
                _running.discard(self.process.pid)


def run(argv: Sequence[str], env: Mapping[str, str], timeout_s: float,
        result_option: str | None = None, cwd: Path | None = None,
        hand_over: Sequence[int] = (), core: int | None = None) -> Outcome:
    """Runs argv to its end. With `result_option`, that option and the number of a pipe are
    appended to argv, and what the child writes there becomes Outcome.result. `hand_over` are
    descriptors that become the child's: they are closed here in any case. With `core` the
    child stays on that processor. Thread-safe."""
    one, before = _Child(), _children()
    try:
        oom_before, begun = _oom_kills(), time.monotonic()
        one.start(list(argv), result_option, hand_over, core, env=dict(env), cwd=cwd)
        one.serve(begun + timeout_s)
        elapsed = time.monotonic() - begun
        usage = one.reap()
    finally:
        one.end()
        _kill_orphans(before)
    assert one.process and one.watch
    code, said = one.process.returncode, one.watch.streams
    return Outcome(status=code if code >= 0 else None, signal=-code if code < 0 else None,
                   timed_out=one.timed_out, flooded=one.flooded,
                   oom_killed=code == -signal.SIGKILL and _oom_kills() > oom_before,
                   result=said["result"].data, stdout=said["stdout"].data,
                   stderr=said["stderr"].data, elapsed_s=elapsed,
                   max_rss_bytes=usage.ru_maxrss * 1024, cpu_s=usage.ru_utime + usage.ru_stime)

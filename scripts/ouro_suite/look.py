# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""What /proc and /sys say, under a root of one's choice, so that tests can plant a machine."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


def number(text: str, default: float = 0.0) -> float:
    """The first word of a file as a number; `default` when it is none."""
    try:
        found = float(text.split()[0])
    except (IndexError, ValueError):
        return default
    return found if math.isfinite(found) else default


def cpus(listing: str) -> set[int]:
    """`0-3,8` as a set; empty when it is no such list."""
    found: set[int] = set()
    try:
        for part in filter(None, listing.strip().split(",")):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except ValueError:
        return set()
    return found


@dataclass(frozen=True)
class Machine:
    """A machine, seen through its files. Nothing here is written, nothing needs root."""

    root: Path = Path("/")

    def read(self, path: str) -> str:
        """A small file, stripped; empty when it cannot be read."""
        try:
            text = (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text.strip("\n\0 ")

    def exists(self, path: str) -> bool:
        return (self.root / path.lstrip("/")).exists()

    def all(self, pattern: str) -> list[str]:
        """The contents of all files that match, in the order of their names; empty ones are
        left out."""
        files = sorted(self.root.glob(pattern.lstrip("/")))
        texts = (self.read(str(f.relative_to(self.root))) for f in files)
        return [t for t in texts if t]

    def field(self, path: str, name: str) -> str:
        """The rest of the line that begins with `name`; empty when there is none."""
        for line in self.read(path).splitlines():
            if line.startswith(name):
                return line[len(name):].strip(" :\t")
        return ""

    def allowed(self) -> set[int]:
        """The processors this process may use."""
        return cpus(self.field("/proc/self/status", "Cpus_allowed_list:")) & self.online() \
            or self.online()

    def online(self) -> set[int]:
        return cpus(self.read("/sys/devices/system/cpu/online")) or {0}

    def cgroups(self, controller: str) -> list[str]:
        """Folders of this process's cgroup and of its parents, from the inside out, version 2
        or the one of a version 1 controller. In a container the path that /proc names may not
        exist; then the mounted root is its own group."""
        found = []
        for line in self.read("/proc/self/cgroup").splitlines():
            number_, names, path = (line.split(":", 2) + ["", ""])[:3]
            base = "/sys/fs/cgroup" if number_ == "0" and not names else \
                f"/sys/fs/cgroup/{controller}" if controller in names.split(",") else ""
            if not base:
                continue
            parts = [p for p in path.split("/") if p and p != ".."]
            for depth in range(len(parts), -1, -1):
                folder = "/".join([base, *parts[:depth]])
                if self.exists(folder) and folder not in found:
                    found.append(folder)
        return found

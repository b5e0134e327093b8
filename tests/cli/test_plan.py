# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
"""Order of measurement: every arm once a block, mirrored in pairs, one seed, one padding."""
from __future__ import annotations

from pathlib import Path

from ouro_suite import plan, worker
from ouro_suite.allocators import Allocator
from ouro_suite.workloads import Workload

ALLOCATORS = [Allocator(n) for n in ("ouro", "glibc", "jemalloc", "mimalloc")]
TABLE = {a.name: a for a in ALLOCATORS}


def rows() -> list[tuple[plan.Cell, list[plan.Arm]]]:
    arms = plan.make_arms(ALLOCATORS, "raw", TABLE, None)
    return [(plan.Cell(Workload(n, Path(n)), "raw", None), arms) for n in ("a", "b", "c")]


def test_a_block_has_every_arm_of_every_cell_once() -> None:
    jobs = list(plan.block_jobs(3, rows(), 1))
    assert len({job.key for job in jobs}) == len(jobs) == 12
    assert [job.order_pos for job in jobs] == list(range(12))


def test_blocks_come_in_mirrored_pairs() -> None:
    for first in (0, 2, 8):
        there = [(j.cell.name, j.arm.name) for j in plan.block_jobs(first, rows(), 5)]
        back = [(j.cell.name, j.arm.name) for j in plan.block_jobs(first + 1, rows(), 5)]
        assert there == back[::-1]


def test_pairs_of_blocks_have_different_orders() -> None:
    orders = {tuple(j.key[1:] for j in plan.block_jobs(b, rows(), 5)) for b in range(0, 20, 2)}
    assert len(orders) > 5


def test_a_block_has_one_seed_and_one_padding_and_repeats_exactly() -> None:
    jobs = list(plan.block_jobs(4, rows(), 9))
    assert len({(job.seed, job.padding) for job in jobs}) == 1
    assert jobs == list(plan.block_jobs(4, rows(), 9))
    assert jobs[0].seed != next(plan.block_jobs(5, rows(), 9)).seed


def test_object_arms_are_ouro_on_arenas_and_the_others_on_malloc() -> None:
    arms = plan.make_arms(ALLOCATORS, "object", TABLE, ["glibc", "jemalloc"])
    assert [a.name for a in arms] == ["object@ouro", "object@malloc+glibc",
                                      "object@malloc+jemalloc"]
    assert arms[0].allocator.name == "glibc" and arms[0].column == "ouro"


def test_another_runtime_has_the_object_form_only() -> None:
    cpython = Allocator("cpython", worker="ouro-work-cpython")
    assert not plan.make_arms([cpython], "raw", TABLE, None)
    (arm,) = plan.make_arms([cpython], "object", TABLE, ["glibc"])
    assert (arm.name, arm.column, arm.heap) == ("object@cpython", "cpython", "cpython")


def test_arguments_and_environment_take_the_same_room_in_every_arm(tmp_path: Path) -> None:
    (tmp_path / "ouro-work").touch()
    sizes = set()
    for path in ("", "/usr/lib/a.so", "/usr/lib/some/where/a-much-longer-name.so.2"):
        arm = plan.Arm("raw", "process", Allocator("x", path))
        job = plan.Job(0, 0, rows()[0][0], arm, 1, 17)
        argv = worker.command(job, worker.Settings(tmp_path, 1.0), 1.0)
        sizes.add(worker._stack_bytes(argv, worker.pad(argv, worker.environment(job), 17)))
    assert len(sizes) == 1

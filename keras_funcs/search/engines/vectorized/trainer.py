"""How groups of lanes train: as many at once as the memory holds."""

import os
from collections.abc import Iterator

import jax

from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.blocks import Block
from keras_funcs.search.engines.vectorized.blocks import Plan
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.numbers import Numbers
from keras_funcs.search.engines.vectorized.program import Disputed
from keras_funcs.search.engines.vectorized.program import Program
from keras_funcs.search.engines.vectorized.results import LaneResult

SHARE = 0.5  # of the free memory that lanes may take


class Trainer:
    """Trains groups of lanes on the same data in the same way.

    Args:
        train: `Split`.
        validation: `Split`.
        plan: `Plan`. How every lane trains.
        memory: Integer, or None for what the device has. Bytes that lanes may
            take at once.
    """

    def __init__(
        self, train: Split, validation: Split, plan: Plan, memory: int | None
    ) -> None:
        self.train = train
        self.validation = validation
        self.plan = plan
        self.memory = memory or int(SHARE * _free_memory())

    def run(self, group: Group) -> Iterator[LaneResult]:
        """Yields the results of a group's lanes, in their order."""
        results: dict[int, LaneResult] = {}
        waiting = [group]
        while waiting:
            part = waiting.pop()
            try:
                results |= self._run(part)
            except Disputed as error:
                waiting += part.split(error.answers)
        return (results[lane.index] for lane in group.lanes)

    def _run(self, group: Group) -> dict[int, LaneResult]:
        program = Program(
            group,
            Numbers(group.values()),
            self.train,
            self.validation,
            self.plan.batch_size,
        )
        results: dict[int, LaneResult] = {}
        size, begin = len(group.lanes), 0
        while begin < len(group.lanes):
            rows = range(begin, min(begin + size, len(group.lanes)))
            block = Block(group, rows, program, self.plan)
            needed = block.memory()
            if needed > self.memory and len(rows) > 1:
                size = max(int(len(rows) * self.memory / needed), 1)
                continue
            results |= block.run()
            begin = rows.stop
        return results


def _free_memory() -> int:
    """Bytes that are free on the device that computes."""
    told = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in told:
        return int(told["bytes_limit"] - told.get("bytes_in_use", 0))
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

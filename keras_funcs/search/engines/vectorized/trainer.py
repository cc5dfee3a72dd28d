"""Trains settings as lanes: as many at once as the memory holds."""

import dataclasses
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import jax

from keras_funcs._core import checks
from keras_funcs.search.engines.vectorized import memory
from keras_funcs.search.engines.vectorized.arrays import Split
from keras_funcs.search.engines.vectorized.blocks import Block
from keras_funcs.search.engines.vectorized.blocks import Recipe
from keras_funcs.search.engines.vectorized.course import Halving
from keras_funcs.search.engines.vectorized.course import keep_best
from keras_funcs.search.engines.vectorized.course import relative_cost
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.groups import Templates
from keras_funcs.search.engines.vectorized.program import Disputed
from keras_funcs.search.engines.vectorized.program import EpochProgram
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.refusal import check_backend
from keras_funcs.search.engines.vectorized.refusal import refusal
from keras_funcs.search.engines.vectorized.results import LaneResult
from keras_funcs.search.training.data import VALIDATION_BATCH

Found = dict[int, LaneResult | NotVectorizable]
MAX_PROGRAMS = 8  # that the settings of one block may need


class Trainer:
    """Trains blocks of lanes on the same data; it keeps what it compiles.

    Args:
        train: Pair `(x, y)` or triple `(x, y, sample_weight)` of arrays, or
            of structures of arrays.
        validation: The same, for the scores.
        objective: A `keras_tuner.Objective`.
        batch_size: Integer >= 1.
        patience: Integer >= 1. Epochs without a better one that end a lane.
        memory: Integer, or None for what the device has. Bytes that the
            lanes may take at once.
        fill: Boolean. Whether the last batch of an epoch is filled up with
            samples drawn at random, or smaller.

    Raises:
        NotVectorizable: On another backend than JAX, and for data that are no
            arrays.
        ValueError: If an argument is invalid.
    """

    def __init__(
        self,
        *,
        train: Any,
        validation: Any,
        objective: Any,
        batch_size: int,
        patience: int,
        memory: int | None = None,
        fill: bool = True,
    ) -> None:
        check_backend()
        checks.integer("batch_size", batch_size, at_least=1)
        checks.integer("patience", patience, at_least=1)
        data, scored = Split.of(train), Split.of(validation)
        size = min(batch_size, data.size)
        self.recipe = Recipe(objective, 1, size, patience, fill)
        self.memory = memory
        self.train_split = Split(jax.device_put(data.parts))
        self.validation = jax.device_put(
            scored.batches(min(scored.size, VALIDATION_BATCH))
        )
        # Of the last block: seconds of one lane, and of one lane by itself.
        self.lane_seconds = self.alone_seconds = 0.0
        self._templates = Templates()

    def train(
        self,
        build: Callable[[Any], Any],
        settings: Sequence[Any],
        seeds: Sequence[int],
        *,
        epochs: int,
        halving: Halving | None = None,
        seconds: float | None = None,
    ) -> list[LaneResult | NotVectorizable]:
        """Trains a model per setting and seed, those of one program at once.

        Every result is that of `fit` alone after
        `keras.utils.set_random_seed(seed)`, with the best epoch's weights
        kept. Two settings share a program if the configurations of their
        models and all that their objects hold differ in floats alone; what a
        function reads from its module is not looked at.

        Args:
            build: Function from a setting to a compiled model that is built.
            settings: Sequence of settings, such as
                `keras_tuner.HyperParameters`.
            seeds: Sequence of integers, one per setting.
            epochs: Integer >= 1.
            halving: `Halving`, or None to train all lanes to their end.
            seconds: Float, or None. How long it may take: after the first
                epoch no more lanes go on than there is time for.

        Returns:
            For each setting its `LaneResult`, or the `NotVectorizable` that
            says why it has no lane.

        Raises:
            ValueError: If an argument is invalid.
        """
        if len(seeds) != len(settings):
            checks.invalid("seeds", f"{len(settings)}, one per setting", seeds)
        checks.integer("epochs", epochs, at_least=1)
        begin = time.monotonic()
        until = None if seconds is None else begin + seconds
        recipe = dataclasses.replace(self.recipe, epochs=epochs)
        groups, refused = self._templates.groups(build, settings, seeds)
        found: Found = dict(refused)
        built = time.monotonic()
        if len(groups) > MAX_PROGRAMS:
            why = NotVectorizable(
                f"{len(settings)} settings need {len(groups)} programs"
            )
            found |= {lane.index: why for g in groups for lane in g.lanes}
            groups = []
        blocks: list[Block] = []
        for group in groups:
            blocks += self._blocks(group, recipe, found)
        blocks = self._run(blocks, epochs, halving, until, found)
        for block in blocks:
            found |= block.results()
        self.lane_seconds = epochs * _pace(blocks)
        compiled = time.monotonic() - built - sum(b.seconds for b in blocks)
        one = (built - begin) / max(len(settings), 1)
        self.alone_seconds = one + compiled + self.lane_seconds
        return [found[place] for place in range(len(settings))]

    def program_of(
        self, build: Callable[[Any], Any], hp: Any
    ) -> tuple[str, int]:
        """The signature of a setting's program, and the bytes of its state."""
        return self._templates.program_of(build, hp)

    def probe(
        self, build: Callable[[Any], Any], settings: Sequence[Any]
    ) -> None:
        """Traces a program, and runs nothing.

        Raises:
            NotVectorizable: If settings cannot have lanes.
        """
        seeds = [0] * len(settings)
        groups, refused = self._templates.groups(build, settings, seeds)
        for error in refused.values():
            raise error
        for group in groups:
            rows = range(len(group.lanes))
            Block(group, rows, self._program(group), self.recipe).trace()

    def _blocks(
        self, group: Group, recipe: Recipe, found: Found
    ) -> list[Block]:
        """The lanes of a group, in blocks of a size that fits the memory."""
        try:
            program = self._program(group)
            rows = range(len(group.lanes))
            whole = Block(group, rows, program, recipe)
            usable = self.memory or memory.usable()
            count = min(-(-whole.memory() // max(usable, 1)), len(rows))
            if count <= 1:
                return [whole]
            size = -(-len(rows) // count)
            return [
                Block(group, rows[start : start + size], program, recipe)
                for start in range(0, len(rows), size)
            ]
        except Disputed as error:
            parts = group.split(error.answers)
            return [b for p in parts for b in self._blocks(p, recipe, found)]
        except NotVectorizable as error:
            if group.seeded:  # perhaps random numbers that lanes cannot share
                apart = dataclasses.replace(group, seeded=[])
                return self._blocks(apart, recipe, found)
            found |= {lane.index: error for lane in group.lanes}
            return []

    def _program(self, group: Group) -> EpochProgram:
        programs = group.template.programs
        for program in programs:
            if program.adopt(group):
                return program
        program = EpochProgram(
            group, self.train_split, self.validation, self.recipe.batch_size
        )
        programs.append(program)
        return program

    def _run(
        self,
        blocks: list[Block],
        epochs: int,
        halving: Halving | None,
        until: float | None,
        found: Found,
    ) -> list[Block]:
        """Trains all blocks from rung to rung, and ranks all lanes there."""
        halved = [] if halving is None else halving.rungs(epochs)
        rungs = {*halved, epochs} if until is None else {1, *halved, epochs}
        for rung in sorted(rungs):
            waiting, ended = blocks, []
            while waiting:
                block, *waiting = waiting
                waiting = [*self._advance(block, rung, found), *waiting]
                ended.append(block)
                if len(blocks) > 1 or waiting:
                    block.park()
            blocks = ended
            courses = [c for b in blocks for c in b.courses.values()]
            if until is not None and rung == 1:
                left = until - time.monotonic()
                each = _pace(blocks) * relative_cost(halving, epochs)
                going = [course for course in courses if not course.stopped]
                keep_best(going, int(left / max(each, 1e-9)), "time")
            if halving is not None and rung in halved:
                halving.stop(courses)
        return blocks

    def _advance(self, block: Block, rung: int, found: Found) -> list[Block]:
        """Trains a block; returns those that take its place if it is too large.

        An error of the program is the end of its lanes alone.
        """
        try:
            block.advance(rung)
        except ValueError:  # of an argument
            raise
        except Exception as error:
            if memory.is_exhausted(error) and len(block.going) > 1:
                return block.halves()
            why = refusal(error)
            for row in block.drop():
                found[block.group.lanes[row].index] = why
        return []


def _pace(blocks: Sequence[Block]) -> float:
    """Seconds of one lane in one epoch."""
    lane_epochs = sum(block.lane_epochs for block in blocks)
    return sum(block.seconds for block in blocks) / max(lane_epochs, 1)


def train(
    build: Callable[[Any], Any],
    settings: Sequence[Any],
    seeds: Sequence[int],
    *,
    epochs: int,
    halving: Halving | None = None,
    **data: Any,
) -> list[LaneResult | NotVectorizable]:
    """Trains one block of lanes; see `Trainer`, which keeps its programs.

    Args:
        build: As for `Trainer.train`, like the next four.
        settings: Sequence of settings.
        seeds: Sequence of integers.
        epochs: Integer >= 1.
        halving: `Halving`, or None.
        **data: Arguments of `Trainer`.
    """
    trainer = Trainer(**data)
    return trainer.train(build, settings, seeds, epochs=epochs, halving=halving)

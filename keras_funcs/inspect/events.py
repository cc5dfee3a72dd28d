"""TensorBoard event files, written without TensorFlow.

The records, messages and plugin metadata are TensorBoard's own; only the file
is opened here, since TensorBoard's higher-level writer imports TensorFlow
wherever that is installed.
"""

import itertools
import math
import os
import re
import struct
import time
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from typing import Self

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core import text as texts

BUCKETS = 30  # as in TensorBoard's own histograms
MAX_HISTOGRAM_VALUES = 4_000_000
MAX_IMAGE_SIDE = 4096
MAX_IMAGE_BYTES = 16 * 2**20
MAX_TEXT = 256 * 2**10
STATUSES = ("unknown", "success", "failure", "running")  # TensorBoard's order

HParamValue = int | float | str | bool
Domain = Sequence[HParamValue] | tuple[float, float]

_files = itertools.count()


class EventWriter:
    """Writes one run of TensorBoard data; needs the package `tensorboard`.

    The folder and the file appear with the first thing written. What was
    written is on disk after `flush()` or `close()`. No existing file is ever
    touched: each writer adds one of its own.

    Args:
        log_dir: String or path. The folder of the run.

    Example:

    >>> from keras_funcs.inspect.events import EventWriter
    >>> with EventWriter("runs/demo") as writer:
    ...     writer.scalar("loss", 0.5, step=0)
    ...     writer.histogram("dense/kernel", np.ones((3, 2)), step=0)
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        if not isinstance(log_dir, (str, os.PathLike)) or not str(log_dir):
            checks.invalid("log_dir", "the path of a folder", log_dir)
        self.log_dir = os.fspath(log_dir)
        self._records: Any = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Writes one number; NaN and infinities are shown as such."""
        from tensorboard.plugins.scalar import metadata

        number = np.asarray(value, dtype=np.float64)
        if number.size != 1:
            checks.invalid("value", "a single number", value)
        # Past float32 a number is infinite, which is what the chart shows.
        with np.errstate(over="ignore"):
            number = number.reshape(()).astype(np.float32)
        self._add(tag, number, metadata.create_summary_metadata("", ""), step)

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """Writes the distribution of the finite values of an array.

        Where some are not finite, their share goes to the scalar
        `<tag>/non_finite`. Of very large arrays an evenly spaced part counts.
        """
        from tensorboard.plugins.histogram import metadata

        array = np.asarray(values).reshape(-1)
        array = array[:: max(1, math.ceil(array.size / MAX_HISTOGRAM_VALUES))]
        array = array.astype(np.float64)
        finite = array[np.isfinite(array)]
        if finite.size < array.size:
            share = 1.0 - finite.size / array.size
            self.scalar(f"{tag}/non_finite", share, step)
        if finite.size:
            meta = metadata.create_summary_metadata("", "")
            self._add(tag, _buckets(finite), meta, step)

    def image(self, tag: str, image: bytes | np.ndarray, step: int) -> None:
        """Writes a picture: PNG bytes, or a uint8 array `(H, W, 3)`.

        Raises:
            ValueError: for anything else, or a picture beyond 4096 pixels a
                side or 16 MiB.
        """
        from tensorboard.plugins.image import metadata

        data = image if isinstance(image, bytes) else _png(image)
        width, height = _png_size(data)
        tensor = np.array(
            [str(width).encode(), str(height).encode(), data], dtype=object
        )
        self._add(tag, tensor, metadata.create_summary_metadata("", ""), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Writes Markdown; TensorBoard itself removes unsafe HTML from it."""
        from tensorboard.plugins.text import metadata

        if not isinstance(markdown, str):
            checks.invalid("markdown", "a string", markdown)
        data = texts.block(markdown)
        if len(data) > MAX_TEXT:
            data = data[:MAX_TEXT] + "\n\n(cut)"
        tensor = np.array(data.encode(), dtype=object)
        self._add(tag, tensor, metadata.create_summary_metadata("", ""), step)

    def hparams_config(
        self,
        hparams: Mapping[str, Domain],
        metrics: Sequence[str | tuple[str, str]],
    ) -> None:
        """Describes an experiment; write it once, at the root of all its runs.

        Args:
            hparams: Mapping from each hyper-parameter's name to its domain: a
                pair `(low, high)` of numbers as a tuple is an interval, any
                other sequence lists the values, all numbers, all strings or
                all booleans.
            metrics: Tags of scalars, or pairs `(run, tag)` where the scalar
                stands in a run below the session's, such as
                `("validation", "epoch_loss")`.
        """
        from tensorboard.plugins.hparams import summary_v2 as hp

        described = [
            hp.HParam(_tag(name), _domain(name, domain))
            for name, domain in hparams.items()
        ]
        shown = []
        for metric in metrics:
            group, tag = ("", metric) if isinstance(metric, str) else metric
            label = f"{group} {tag}".strip()
            shown.append(hp.Metric(tag, group=group, display_name=label))
        self._write(hp.hparams_config_pb(described, shown), step=0)

    def hparams(
        self, values: Mapping[str, HParamValue], group: str | None = None
    ) -> None:
        """Starts a session: the setting that this run trains with.

        Args:
            values: Mapping from hyper-parameter to value; of a conditional
                space only those that are active.
            group: String. Sessions of one group are repetitions of one trial.
        """
        from tensorboard.plugins.hparams import summary_v2 as hp

        plain = {_tag(name): _value(name, v) for name, v in values.items()}
        self._write(hp.hparams_pb(plain, trial_id=group), step=0)

    def hparams_end(self, status: str = "success") -> None:
        """Ends the session; `status` is one of `STATUSES`."""
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams import plugin_data_pb2

        checks.one_of("status", status, STATUSES)
        end = plugin_data_pb2.SessionEndInfo(
            status=STATUSES.index(status), end_time_secs=time.time()
        )
        data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
        self._add(
            metadata.SESSION_END_INFO_TAG,
            np.zeros(0, np.float32),
            metadata.create_summary_metadata(data),
            step=0,
        )

    def flush(self) -> None:
        """Hands to the operating system what was written so far."""
        if self._records is not None:
            self._records.flush()

    def close(self) -> None:
        """Flushes and closes the file; a second call does nothing."""
        self._closed = True
        records, self._records = self._records, None
        if records is not None:
            records.close()

    def _add(self, tag: str, value: Any, metadata: Any, step: int) -> None:
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.util import tensor_util

        summary = summary_pb2.Summary()
        tensor = tensor_util.make_tensor_proto(value)
        summary.value.add(tag=_tag(tag), tensor=tensor, metadata=metadata)
        self._write(summary, step)

    def _write(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto import event_pb2

        if self._closed:
            raise ValueError(f"The writer of {self.log_dir!r} is closed.")
        if self._records is None:
            self._records = self._open()
        event = event_pb2.Event(
            wall_time=time.time(), step=int(step), summary=summary
        )
        self._records.write(event.SerializeToString())

    def _open(self) -> Any:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        os.makedirs(self.log_dir, exist_ok=True)
        # TensorBoard reads the files of a run in the order of their names.
        name = f"{int(time.time()):010d}.{os.getpid()}.{next(_files):06d}"
        path = os.path.join(self.log_dir, f"events.out.tfevents.{name}")
        records = RecordWriter(open(path, "xb"))
        version = event_pb2.Event(
            wall_time=time.time(), file_version="brain.Event:2"
        )
        records.write(version.SerializeToString())
        return records


def _tag(name: str) -> str:
    """A tag fit to be shown: names of layers and metrics may hold anything."""
    if not isinstance(name, str) or not name.strip():
        checks.invalid("tag", "a name with at least one character", name)
    return texts.tag(name)


def _value(name: str, value: Any) -> HParamValue:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str):
        return texts.printable(plain)
    if not isinstance(plain, (bool, int, float)):
        checks.invalid(name, "a number, a string or a boolean", value)
    return plain


def _domain(name: str, domain: Domain) -> Any:
    from tensorboard.plugins.hparams import summary_v2 as hp

    if isinstance(domain, str) or not len(domain):
        checks.invalid(name, "a pair (low, high) or a list of values", domain)
    values = [_value(name, value) for value in domain]
    kinds = {type(value) for value in values}
    numbers = kinds <= {int, float}
    if numbers and isinstance(domain, tuple) and len(values) == 2:
        low, high = (float(value) for value in values)
        if not low <= high:
            checks.invalid(name, "low <= high", domain)
        return hp.RealInterval(low, high)
    if numbers:
        return hp.Discrete([float(value) for value in values])
    if len(kinds) > 1:
        checks.invalid(name, "values of one type", domain)
    return hp.Discrete(values)


def _buckets(values: np.ndarray) -> np.ndarray:
    """`(left, right, count)` for each bucket, as TensorBoard draws them."""
    low, high = values.min(), values.max()
    with np.errstate(over="ignore"):
        width = high - low
    if width == 0 or not np.isfinite(width):
        # One value has no width; so has a range beyond the largest float.
        counts = np.zeros(BUCKETS)
        counts[-1] = values.size
        edges = np.full(BUCKETS, low)
        return np.stack([edges, np.full(BUCKETS, high), counts], axis=1)
    counts, edges = np.histogram(values, bins=BUCKETS, range=(low, high))
    return np.stack([edges[:-1], edges[1:], counts.astype(float)], axis=1)


def _png(image: Any) -> bytes:
    """Encodes an RGB array; a dozen lines spare a dependency."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3:
        shown = f"{array.dtype} array of shape {array.shape}"
        checks.invalid("image", "PNG bytes or a uint8 array (H, W, 3)", shown)
    height, width, _ = array.shape
    if not 0 < min(height, width) <= max(height, width) <= MAX_IMAGE_SIDE:
        size = f"at most {MAX_IMAGE_SIDE} pixels a side"
        checks.invalid("image", size, array.shape)

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    # Each row starts with the number of its filter; 0 is none.
    rows = np.pad(array.reshape(height, width * 3), ((0, 0), (1, 0)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(rows.tobytes())),
            chunk(b"IEND", b""),
        ]
    )


def _png_size(data: bytes) -> tuple[int, int]:
    if not re.match(rb"\x89PNG\r\n\x1a\n....IHDR.{8}", data, re.DOTALL):
        checks.invalid("image", "PNG bytes", data[:16])
    width, height = struct.unpack(">II", data[16:24])
    if max(width, height) > MAX_IMAGE_SIDE or len(data) > MAX_IMAGE_BYTES:
        checks.invalid(
            "image",
            f"at most {MAX_IMAGE_SIDE} pixels a side and "
            f"{MAX_IMAGE_BYTES // 2**20} MiB",
            f"{width} x {height}, {len(data)} bytes",
        )
    return width, height

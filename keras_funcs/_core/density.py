"""Sample weights for numeric labels that are unevenly spread."""

from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks

MAX_BINS = 1_000_000  # bounds what a mistaken argument can allocate


def label_density_weights(
    y: Any,
    bins: int | Any = 100,
    scheme: str = "sqrt",
    kernel_size: int = 5,
    sigma: float = 2.0,
    max_weight: float | None = None,
) -> np.ndarray:
    """Weights for samples whose numeric label is rare, with mean 1.

    Label distribution smoothing: what `class_weights` is for classes, for
    regression. A label's neighbours inform about it too, so that its frequency
    is read from a smoothed histogram. Pass the result as `sample_weight`.

    Formula:
    ```python
    density[b] = sum_k(exp(-k**2 / (2 * sigma**2)) * counts[b + k])
    inverse = 1 / density[bin of y]
    sqrt = 1 / sqrt(density[bin of y])
    ```
    and then `weights / mean(weights)`; there is nothing outside of the bins.

    Args:
        y: `(N,)` or `(N, 1)` finite numbers: the training labels, as a NumPy
            array, list or tensor.
        bins: Integer >= 1, the number of bins of equal width from the smallest
            label to the largest; or their increasing edges. Choose them as
            wide as the differences between labels that matter. Defaults to
            `100`.
        scheme: `"sqrt"` or `"inverse"`, which is stronger. Defaults to
            `"sqrt"`.
        kernel_size: Odd integer >= 1. The bins that are smoothed over; 1 does
            not smooth. Defaults to `5`.
        sigma: Float > 0. Width of the Gaussian, in bins. Defaults to `2.0`.
        max_weight: Float >= 1, or None. No weight is larger; those below grow
            in proportion, for a mean of 1. Defaults to `None`.

    Returns:
        float64 array of shape `(N,)` with mean 1.

    Raises:
        ValueError: for arguments out of range, for labels that are no finite
            numbers, and for labels outside of the given edges.

    Example:

    >>> weights = keras_funcs.label_density_weights(
    ...     [1.0, 1.1, 1.2, 1.3, 9.0], bins=4, scheme="inverse"
    ... )
    >>> [round(float(weight), 4) for weight in weights]
    [0.625, 0.625, 0.625, 0.625, 2.5]

    Reference:
        Yang et al. (2021), ICML, arXiv:2102.09554
    """
    checks.one_of("scheme", scheme, ("sqrt", "inverse"))
    checks.integer("kernel_size", kernel_size, at_least=1, at_most=MAX_BINS)
    if kernel_size % 2 == 0:
        checks.invalid("kernel_size", "an odd integer", kernel_size)
    checks.number("sigma", sigma, above=0)
    checks.number("max_weight", max_weight, at_least=1, optional=True)
    labels = _labels(y)
    edges = _edges(bins, labels)
    counts = np.histogram(labels, edges)[0].astype(float)
    # The last bin holds its upper edge as well.
    place = np.searchsorted(edges, labels, side="right") - 1
    place = np.minimum(place, len(counts) - 1)
    # density[b] = sum_k exp(-k**2 / (2 sigma**2)) counts[b + k]
    reach = kernel_size // 2
    steps = np.arange(-reach, reach + 1) / sigma
    kernel = np.exp(-0.5 * steps**2)
    density = np.convolve(np.pad(counts, reach), kernel, mode="valid")
    weights = density[place] ** (-0.5 if scheme == "sqrt" else -1.0)
    weights = weights / weights.mean()
    return weights if max_weight is None else _capped(weights, max_weight)


def _capped(weights: np.ndarray, largest: float) -> np.ndarray:
    """`min(factor * weights, largest)` with the factor that makes the mean 1.

    With the k largest capped, `k * largest + factor * rest = N`; the right k
    is the first one whose factor keeps the next weight below the cap.
    """
    ordered = np.sort(weights)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]  # of the k-th and all below
    capped = np.arange(len(ordered))
    factors = (len(ordered) - capped * largest) / rest
    fits = factors * ordered <= largest
    # At a cap of 1 rounding may leave none: all weights are 1.
    factor = factors[np.argmax(fits)] if fits.any() else np.inf
    return np.minimum(factor * weights, largest)


def _labels(y: Any) -> np.ndarray:
    labels = np.asarray(ops.convert_to_numpy(y) if ops.is_tensor(y) else y)
    if labels.dtype.kind not in "biuf":
        checks.invalid("y", "numeric labels", labels.dtype)
    if labels.ndim == 2 and labels.shape[-1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not labels.size:
        checks.invalid("y", "at least one label, (N,) or (N, 1)", labels.shape)
    if not np.all(np.isfinite(labels)):
        checks.invalid("y", "finite labels", labels)
    return labels.astype(float)


def _edges(bins: Any, labels: np.ndarray) -> np.ndarray:
    if np.ndim(bins) == 0:
        bins = checks.integer("bins", bins, at_least=1, at_most=MAX_BINS)
        return np.histogram_bin_edges(labels, bins)
    edges = np.asarray(checks.numbers("bins", bins))
    if len(edges) < 2 or np.any(np.diff(edges) <= 0):
        checks.invalid("bins", "two or more increasing edges", bins)
    if labels.min() < edges[0] or labels.max() > edges[-1]:
        checks.invalid("y", f"labels in [{edges[0]}, {edges[-1]}]", labels)
    return edges

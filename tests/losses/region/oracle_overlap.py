"""Overlap losses as their papers have them, pixel by pixel.

Sizes of sets, and the L1 distance between them, instead of true positives.
"""

import itertools

import numpy as np

Real = np.longdouble


def sizes(p, y, weight):
    """|A|, |B| and |A and B| of one class in one region.

    For soft sets, |A and B| is what the L1 distance leaves of both: Wang et
    al. (2023), arXiv:2302.05666, eq. 6.
    """
    a = b = distance = Real(0)
    for pi, yi, wi in zip(p, y, weight):
        pi, yi, wi = Real(pi), Real(yi), Real(wi)
        a += wi * pi
        b += wi * yi
        distance += wi * abs(pi - yi)
    return a, b, (a + b - distance) / 2


def dice(a, b, both, smooth=1.0):
    return 1 - (2 * both + smooth) / (a + b + smooth)


def jaccard(a, b, both, smooth=1.0):
    return 1 - (both + smooth) / (a + b - both + smooth)


def tversky(a, b, both, smooth=1.0, fp_weight=0.3, fn_weight=0.7):
    false = fp_weight * (a - both) + fn_weight * (b - both)
    return 1 - (both + smooth) / (both + false + smooth)


def focal_tversky(*sets, gamma=4 / 3, **arguments):
    return tversky(*sets, **arguments) ** (1 / Real(gamma))


def mean(loss, p, y, weight, class_weights=None, first=0, **arguments):
    """Weighted mean over the classes of one region, from `first` on."""
    total = share = Real(0)
    for c in range(first, len(p[0])):
        sets = sizes([row[c] for row in p], [row[c] for row in y], weight)
        own = Real(1 if class_weights is None else class_weights[c])
        total += own * loss(*sets, **arguments)
        share += own
    return total / share


def generalized_dice(p, y, weight, power=2, smooth=1.0, class_weights=None):
    """Sudre et al. (2017), with weights that sum to 1."""
    count = len(p[0])
    sets = [
        sizes([row[c] for row in p], [row[c] for row in y], weight)
        for c in range(count)
    ]
    raw = [1 / b**power if b else None for _, b, _ in sets]
    known = [item for item in raw if item is not None] or [Real(1)]
    raw = [max(known) if item is None else item for item in raw]
    if class_weights is not None:
        raw = [item * own for item, own in zip(raw, class_weights)]
    shares = [item / sum(raw) for item in raw]
    both = sum(s * item[2] for s, item in zip(shares, sets))
    areas = sum(s * (item[0] + item[1]) for s, item in zip(shares, sets))
    return 1 - (2 * both + smooth) / (areas + smooth)


def probabilities(logits):
    """Softmax of every pixel, or the sigmoid of a single channel."""
    out = np.empty(np.shape(logits), Real)
    for index in itertools.product(*map(range, np.shape(logits)[:-1])):
        e = [np.exp(Real(z)) for z in logits[index]]
        total = sum(e) if len(e) > 1 else 1 + e[0]
        out[index] = [item / total for item in e]
    return out


def regions(loss, p, y, weight=None, per_sample=True, **arguments):
    """`loss` of each sample's pixels, or of the whole batch's."""
    classes = np.shape(p)[-1]
    weight = np.ones(np.shape(p)[:-1]) if weight is None else weight
    lead = (len(p), -1) if per_sample else (1, -1)
    p, y = (np.reshape(x, (*lead, classes)) for x in (p, y))
    weight = np.reshape(weight, lead)
    found = [loss(*one, **arguments) for one in zip(p, y, weight)]
    return np.asarray(found, float)

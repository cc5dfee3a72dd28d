"""Rates of classes by their definitions: sample by sample, in float64."""

import numpy as np


def outcomes(true, predicted, c, weight):
    """tp, fp, fn, tn of one class against the rest, by looking at each."""
    tp = fp = fn = tn = 0.0
    for t, p, w in zip(true, predicted, weight):
        if t == c and p == c:
            tp += w
        elif p == c:
            fp += w
        elif t == c:
            fn += w
        else:
            tn += w
    return np.array([tp, fp, fn, tn])


def of_classes(true, predicted, size, weight):
    return [outcomes(true, predicted, c, weight) for c in range(size)]


def of_labels(true, predicted, weight):
    """Every column is a question of its own; -1 is no answer."""
    found = []
    for t, p in zip(np.transpose(true), np.transpose(predicted)):
        known = t != -1
        share = np.asarray(weight, float)[known]
        found.append(outcomes(t[known], p[known], 1, share))
    return found


def rate(kind, counts, beta=1.0):
    """The ratio of one class, or None for 0 / 0."""
    tp, fp, fn, tn = counts
    above, below = {
        "PrecisionScore": (tp, tp + fp),
        "RecallScore": (tp, tp + fn),
        "SpecificityScore": (tn, tn + fp),
    }.get(kind, (0.0, 0.0))
    if kind == "FScore":  # van Rijsbergen's effectiveness
        precision, recall = (
            rate("PrecisionScore", counts),
            rate("RecallScore", counts),
        )
        if precision is None and recall is None:
            return None
        precision, recall = precision or 0.0, recall or 0.0
        below = beta**2 * precision + recall
        above = (1 + beta**2) * precision * recall
        if below == 0:
            return 0.0
    return above / below if below else None


def average(kind, every, how, zero, chosen="present", beta=1.0):
    """The mean over classes; `zero` is None where 0 / 0 is left out."""
    members = [
        counts
        for counts in every
        if chosen == "all"
        or counts[0] + counts[2] > 0
        or (chosen == "present" and counts[1] > 0)
    ]
    if how == "micro":
        value = rate(kind, sum(members), beta)
        return zero if value is None else value
    total = share = 0.0
    weights = [counts[0] + counts[2] for counts in members]
    if how == "macro" or sum(weights) == 0:
        weights = [1.0] * len(members)
    for counts, weight in zip(members, weights):
        value = rate(kind, counts, beta)
        value = zero if value is None else value
        if value is not None:
            total += weight * value
            share += weight
    return total / share if share else zero

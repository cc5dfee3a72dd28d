"""The losses' definitions, spelled out in loops and extended precision.

An 80-bit number reaches exp(11000), so that every formula stands here as its
paper has it, with no shifting, no logsumexp and no log-sigmoid.
"""

import itertools

import numpy as np

Real = np.longdouble


def softmax(logits):
    """Probabilities of one sample, and of all other classes together."""
    e = [np.exp(Real(z)) for z in logits]
    total = sum(e)
    p = [item / total for item in e]
    rest = [sum(e[:c] + e[c + 1 :]) / total for c in range(len(e))]
    return p, rest


def normalized(probabilities):
    """The same from probabilities that need not sum to 1."""
    q = [Real(float(item)) for item in probabilities]
    total = sum(q)
    p = [item / total for item in q]
    rest = [sum(q[:c] + q[c + 1 :]) / total for c in range(len(q))]
    return p, rest


def sigmoid(logit):
    """Probability of class 1 and of class 0."""
    e = np.exp(Real(logit))
    return e / (1 + e), 1 / (1 + e)


def crossentropy(target, p):
    """`-sum_c y_c log p_c`, over the classes that the target has."""
    return -sum(Real(y) * np.log(q) for y, q in zip(target, p) if y)


def categorical_focal(target, p, rest, alpha, gamma):
    """Lin et al. (2017), eq. 5, for one sample and any target distribution."""
    loss = Real(0)
    for c, y in enumerate(target):
        if y:
            weight = Real(alpha[c]) * rest[c] ** Real(gamma)
            loss -= Real(y) * weight * np.log(p[c])
    return loss


def binary_focal(y, p, q, alpha, gamma):
    """The same for one label with probability `p` of 1 and `q` of 0."""
    y = Real(y)
    missing = y * q + (1 - y) * p  # 1 - p_t
    entropy = Real(0)
    if y:
        entropy -= y * np.log(p)
    if y != 1:
        entropy -= (1 - y) * np.log(q)
    weight = 1 if alpha is None else y * Real(alpha) + (1 - y) * (1 - alpha)
    return weight * missing ** Real(gamma) * entropy


def logit_adjusted(target, logits, counts, tau):
    """Menon et al. (2021), eq. 10, as the ratio of sums that it is."""
    pi = [Real(n) / sum(counts) for n in counts]
    scores = [q ** Real(tau) * np.exp(Real(z)) for q, z in zip(pi, logits)]
    return crossentropy(target, [s / sum(scores) for s in scores])


def one_hot(label, size):
    """A row with a 1 at `label`."""
    return [1.0 if c == label else 0.0 for c in range(size)]


def smoothed(target, amount):
    """The row with a share `amount` spread over all its entries."""
    return [(1 - Real(amount)) * y + Real(amount) / len(target) for y in target]


def each(function, *arrays):
    """Applies `function` to every sample: the last axis is one sample's."""
    lead = np.shape(arrays[0])[:-1]
    out = np.empty(lead, float)
    for index in itertools.product(*map(range, lead)):
        out[index] = function(*(np.asarray(a)[index] for a in arrays))
    return out


def reduced(values, weight, valid, reduction):
    """What Keras documents of its reductions, label by label."""
    lead = np.shape(values)
    weight = np.ones(lead) if weight is None else np.asarray(weight, float)
    while weight.ndim < len(lead):
        weight = weight[..., None]
    weight = np.broadcast_to(weight, lead)
    total = divisor = weights = 0.0
    for index in itertools.product(*map(range, lead)):
        if valid[index]:
            total += values[index] * weight[index]
            weights += weight[index]
            divisor += 1
    if reduction in (None, "none"):
        return np.where(valid, values * weight, 0.0)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight":
        divisor = weights
    return total / divisor if divisor else 0.0


REDUCTIONS = ("none", "sum", "sum_over_batch_size", "mean_with_sample_weight")

"""The optimizers' papers, one number at a time, in double precision."""

import math

import numpy as np
from keras import Variable
from keras import ops


class AdaBelief:
    """Zhuang et al. (2020), algorithm 2, for one weight."""

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-16):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.m = self.s = 0.0

    def step(self, g, t):
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * g
        surprise = (g - self.m) ** 2
        self.s = self.beta_2 * self.s + (1 - self.beta_2) * surprise
        self.s = self.s + self.epsilon
        m_hat = self.m / (1 - self.beta_1**t)
        s_hat = self.s / (1 - self.beta_2**t)
        return m_hat / (math.sqrt(s_hat) + self.epsilon)


class AdEMAMix:
    """Pagliardini et al. (2025), algorithm 1, for one weight."""

    def __init__(
        self,
        beta_1=0.9,
        beta_2=0.999,
        beta_3=0.9999,
        alpha=5.0,
        warmup_steps=None,
        epsilon=1e-8,
    ):
        self.beta_1, self.beta_2, self.beta_3 = beta_1, beta_2, beta_3
        self.alpha, self.warmup, self.epsilon = alpha, warmup_steps, epsilon
        self.m1 = self.m2 = self.v = 0.0

    def schedules(self, t):
        if self.warmup is None:
            return self.alpha, self.beta_3
        share = t / self.warmup
        alpha = min(share * self.alpha, self.alpha)
        fast, slow = math.log(self.beta_1), math.log(self.beta_3)
        below = (1 - share) * slow + share * fast
        if share >= 1:
            return alpha, self.beta_3
        return alpha, min(math.exp(fast * slow / below), self.beta_3)

    def step(self, g, t):
        alpha, beta_3 = self.schedules(t)
        self.m1 = self.beta_1 * self.m1 + (1 - self.beta_1) * g
        self.m2 = beta_3 * self.m2 + (1 - beta_3) * g
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * g * g
        m_hat = self.m1 / (1 - self.beta_1**t)
        v_hat = self.v / (1 - self.beta_2**t)
        return (m_hat + alpha * self.m2) / (math.sqrt(v_hat) + self.epsilon)


def gradients(steps, size=4, seed=0):
    """Noisy gradients with a drift, of very different sizes."""
    random = np.random.default_rng(seed)
    drift = np.array([1.0, -0.1, 1e-3, 0.0])[:size]
    scale = np.array([0.5, 1.0, 1e-3, 10.0])[:size]
    noise = random.normal(0, 1, (steps, size)) * scale
    return (drift + noise).astype("float32")


START = np.array([1.0, -2.0, 0.5, 3.0], "float32")


def transcribe(
    rule,
    grads,
    rate,
    start=START,
    decay=0.0,
    mode="decoupled",
    cautious=False,
):
    """Every weight's path; `rate` is a number or a function of the step."""
    w = [float(v) for v in start]
    rules = [rule() for _ in w]
    peak, path = 0.0, []
    for t, row in enumerate(grads, start=1):
        eta = rate(t - 1) if callable(rate) else rate
        peak = max(peak, eta)
        moves = [r.step(float(g), t) for r, g in zip(rules, row)]
        if cautious:
            agree = [u * float(g) > 0 for u, g in zip(moves, row)]
            share = max(sum(agree) / len(agree), 1e-3)
            moves = [u / share if a else 0.0 for u, a in zip(moves, agree)]
        for i, move in enumerate(moves):
            pull = decay * w[i]
            if mode == "cautious" and pull * move <= 0:
                pull = 0.0
            if mode == "corrected":
                pull *= eta / peak
            w[i] -= eta * (move + pull)
        path.append(list(w))
    return np.array(path)


def run(optimizer, grads, start=START):
    """The same path by a Keras optimizer."""
    variable = Variable(start, name="kernel")
    path = []
    for row in grads:
        optimizer.apply([ops.convert_to_tensor(row)], [variable])
        path.append(ops.convert_to_numpy(variable.value).copy())
    return np.array(path)

"""Activations as one would write them by hand, for one shape.

On JAX in plain JAX, with the coefficients that the pack's layers start with;
on Torch, the rational function as rational_activations 0.2.0 computes it
without its kernels, from a matrix of powers.
"""

from collections.abc import Callable
from typing import Any

import keras

Function = Callable[..., Any]


def by_hand() -> dict[str, Function]:
    """The functions by the name of what they stand for."""
    backend = keras.config.backend()
    if backend == "jax":
        return _jax()
    return {"Rational": _powers} if backend == "torch" else {}


def _powers(x: Any, a: Any, b: Any) -> Any:
    import torch

    z = x.reshape(-1)
    # Theirs is `torch.vander`, whose gradient Torch 2.13 refuses to compute.
    columns = [torch.ones_like(z)]
    for _ in range(len(a) - 1):
        columns.append(columns[-1] * z)
    powers = torch.stack(columns, 1)
    p = powers.mul(a).sum(1)
    below = torch.cat([b.new_ones(1), b, b.new_zeros(len(a) - len(b) - 1)])
    return p.div(powers.mul(below).abs().sum(1)).view(x.shape)


def _jax() -> dict[str, Function]:
    import jax
    import jax.numpy as jnp

    def snake(x: Any, a: Any) -> Any:
        return x + jnp.sin(a * x) ** 2 / a

    def snake_beta(x: Any, a: Any, b: Any) -> Any:
        return x + jnp.sin(jnp.exp(a) * x) ** 2 * jnp.exp(-b)

    def acon(x: Any, p1: Any, p2: Any, beta: Any) -> Any:
        u = (p1 - p2) * x
        return u * jax.nn.sigmoid(beta * u) + p2 * x

    def xielu(x: Any, a: Any, b: Any) -> Any:
        left = 0.5 + jax.nn.softplus(b)
        bent = left * (jnp.expm1(jnp.minimum(x, -1e-6)) - x)
        return jnp.where(x > 0, jax.nn.softplus(a) * x * x, bent) + 0.5 * x

    def poly(x: Any, w: Any, b: Any) -> Any:
        r = jax.nn.relu(x)
        return ((w[2] * r + w[1]) * r + w[0]) * r + b

    def rational(x: Any, a: Any, b: Any) -> Any:
        t = jnp.clip(x, -10.0, 10.0) / 3.0
        p = jnp.polyval(a[::-1], t)
        s = jnp.abs(t)
        q = jnp.polyval(jnp.append(jnp.abs(b)[::-1], 1.0), s)
        return p / q + jax.nn.relu(x - 10.0)

    def poly_norm(x: Any, w: Any, b: Any) -> Any:
        powers = jnp.stack([x, x**2, x**3])
        square = jnp.mean(powers**2, axis=-1, keepdims=True)
        return jnp.tensordot(w, powers / jnp.sqrt(square + 1e-6), 1) + b

    def smelu(x: Any) -> Any:
        bent = (x + 1.0) ** 2 / 4.0
        return jnp.where(jnp.abs(x) < 1.0, bent, jax.nn.relu(x))

    def entmax15(x: Any) -> Any:
        # The published algorithm, which differentiates the sorted entries.
        z = (x - x.max(-1, keepdims=True)) / 2.0
        ordered = -jnp.sort(-z, axis=-1)
        k = jnp.arange(1.0, x.shape[-1] + 1.0)
        mean = jnp.cumsum(ordered, -1) / k
        spread = jnp.cumsum(ordered**2, -1) - k * mean**2
        delta = (1.0 - spread) / k
        positive = delta > 0.0
        root = jnp.sqrt(jnp.where(positive, delta, 1.0))
        tau = mean - jnp.where(positive, root, 0.0)
        count = jnp.sum(tau <= ordered, -1, keepdims=True)
        tau = jnp.take_along_axis(tau, count - 1, -1)
        return jax.nn.relu(z - tau) ** 2

    return {
        "smelu": smelu,
        "star_relu": lambda x: 0.8944272 * jax.nn.relu(x) ** 2 - 0.4472136,
        "entmax15": entmax15,
        "squared_relu": lambda x: jax.nn.relu(x) ** 2,
        "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
        "snake": lambda x: x + jnp.sin(x) ** 2,
        "sine": jnp.sin,
        "telu": lambda x: x * jnp.tanh(jnp.exp(jnp.minimum(x, 4.0))),
        "swiglu": lambda x: _gated(x, jax.nn.silu),
        "geglu": lambda x: _gated(x, lambda g: jax.nn.gelu(g, False)),
        "reglu": lambda x: _gated(x, jax.nn.relu),
        "ChannelPReLU": lambda x, a: jnp.where(x > 0, x, a * x),
        "Swish": lambda x, b: x * jax.nn.sigmoid(b * x),
        "Snake": snake,
        "SnakeBeta": snake_beta,
        "AconC": acon,
        "XIELU": xielu,
        "PolyReLU": poly,
        "StarReLU": lambda x, s, b: s * jax.nn.relu(x) ** 2 + b,
        "AdaptiveSlope": lambda x, a: jnp.tanh(10.0 * a * x),
        "Stan": lambda x, b: jnp.tanh(x) * (1.0 + b * x),
        "Sine": lambda x, a: jnp.sin(a * x),
        "DynamicTanh": lambda x, a, g, b: g * jnp.tanh(a * x) + b,
        "DynamicErf": lambda x, a, s, g, b: (
            g * jax.scipy.special.erf(a * x + s) + b
        ),
        "PolyNorm": poly_norm,
        "Rational": rational,
    }


def _gated(x: Any, function: Function) -> Any:
    half = x.shape[-1] // 2
    return function(x[..., :half]) * x[..., half:]

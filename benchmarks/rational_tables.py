"""The tables that rational activations start from, and how good they are.

Prints the largest distance from the function on [-10, 10] of each table next
to that of the tables of ml-research/rational_activations (MIT), which were
fitted on [-3, 3]; with `--write`, fits the tables anew and writes the module
that holds them.

python benchmarks/rational_tables.py [--write]
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

from keras_funcs.layers.activations import _rational_fit as fitting
from keras_funcs.layers.activations._rational_tables import TABLES

BOUND, DEGREES = 10.0, (5, 4)
ROUNDS, STARTS = 200, 3
MODULE = Path(fitting.__file__).with_name("_rational_tables.py")
HEAD = '''"""Rational functions of degrees (5, 4) for activations on [-10, 10].

Written by `benchmarks/rational_tables.py --write`; not to be edited.

They are nearest at the worst point of the interval. Their largest distance
from the function there, and that of the tables published with the method,
which were fitted on [-3, 3]:

| | A | B | published A | published B |
|---|---|---|---|---|
| gelu | 0.0067 | 0.0067 | 2.5 | 16 |
| leaky_relu | 0.036 | 0.035 | | |
| relu | 0.043 | 0.043 | 2.7 | 2.2 |
| sigmoid | 0.0002 | 0.00002 | 0.07 | 0.003 |
| silu | 0.0017 | 0.0017 | 0.16 | 0.16 |
| tanh | 0.0007 | 0.0010 | 0.02 | 0.07 |
"""

from keras_funcs.layers.activations._rational_fit import Table

BOUND = 10.0
DEGREES = (5, 4)
TABLES: dict[tuple[str, str], Table] = {
'''

# Numerator and denominator of versions A and B, of rationals_config.json.
PUBLISHED = {
    ("gelu", "A"): (
        [-0.0012423594497499122, 0.5080497063245629, 0.41586363182937475,
         0.13022718688035761, 0.024355900098993424, 0.00290283948155535],
        [-0.06675015696494944, 0.17927646217001553, 0.03746682605496631,
         1.6561610853276082e-10],
    ),
    ("gelu", "B"): (
        [-0.0004221071456647063, 0.49999955516606254, 0.40270535451115536,
         0.07366976895222031, -0.012954788054484537, -0.0037414002583076983],
        [4.9585381197087913e-05, 0.1472977407631199, 1.1645825701440633e-05,
         -0.007483871514842074],
    ),
    ("relu", "A"): (
        [0.029963801610813613, 0.6168978366891341, 2.37534759733888,
         3.0659900472408443, 1.5246831881677423, 0.2528070864040542],
        [-1.191550121923625, 4.4080487697236626, 0.9110357113686055,
         0.34884977946384615],
    ),
    ("relu", "B"): (
        [0.033897129202224346, 0.4999985439606278, 1.6701363611130988,
         1.9901021632350815, 0.9413089613384323, 0.1509133373584318],
        [-2.1040152094202414e-05, 3.980247851167207, -3.166344237241501e-05,
         0.30183382300945066],
    ),
    ("sigmoid", "A"): (
        [0.4999992534599381, 0.25002157564685185, 0.14061924500301096,
         0.049420492431596394, 0.00876714851885483, 0.0006442412789159799],
        [2.1694506382753683e-09, 0.28122766100417684, 1.0123620714203357e-05,
         0.017531988049946],
    ),
    ("sigmoid", "B"): (
        [0.5000000002774382, 0.2500039727332485, 0.05544474230118124,
         0.006888449237990345, 0.00048491391666921244, 1.5646015289718136e-05],
        [7.956371345839366e-06, 0.11088550952772189, 7.76547864226066e-07,
         0.0009697684428133153],
    ),
    ("silu", "A"): (
        [3.054879741161051e-07, 0.5000007853744493, 0.24999783422824703,
         0.05326628273219478, 0.005803034571292244, 0.0002751961022402342],
        [-4.111554955950634e-06, 0.10652899335007572, -1.2690007399796238e-06,
         0.0005502331264140556],
    ),
    ("silu", "B"): (
        [3.2597006782059475e-07, 0.500000007624051, 0.2500169540800127,
         0.05327519598927768, 0.005804580590860159, 0.00027529600705133663],
        [3.917294261258692e-05, 0.1065308384054887, 3.7991514117509955e-06,
         0.0005503052126186067],
    ),
    ("tanh", "A"): (
        [-1.0804622559204184e-08, 1.0003008043819048, -2.5878199375289335e-08,
         0.09632129918392647, 3.4775841628196104e-09, 0.0004255709234726337],
        [-0.0013027181209176277, 0.428349017422072, 1.4524304083061898e-09,
         0.010796648111337176],
    ),
    ("tanh", "B"): (
        [2.1172949817857366e-09, 0.9999942495075363, 6.276332768876106e-07,
         0.10770864506559906, 2.946556898117109e-08, 0.000871124373591946],
        [6.376908337817277e-07, 0.44101418051922986, 2.2747661404467182e-07,
         0.014581039909092108],
    ),
}  # fmt: skip


def fitted(name: str, kind: str) -> fitting.Table:
    """A table as it is written: nine digits are more than float32 keeps."""
    curve = fitting.CURVES[name]
    found = fitting.fit(curve, BOUND, DEGREES, kind, ROUNDS, STARTS)
    rounded = [
        [float(f"{v:.9g}") for v in values]
        for values in (found.numerator, found.denominator)
    ]
    x = np.linspace(-BOUND, BOUND, 20001)
    table = fitting.measured(curve, x, *rounded, kind)
    return table._replace(error=float(f"{table.error:.3g}"))


def distance(name: str, kind: str, table: tuple, bound: float) -> float:
    """The largest one from the function, on [-bound, bound]."""
    x = np.linspace(-bound, bound, 20001)
    y = fitting.evaluate(x, table[0], table[1], kind)
    return float(np.abs(y - fitting.CURVES[name](x)).max())


def source(tables: dict[tuple[str, str], fitting.Table]) -> str:
    """The module's text."""
    lines = [HEAD]
    for key, table in tables.items():
        lines.append(f"    {json.dumps(list(key))[1:-1].join('()')}: Table(\n")
        for name, value in table._asdict().items():
            if isinstance(value, list) and len(value) > 2:
                lines.append(f"        {name}=[\n")
                lines += [f"            {item!r},\n" for item in value]
                lines.append("        ],\n")
            else:
                lines.append(f"        {name}={value!r},\n")
        lines.append("    ),\n")
    return "".join([*lines, "}\n"])


def main() -> None:
    keys = [(name, kind) for name in fitting.CURVES for kind in "AB"]
    if "--write" in sys.argv[1:]:
        TABLES.update({key: fitted(*key) for key in keys})
        MODULE.write_text(source(TABLES))
    print("largest distance   ours [-10, 10]   published [-3, 3], [-10, 10]")
    for key in keys:
        line = (
            f"  {key[0]:12s} {key[1]}  {distance(*key, TABLES[key], 10):12.5f}"
        )
        if key in PUBLISHED:
            for bound in (3, 10):
                line += f"  {distance(*key, PUBLISHED[key], bound):14.5f}"
        print(line)


if __name__ == "__main__":
    main()

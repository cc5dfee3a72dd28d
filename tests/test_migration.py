"""The page for those who come from TensorFlow Addons says what is true."""

import keras
import pytest

from keras_funcs import losses
from keras_funcs._core.component import arguments
from keras_funcs.testing.bench.cases import REQUIRED as VALUES
from tools import migration_page
from tools.migration_page import FACTS
from tools.migration_page import REQUIRED

# The public names of TensorFlow Addons 0.23, but for aliases and variants in
# two and three dimensions; and keras-contrib's trainable activations.
OLD = {
    "losses": {
        "ContrastiveLoss", "GIoULoss", "LiftedStructLoss", "NpairsLoss",
        "NpairsMultilabelLoss", "PinballLoss", "SigmoidFocalCrossEntropy",
        "SparsemaxLoss", "TripletHardLoss", "TripletSemiHardLoss",
        "WeightedKappaLoss",
    },
    "metrics": {
        "CohenKappa", "F1Score", "FBetaScore", "GeometricMean", "HammingLoss",
        "HarmonicMean", "KendallsTauB", "KendallsTauC",
        "MatthewsCorrelationCoefficient", "MeanMetricWrapper",
        "MultiLabelConfusionMatrix", "PearsonsCorrelation", "RSquare",
        "SpearmansRank",
    },
    "activations": {
        "gelu", "hardshrink", "lisht", "mish", "rrelu", "snake", "softshrink",
        "sparsemax", "tanhshrink",
    },
    "layers": {
        "AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", "CRF",
        "CorrelationCost", "ESN", "EmbeddingBag",
        "FilterResponseNormalization", "GELU", "GroupNormalization",
        "InstanceNormalization", "MaxUnpooling2D", "MaxUnpooling2DV2",
        "Maxout", "MultiHeadAttention", "NoisyDense", "PoincareNormalize",
        "PolynomialCrossing", "Snake", "Sparsemax", "SpatialPyramidPooling2D",
        "SpectralNormalization", "StochasticDepth", "TLU",
        "WeightNormalization",
    },
    "contrib": {
        "CosineDense", "InstanceNormalization", "PELU", "SReLU", "SineReLU",
        "Swish",
    },
}  # fmt: skip
ENTRIES = [
    pytest.param(kind, entry, id=entry["name"])
    for kind, entries in migration_page.entries().items()
    for entry in entries
]


def test_the_page_is_what_the_code_says():
    page = FACTS.with_suffix(".md").read_text()
    assert page == migration_page.page(), "run `make readme`"


def test_every_name_has_a_row():
    found = {
        kind: {entry["name"] for entry in entries}
        for kind, entries in migration_page.entries().items()
    }
    assert found == OLD


@pytest.mark.parametrize(("kind", "entry"), ENTRIES)
def test_arguments_are_the_new_ones_or_accounted_for(kind, entry):
    if "to" not in entry:
        assert entry["note"]
        return
    cls = migration_page.target(entry["to"])
    bases = {"losses": keras.losses.Loss, "metrics": keras.metrics.Metric}
    if isinstance(cls, type):
        assert issubclass(cls, bases.get(kind, keras.layers.Layer))
    else:
        assert kind == "activations"
    ours = migration_page.defaults(cls)
    old = set(entry.get("arguments", {}))
    renamed, dropped = entry.get("renamed", {}), set(entry.get("dropped", {}))
    assert set(renamed) | dropped <= old
    assert {renamed.get(name, name) for name in old - dropped} <= set(ours)


@pytest.mark.parametrize(("kind", "entry"), ENTRIES)
def test_the_old_defaults_can_be_had(kind, entry):
    if not entry.get("to", "").startswith("keras_funcs."):
        return
    cls = migration_page.target(entry["to"])
    given = {new: old for _, new, old, _ in migration_page.differences(entry)}
    if not isinstance(cls, type):
        assert not given  # functions have the old defaults
        return
    needed = [
        name
        for name, item in arguments(cls).items()
        if item.default is item.empty
    ]
    old = entry.get("arguments", {})
    new = entry.get("renamed", {})
    required = {new.get(a, a) for a, b in old.items() if b == REQUIRED}
    assert set(needed) <= required
    made = cls(**{name: VALUES[name]() for name in needed}, **given)
    for name, value in given.items():
        if not name.endswith("_initializer"):  # an object by now
            assert getattr(made, name) == value


def test_a_trap_of_the_reduction_is_named():
    page = migration_page.page()
    (row,) = [r for r in page.splitlines() if "SigmoidFocalCrossEntropy" in r]
    assert "`alpha`: `0.25` → `None`" in row
    assert "`reduction`: `'none'` → `'sum_over_batch_size'`" in row
    assert losses.BinaryFocal().alpha is None

"""Which way a metric is better: what a search maximises or minimises."""

import difflib
import re
from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.extras import require

LARGER_IS_BETTER = frozenset(
    """
    accuracy acc categorical_accuracy sparse_categorical_accuracy
    binary_accuracy top_k_categorical_accuracy
    sparse_top_k_categorical_accuracy auc precision recall true_positives
    true_negatives sensitivity_at_specificity specificity_at_sensitivity
    precision_at_recall recall_at_precision f1_score fbeta_score f_beta_score
    r2_score cosine_similarity pearson_correlation concordance_correlation
    io_u iou binary_io_u binary_iou mean_io_u mean_iou one_hot_io_u
    one_hot_iou one_hot_mean_io_u one_hot_mean_iou
    balanced_accuracy matthews_correlation cohen_kappa geometric_mean
    specificity macro_f1 average_precision auroc lift_score precision_score
    recall_score specificity_score f_score geometric_mean_score hamming_score
    shot_recall top_k_recall worst_class_recall confusion_matrix
    kolmogorov_smirnov
    multi_label_confusion_matrix
    """.split()
)
SMALLER_IS_BETTER = frozenset(
    """
    loss mean_squared_error mse root_mean_squared_error rmse
    mean_absolute_error mae mean_absolute_percentage_error mape
    mean_squared_logarithmic_error msle kl_divergence poisson log_cosh
    logcosh logcosh_error log_cosh_error hinge squared_hinge
    categorical_hinge binary_crossentropy
    categorical_crossentropy sparse_categorical_crossentropy false_positives
    false_negatives brier_score expected_calibration_error macro_mae
    """.split()
)


def objective(metric: Any, direction: str | None = None) -> Any:
    """Returns a `keras_tuner.Objective` with the right direction.

    KerasTuner takes several Keras metrics that are better when larger
    (`f1_score`, `r2_score`, `cosine_similarity`) for losses, and refuses
    others. Here the direction is looked up, or given, never guessed.

    Args:
        metric: String, the metric's name as it stands in the logs, such as
            `"balanced_accuracy"`, or `"shot_recall/few"` for a part of a
            result; a search selects on validation data, so `"val_"` is put
            before it where it is missing. Or a metric, or a
            `keras_tuner.Objective`, which is returned as it is.
        direction: `"max"`, `"min"`, or None for what the registry says.

    Returns:
        A `keras_tuner.Objective`.

    Raises:
        ValueError: for a name that is not registered, given no direction.

    Example:
    ```python
    search.objective("balanced_accuracy")  # val_balanced_accuracy, max
    search.objective("my_metric", direction="min")
    ```
    """
    keras_tuner = require("keras_tuner")
    if isinstance(metric, keras_tuner.Objective):
        return metric
    name = getattr(metric, "name", metric)
    if not isinstance(name, str) or not name:
        checks.invalid("objective", "the name of a metric", metric)
    name = name.removeprefix("val_")
    if direction is None:
        whole = name.split("/")[0]  # of which this is one class's number
        plain = re.sub(r"_\d+$", "", whole)  # auc_1 is Keras's second `auc`
        if plain in LARGER_IS_BETTER:
            direction = "max"
        elif plain in SMALLER_IS_BETTER:
            direction = "min"
        else:
            checks.invalid(
                "objective",
                f"a metric whose direction is known{_near(plain)}; for your "
                "own, say it in Python: "
                f'`search.objective("{name}", direction="max")` (or "min")',
                name,
            )
    checks.one_of("direction", direction, ("max", "min"))
    return keras_tuner.Objective(f"val_{name}", direction)


def _near(name: str) -> str:
    known = sorted(LARGER_IS_BETTER | SMALLER_IS_BETTER)
    found = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f" (nearest: {', '.join(found)})" if found else ""

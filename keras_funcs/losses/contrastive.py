"""Contrastive losses: embeddings of one class together, others apart.

They train an encoder; what it encodes is classified or searched afterwards.
Large batches help, and each class needs several samples in them.
"""

from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._pairs import EmbeddingLoss
from keras_funcs.losses._pairs import Pairs
from keras_funcs.losses._pairs import normalized
from keras_funcs.losses._pairs import similarities
from keras_funcs.losses._pairs import softmax_of_positives


@component(tune={"temperature": Range(0.05, 0.5, log=True)})
class SupervisedContrastive(EmbeddingLoss):
    """Pulls an embedding towards all others of its class in the batch.

    To train an encoder before a linear classifier, often better on rare
    classes than cross-entropy throughout. Augment each sample twice and
    concatenate the views along the batch, so that every anchor has a positive.
    Embeddings are divided by their length here; do not put a softmax on them.

    Formula:
    ```python
    s_ij = dot(u_i, u_j) / temperature  # u = y_pred / length
    loss_i = -mean_p(s_ip - log(sum_a(exp(s_ia))))
    ```
    with `p` over the other samples of the class of `i`, and `a` over all other
    samples. It is 0 for an anchor that is alone in its class. Masked samples
    are no one's others.

    Args:
        temperature: Float > 0. Small ones look at the hardest others most.
            Defaults to `0.1`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch,)` or `(batch, 1)`, any numbers.
        y_pred: Embeddings `(batch, dimension)`.

    Raises:
        ValueError: for a temperature out of range, and for shapes that do not
            fit.

    Example:

    >>> loss = keras_funcs.losses.SupervisedContrastive(temperature=1.0)
    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> round(float(loss(np.array([7, 7, 4]), x)), 4)
    0.2088

    Reference:
        Khosla et al. (2020), NeurIPS, arXiv:2004.11362
    """

    def __init__(self, temperature: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature = checks.number("temperature", temperature, above=0)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        u = normalized(embeddings)
        return softmax_of_positives(
            similarities(u, u) / self.temperature, pairs
        )

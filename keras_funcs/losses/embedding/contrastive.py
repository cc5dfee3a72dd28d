"""Contrastive losses: embeddings of one class together, others apart.

They train an encoder; what it encodes is classified or searched afterwards.
Large batches help. `SupervisedContrastive` compares samples of classes, of
which each needs several in a batch; the others compare two views or two
modalities of a sample, which the model gives side by side:
`keras.layers.Concatenate()([image_embedding, text_embedding])`.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._pairs import EmbeddingLoss
from keras_funcs.losses._pairs import Pairs
from keras_funcs.losses._pairs import halves
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


@component(tune={"temperature": Range(0.02, 0.5, log=True)})
class InfoNCE(EmbeddingLoss):
    """Finds the other half of each pair among all of the batch (CLIP).

    For two views of a sample, or an image and its text: a softmax over the
    batch in both directions. Embeddings are divided by their length here. It
    needs large batches; `SigLIP` less so.

    Formula:
    ```python
    s_ij = dot(u_i, v_j) / temperature  # each divided by its length
    loss_i = -mean_p(log_softmax(s_i:)[p] + log_softmax(s_:i)[p]) / 2
    ```
    with `p` over the pairs of the id of `i`, itself among them. Masked pairs
    are no one's others.

    Args:
        temperature: Float > 0. CLIP learns it, from the default on; here it
            stays. Defaults to `0.07`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Ids of what a pair is of, `(batch,)` or `(batch, 1)`, any
            numbers. Pairs of one id are positives of each other; where every
            pair stands alone, all ids differ.
        y_pred: `(batch, 2 * dimension)`, two embeddings side by side.

    Raises:
        ValueError: for a temperature out of range, and for shapes that do not
            fit.

    Example:

    >>> loss = keras_funcs.losses.InfoNCE(temperature=1.0)
    >>> image, text = np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> pairs = np.concatenate([image, text], axis=-1)
    >>> round(float(loss(np.arange(2), pairs)), 4)
    0.4912

    Reference:
        van den Oord, Li and Vinyals (2018), arXiv:1807.03748; Radford et al.
        (2021), ICML, arXiv:2103.00020
    """

    two_sided = True

    def __init__(self, temperature: float = 0.07, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.temperature = checks.number("temperature", temperature, above=0)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        u, v = map(normalized, halves(embeddings))
        s = similarities(u, v) / self.temperature
        there = softmax_of_positives(s, pairs)
        back = softmax_of_positives(ops.transpose(s), pairs)
        return 0.5 * (there + back)


@component(tune={"temperature": Range(0.02, 0.5, log=True)})
class SigLIP(EmbeddingLoss):
    """Says of every combination in the batch whether it is a pair.

    The same use as `InfoNCE`, with a yes or no for each combination in place
    of a softmax over the batch, which works in small batches as well.
    Embeddings are divided by their length here.

    Formula:
    ```python
    z_ij = dot(u_i, v_j) / temperature + bias  # each divided by its length
    loss_i = -sum_j(log(sigmoid(z_ij if same_id(i, j) else -z_ij)))
    ```
    Masked pairs are no one's others.

    Args:
        temperature: Float > 0. Learned by the authors, from the default on;
            here it stays. Defaults to `0.1`.
        bias: Float. Also learned by them; it makes up for the many
            combinations that are no pairs. Defaults to `-10.0`.
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Ids of what a pair is of, `(batch,)` or `(batch, 1)`, any
            numbers. Pairs of one id are positives of each other; where every
            pair stands alone, all ids differ.
        y_pred: `(batch, 2 * dimension)`, two embeddings side by side.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.SigLIP(temperature=1.0, bias=0.0)
    >>> image, text = np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> pairs = np.concatenate([image, text], axis=-1)
    >>> round(float(loss(np.arange(2), pairs)), 4)
    1.2576

    Reference:
        Zhai, Mustafa, Kolesnikov and Beyer (2023), ICCV, arXiv:2303.15343
    """

    two_sided = True

    def __init__(
        self, temperature: float = 0.1, bias: float = -10.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.temperature = checks.number("temperature", temperature, above=0)
        self.bias = checks.number("bias", bias)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        u, v = map(normalized, halves(embeddings))
        z = similarities(u, v) / self.temperature + self.bias
        # -log(sigmoid(z)) = softplus(-z)
        loss = ops.softplus(ops.where(pairs.positive, -z, z))
        counted = ops.where(pairs.others(), loss, ops.zeros_like(loss))
        return ops.sum(counted, axis=-1)


@component()
class NPairs(EmbeddingLoss):
    """Softmax over the scalar products of anchors with everyone's positive.

    Metric learning with two samples of each class in a row. Lengths count,
    and only a weight decay on the embeddings keeps them small; `InfoNCE`,
    which divides by them, is the easier one to train. TensorFlow Addons takes
    the matrix of products in place of the embeddings.

    Formula:
    ```python
    loss_i = -mean_p(log_softmax(dot(a_i, b_:))[p])
    ```
    with `p` over the rows of the class of `i`, itself among them. Masked rows
    are no one's others.

    Args:
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch,)` or `(batch, 1)`, any numbers.
        y_pred: `(batch, 2 * dimension)`: the embedding of an anchor and,
            beside it, of another sample of its class.

    Raises:
        ValueError: for shapes that do not fit.

    Example:

    >>> loss = keras_funcs.losses.NPairs()
    >>> anchors, positives = np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> pairs = np.concatenate([anchors, positives], axis=-1)
    >>> round(float(loss(np.array([3, 5]), pairs)), 4)
    0.5032

    Reference:
        Sohn (2016), NeurIPS
    """

    two_sided = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def of_pairs(self, embeddings: Tensor, pairs: Pairs) -> Tensor:
        return softmax_of_positives(similarities(*halves(embeddings)), pairs)

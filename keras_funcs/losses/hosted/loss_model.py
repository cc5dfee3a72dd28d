"""The model that trains another one with a loss that learns."""

from typing import Any
from typing import Self

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import PACKAGE
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._compose import as_loss


@keras.saving.register_keras_serializable(PACKAGE)
class LossModel(keras.Model):
    """Trains a model with a loss that has variables of its own.

    Keras trains what the model owns, and a loss is no part of it. This model
    owns both: train, evaluate and save it as any other; `inner` is the model
    that was handed over, for inference, without the loss. Predictions, metrics
    and output names are those of `inner`. Validation changes no variable.

    With an ordinary loss it does what `inner` alone would do.

    Args:
        model: `keras.Model`. What is trained.
        loss: A loss of the pack that learns, such as `UncertaintyWeighted`,
            `AdaptiveRobust` or `AutoBalanced`; or whatever `compile` takes as
            its `loss`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.Model`. The dtype
            policy defaults to that of `model`.

    Raises:
        ValueError: for what is no model or no loss, and by `compile` where it
            is given another loss.

    Example:

    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> robust = keras_funcs.losses.AdaptiveRobust()
    >>> model = keras_funcs.losses.LossModel(net, robust)
    >>> model.compile("adam", metrics=["mae"])
    >>> x, y = np.ones((8, 3)), np.ones((8, 1))
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> model.inner.predict(x, verbose=0).shape
    (8, 1)
    """

    def __init__(self, model: keras.Model, loss: Any, **kwargs: Any) -> None:
        if not isinstance(model, keras.Model):
            checks.invalid("model", "a `keras.Model`", model)
        if not isinstance(loss, AdaptiveLoss):
            _check_losses(loss)
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = model.dtype_policy
        super().__init__(**kwargs)
        self.autocast = False  # the layers of `model` cast for themselves
        self.inner = model
        self.loss = loss
        self.built: bool = model.built

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export` of `inner`, which is all of inference."""
        return self.inner.export(filepath, *args, **kwargs)

    @property
    def output_names(self) -> Any:
        """The names by which `compile` knows the outputs."""
        return getattr(self.inner, "output_names", None)

    def build(self, input_shape: Any) -> None:
        if not self.inner.built:
            self.inner.build(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.inner(inputs, training=training)

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any
    ) -> None:
        """As `keras.Model.compile`, without the loss."""
        if loss is not None:
            checks.invalid("loss", "None: the model has its loss", loss)
        if not isinstance(self.loss, AdaptiveLoss):
            kwargs["loss"] = self.loss
        elif kwargs.get("loss_weights") is not None:
            weights = kwargs["loss_weights"]
            checks.invalid("loss_weights", "None for one loss", weights)
        super().compile(optimizer, **kwargs)

    def compile_from_config(self, config: Config) -> None:
        # Keras does this only for models that do not override `compile`.
        config = {key: item for key, item in config.items() if key != "loss"}
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        given = (x, y, y_pred, sample_weight)
        if not isinstance(self.loss, AdaptiveLoss):
            return super().compute_loss(*given, training=training)
        total = self.loss.compute(y, y_pred, sample_weight, training)
        if self.losses:  # of regularizers and layers
            total = total + super().compute_loss(*given, training=training)
        return total

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """As `keras.Model.fit`; the loss is told how far it is."""
        if isinstance(self.loss, AdaptiveLoss):
            # Those of a `CallbackList`, which Keras would not add to.
            callbacks = getattr(callbacks, "callbacks", callbacks)
            callbacks = [*keras.tree.flatten(callbacks or []), Progress()]
        return super().fit(
            x, y, batch_size, epochs, verbose, callbacks, **kwargs
        )

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "model": serialize(self.inner),
            "loss": serialize(self.loss),
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Self:
        config = dict(config)
        for key in {"model", "loss", "dtype"} & set(config):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects=custom_objects
            )
        return cls(**config)


class Progress(keras.callbacks.Callback):
    """Tells the loss how much of the training is done."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        epochs, steps = self.params["epochs"], self.params.get("steps")
        if steps:
            self.model.loss.follow(epoch / epochs, 1.0 / (epochs * steps))
        else:  # of unknown length: all of an epoch passes for its middle
            self.model.loss.follow((epoch + 0.5) / epochs, 0.0)


def _check_losses(loss: Any) -> None:
    """Refuses what `compile` would: neither a loss nor a structure of them."""
    found = [item for item in keras.tree.flatten(loss) if item is not None]
    if not found:
        checks.invalid("loss", "a loss", loss)
    for item in found:
        as_loss("loss", item)

"""What the components that are broken on purpose have in common."""

import keras

from keras_funcs import testing
from keras_funcs.testing.bench.cases import cases_of
from keras_funcs.testing.runner import run

register = keras.saving.register_keras_serializable("broken")


def outcome(target, name, **inputs):
    """The result of the check of that name."""
    (default, *_) = cases_of(target, **inputs)
    chosen = [c for c in testing.checks(default.kind) if c.name == name]
    assert len(chosen) == 1, f"no check `{name}` for {default.kind}"
    assert chosen[0].catches
    (result,) = run(default, chosen)
    assert result.check == name
    return result


def caught(target, name, words, **inputs):
    result = outcome(target, name, **inputs)
    assert not result.passed
    assert words in result.message
    return True


class Configured:
    """Saves what `saved` names, and takes it back."""

    saved = ()

    def get_config(self):
        own = {name: getattr(self, name) for name in self.saved}
        return {**super().get_config(), **own}

"""The `keras-funcs` command.

Its help and its completion must not wait for Keras: nothing of `keras_funcs`
is imported before a sub-command runs, and the backend is chosen before that.
The work of the sub-commands is in `keras_funcs/_command/`.
"""

try:
    import typer as typer
except ModuleNotFoundError:
    raise SystemExit(
        "The keras-funcs command needs the package `typer`. Install it with: "
        'pip install "keras-funcs[tune]"'
    ) from None

# The order is that of `--help`.
from keras_funcs_cli import pack as pack
from keras_funcs_cli import studies as studies
from keras_funcs_cli.application import app as app
from keras_funcs_cli.application import main as main

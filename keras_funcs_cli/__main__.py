"""`python -m keras_funcs_cli`."""

from keras_funcs_cli import main

main()

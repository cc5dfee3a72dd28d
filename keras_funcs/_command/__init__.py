"""The sub-commands of `keras-funcs`, imported once Keras has started."""

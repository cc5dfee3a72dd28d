"""What the `keras-funcs` command needs beside the public functions."""

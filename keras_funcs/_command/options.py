"""The options of `keras-funcs tune`, in the place of Python's arguments."""

import re

# The options of `tune` by the arguments of Python that they become.
OPTIONS = {
    "path": "DATA",
    "directory": "--out",
    "budget": "--time",
    "time": "--time-column",
    "validation": "--validation-share",
    "test": "--test, --test-share",
    **{
        name: "--" + name.replace("_", "-")
        for name in (
            *("target", "trials", "objective", "epochs", "seeds", "engine"),
            *("drop", "categorical", "numeric", "missing", "max_categories"),
            *("separator", "decimal", "encoding", "task", "positive", "group"),
            *("batch_size", "choices", "classes"),
        )
    },
}


def with_options(text: str) -> str:
    """A message about Python's arguments, for whoever typed a command."""

    def option(found: re.Match[str]) -> str:
        argument, name = found.groups()
        if name not in OPTIONS:
            return found.group()
        return ("option " if argument else "") + f"`{OPTIONS[name]}`"

    # A column may be called `drop`, too.
    return re.sub(r"(?<!column )(argument )?`(\w+)`", option, text)

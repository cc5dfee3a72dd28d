"""Releases of Keras, to compare."""


def release(text: str) -> tuple[int, int, int]:
    """The three leading numbers of a version, 0 for what is no number."""
    numbers = []
    for part in text.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        numbers.append(int(digits[:9] or 0))  # a file can say anything
    first, second, third = (*numbers, 0, 0, 0)[:3]
    return first, second, third

"""The bytes to write, in as few pieces as is worth it."""

LARGE = 65_536
"""From this size in bytes on, a buffer is handed on as it is instead of being joined."""


def join_small(buffers: list[bytes]) -> list[bytes]:
    """Put buffers together, in order, but copy no large one."""
    joined: list[bytes] = []
    small: list[bytes] = []
    for buffer in buffers:
        if len(buffer) < LARGE:
            small.append(buffer)
            continue
        if small:
            joined.append(b"".join(small))
            small = []
        joined.append(buffer)
    if small:
        joined.append(b"".join(small))
    return joined

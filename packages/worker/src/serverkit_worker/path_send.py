"""Reads a file for the "Path Send" extension without blocking the loop.

Source: ASGI extension "Path Send".
"""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

# Large enough to make the hop to a thread cheap, small enough for thousands of slow readers.
READ_BYTES: Final = 262_144


class FileReader:
    """An open file, read in a thread of the loop's executor.

    Owner: the exchange that sends it.

    Attributes:
        size: bytes of the file when it was opened; no more than that are read.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._file: BinaryIO | None = None
        self._left = 0
        self.size = 0

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        loop = asyncio.get_running_loop()
        self._file = file = await loop.run_in_executor(None, self._path.open, "rb")
        self.size = self._left = os.fstat(file.fileno()).st_size
        return self

    async def read(self) -> bytes:
        """Return the next bytes of the file; none at its end."""
        if self._file is None:
            raise AssertionError("read inside of `async with` only")
        loop = asyncio.get_running_loop()
        size = min(READ_BYTES, self._left)
        data = await loop.run_in_executor(None, self._file.read, size) if size else b""
        self._left -= len(data)
        return data

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

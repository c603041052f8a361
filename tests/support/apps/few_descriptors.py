"""An application in a process that may open few descriptors."""

import resource
from typing import Any

LIMIT = 64

resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:  # noqa: ANN401
    """Answer every request."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})

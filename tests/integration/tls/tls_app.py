"""An application that tells what it is told of the connection, and which code and process it is."""

import json
import os
import time
from typing import Any

BORN_NS = time.time_ns()
"""Another one each time this module is imported."""


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - of ASGI
    """Answer with facts as JSON."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    tls = scope["extensions"].get("tls") or {}
    facts = {
        "scheme": scope["scheme"],
        "born": BORN_NS,
        "pid": os.getpid(),
        "path": scope["path"],
        "server_cert": tls.get("server_cert"),
        "client_cert_name": tls.get("client_cert_name"),
        "tls_version": tls.get("tls_version"),
    }
    body = json.dumps(facts).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""A first application: a page for a browser, a line of text for everything else.

Serve it with `serverkit serve examples.hello:app`.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Message = MutableMapping[str, Any]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello from serverkit</title>
<style>
  body {{ display: grid; place-items: center; min-height: 100vh; margin: 0;
          font: 1.2rem/1.6 system-ui, sans-serif; color: #1c2b33; background: #eef4f1 }}
  main {{ padding: 2rem 3rem; border-radius: 1rem; background: #fff; box-shadow: 0 1px 8px #0002 }}
  h1 {{ margin: 0; color: #11695a }}
</style>
<main>
  <h1>Hello!</h1>
  <p>serverkit serves this page on Python {version}, with the GIL {gil}.</p>
  <p>Change <code>examples/hello.py</code>, or serve an application of your own.</p>
</main>
</html>
"""


def wants_html(scope: Message) -> bool:
    """Say whether the client asked for HTML, as browsers do."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Greet whoever asks, whatever the path."""
    if scope["type"] != "http":
        raise NotImplementedError(f"this application does not speak {scope['type']}")
    version = sys.version.split()[0]
    gil = "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off"
    if wants_html(scope):
        kind, text = b"text/html; charset=utf-8", PAGE.format(version=version, gil=gil)
    else:
        kind, text = b"text/plain; charset=utf-8", f"Hello from Python {version}, GIL {gil}.\n"
    body = text.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

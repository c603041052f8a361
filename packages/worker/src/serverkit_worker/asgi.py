"""The types of ASGI 3 as this package uses them.

Source: ASGI specification 3.0, "Applications".
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

# A scope and its messages hold values of any type: the specification names them by key.
type Scope = dict[str, Any]
# By the name of each extension.
type Extensions = dict[str, dict[str, object]]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type ASGIApp = Callable[[Scope, Any, Any], Awaitable[None]]

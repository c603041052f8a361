"""What is asked of the servers."""

from dataclasses import dataclass

from benchmarks.apps import HELLO, TEN_KIBIBYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One kind of request, repeated.

    Attributes:
        name: What the command line and the artifact call it.
        title: What the table calls it.
        app: Import path of the application.
        method: The request's method.
        body: The request's body; empty for none.
        expected: The response's body, checked once before each measurement.
        access_log: Whether each server writes its access log, to a file.
    """

    name: str
    title: str
    app: str
    method: str = "GET"
    body: bytes = b""
    expected: bytes
    access_log: bool = False


WORKLOADS = (
    Workload(name="hello", title="hello, GET", app="benchmarks.apps:hello", expected=HELLO),
    Workload(
        name="get-10k",
        title="GET 10 KiB",
        app="benchmarks.apps:ten_kibibytes",
        expected=TEN_KIBIBYTES,
    ),
    Workload(
        name="post-10k",
        title="POST 10 KiB, echo",
        app="benchmarks.apps:echo",
        method="POST",
        body=TEN_KIBIBYTES,
        expected=TEN_KIBIBYTES,
    ),
    Workload(
        name="starlette-json",
        title="JSON through Starlette",
        app="benchmarks.starlette_app:app",
        expected=b'{"message":"Hello, World!"}',
    ),
    Workload(
        name="hello-log",
        title="hello, GET, access log to a file",
        app="benchmarks.apps:hello",
        expected=HELLO,
        access_log=True,
    ),
)

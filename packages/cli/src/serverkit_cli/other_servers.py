"""What the options of other servers are called here, for people who come from one of them.

Rules:
    Every option that one of them has stands here, so that who moves misses nothing in silence.
    The message about an unknown option and the guide on moving are both made of these tables.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Counterpart(NamedTuple):
    """One row.

    Attributes:
        theirs: options of the other server, separated by spaces; a star stands for any ending.
        here: the option or command in their place; empty: there is none.
        note: what is different, or what to do instead. Without one and without `here`: they are
            the same here.
    """

    theirs: str
    here: str = ""
    note: str = ""

    def is_for(self, option: str) -> bool:
        """Say whether the row is about an option."""
        return any(
            option.startswith(each[:-1]) if each.endswith("*") else option == each
            for each in self.theirs.split()
        )


_LATER = "not available yet"
_FORWARDED = "not available yet; middleware of the application can do it"
_HTTP2 = "HTTP/2 is not available yet"
_LOG_FORM = "the form is fixed: text or JSON, see --log-format"
_NONE = "there is no such thing"
_SERVICE = "a matter of the service manager: `User`, `Group` of systemd"
_STRICT = "what breaks HTTP is always refused"
_VERIFY = "none, optional or required"

UVICORN = (
    Counterpart("--host --port --fd --reload --reload-include --reload-exclude --env-file"),
    Counterpart("--lifespan --log-config --access-log --no-access-log --date-header"),
    Counterpart("--no-date-header --root-path --backlog --app-dir --factory --reload-dir"),
    Counterpart("--ssl-keyfile --ssl-certfile --ssl-keyfile-password --ssl-ca-certs --ssl-ciphers"),
    Counterpart("--uds", "--uds", "with permissions 660, see --uds-permissions"),
    Counterpart("--reload-delay", note="changes are seen at once"),
    Counterpart("--workers", "--workers", "0: one for each CPU; WEB_CONCURRENCY is not read"),
    Counterpart("--loop", "--loop", "asyncio by default; auto takes uvloop where it is installed"),
    Counterpart("--http", "--http1", "fast or h11"),
    Counterpart("--http2", note=_HTTP2),
    Counterpart("--ws", "--websocket", "--no-websocket for none"),
    Counterpart("--ws-max-size", "--websocket-max-message-size"),
    Counterpart("--ws-max-queue", "--websocket-max-queue"),
    Counterpart("--ws-ping-interval", "--websocket-ping-interval"),
    Counterpart("--ws-ping-timeout", "--websocket-ping-timeout"),
    Counterpart("--ws-per-message-deflate", "--websocket-compression", "a switch"),
    Counterpart("--interface", note="ASGI 3 alone; a2wsgi wraps WSGI, asgiref wraps ASGI 2"),
    Counterpart("--log-level", "--log-level", "there is no trace"),
    Counterpart("--use-colors --no-use-colors", note="logs have no colors"),
    Counterpart("--proxy-headers --no-proxy-headers --forwarded-allow-ips", note=_FORWARDED),
    Counterpart("--server-header --no-server-header", "--server-header", "its text; empty: none"),
    Counterpart("--limit-concurrency", "--limit-concurrency", "requests, not connections"),
    Counterpart("--limit-max-requests", "--max-requests"),
    Counterpart("--limit-max-requests-jitter", "--recycle-jitter", "a part of it: 0.1 for 10 %"),
    Counterpart("--timeout-keep-alive", "--keep-alive-timeout"),
    Counterpart("--timeout-graceful-shutdown", "--shutdown-timeout", "10 seconds by default"),
    Counterpart("--timeout-worker-healthcheck", "--worker-timeout"),
    Counterpart("--ssl-version", "--ssl-minimum-version", "1.2 or 1.3"),
    Counterpart("--ssl-cert-reqs", "--ssl-cert-reqs", _VERIFY),
    Counterpart("--header", note="the application sends its headers"),
    Counterpart("--h11-max-incomplete-event-size", "--max-header-size"),
    Counterpart("--reset-contextvars", note="not needed"),
)

GUNICORN = (
    Counterpart("--bind --backlog --reload --root-path --websocket-max-message-size"),
    Counterpart("-b", "--bind"),
    Counterpart("-c --config", "--config", "TOML with the names of these settings, no Python"),
    Counterpart("-w --workers", "--workers", "0: one for each CPU"),
    Counterpart("-k --worker-class", note="not needed: every worker serves ASGI"),
    Counterpart("--threads", note="for WSGI; for workers in threads see --worker-mode"),
    Counterpart("--worker-connections", "--max-connections", "of all workers together"),
    Counterpart("--max-requests", "--max-requests", "the next worker is ready before it ends"),
    Counterpart("--max-requests-jitter", "--recycle-jitter", "a part of it: 0.1 for 10 %"),
    Counterpart("-t --timeout", "--worker-timeout", "for one request: --handler-timeout"),
    Counterpart("--graceful-timeout", "--shutdown-timeout", "after a reload: --reload-timeout"),
    Counterpart("--keep-alive", "--keep-alive-timeout"),
    Counterpart("--limit-request-line", "--max-target-size", "of the target alone"),
    Counterpart("--limit-request-fields", "--max-headers"),
    Counterpart("--limit-request-field_size", "--max-header-size", "of the whole head"),
    Counterpart("--reload-extra-file", "--reload-include"),
    Counterpart("--reload-engine", note="the system tells of changes"),
    Counterpart("--check-config", "serverkit check"),
    Counterpart("--print-config", "serverkit config show"),
    Counterpart("--preload", note="threads share the application; processes import it themselves"),
    Counterpart("--no-sendfile --worker-tmp-dir --spew --suppress-ragged-eofs", note="not needed"),
    Counterpart("--do-handshake-on-connect --enable-stdio-inheritance -R", note="not needed"),
    Counterpart("--reuse-port", note="not needed: connections are handed to the idlest worker"),
    Counterpart("--chdir --pythonpath", "--app-dir", "a folder to import from"),
    Counterpart("-e --env", "--env-file"),
    Counterpart("-p --pid", "--pid-file"),
    Counterpart("-D --daemon", note="a matter of the service manager"),
    Counterpart("-u --user -g --group --initgroups", note=_SERVICE),
    Counterpart("-m --umask", "--uds-permissions", "for unix sockets: the mode itself"),
    Counterpart("--forwarded-allow-ips --forwarder-headers --header-map", note=_FORWARDED),
    Counterpart("--proxy-protocol --proxy-allow-from", note=_LATER),
    Counterpart("--access-logfile", "--access-log-file", "on by default, to stderr"),
    Counterpart("--access-logformat", note=_LOG_FORM),
    Counterpart("--error-logfile --log-file", "--log-config", "stderr by default"),
    Counterpart("--log-level", "--log-level"),
    Counterpart("--log-config --log-config-json", "--log-config", "TOML, JSON, YAML or INI"),
    Counterpart("--logger-class --log-syslog* --disable-redirect-access-to-syslog", "--log-config"),
    Counterpart("--capture-output", note="a matter of the service manager"),
    Counterpart("--statsd-* --dogstatsd-tags --enable-backlog-metric", note=_LATER),
    Counterpart("-n --name --paste* --protocol --uwsgi-allow-from --dirty-*", note=_NONE),
    Counterpart("--keyfile", "--ssl-keyfile"),
    Counterpart("--certfile", "--ssl-certfile"),
    Counterpart("--ca-certs", "--ssl-ca-certs"),
    Counterpart("--cert-reqs", "--ssl-cert-reqs", _VERIFY),
    Counterpart("--ciphers", "--ssl-ciphers"),
    Counterpart("--ssl-version", "--ssl-minimum-version", "1.2 or 1.3"),
    Counterpart("--http-protocols --http2-*", note=_HTTP2),
    Counterpart("--permit-* --strip-header-spaces --casefold-http-method", note=_STRICT),
    Counterpart("--asgi-loop", "--loop"),
    Counterpart("--asgi-lifespan", "--lifespan"),
    Counterpart("--asgi-disconnect-grace-period", "--cancel-on-disconnect", "a switch"),
    Counterpart("--http-parser", "--http1", "fast or h11"),
    Counterpart("--control-socket* --no-control-socket", note="signals do it"),
)

HYPERCORN = (
    Counterpart("--backlog --bind --log-level --reload --root-path --websocket-ping-interval"),
    Counterpart("-b", "--bind"),
    Counterpart("-c --config", "--config", "TOML with the names of these settings, no Python"),
    Counterpart("-w --workers", "--workers", "0: one for each CPU"),
    Counterpart("-k --worker-class", "--loop", "asyncio, uvloop or auto; there is no trio"),
    Counterpart("--access-logfile --access-log", "--access-log-file", "on by default, to stderr"),
    Counterpart("--access-logformat", note=_LOG_FORM),
    Counterpart("--error-logfile --error-log --log-file", "--log-config", "stderr by default"),
    Counterpart("--log-config", "--log-config", "told by its suffix: .toml, .json, .yaml, .ini"),
    Counterpart("--debug", "--log-level", "debug; --debug shows tracebacks to clients here"),
    Counterpart("--graceful-timeout", "--shutdown-timeout", "10 seconds by default"),
    Counterpart("--read-timeout", "--request-timeout", "and --header-timeout; both on by default"),
    Counterpart("--keep-alive", "--keep-alive-timeout"),
    Counterpart("--max-requests", "--max-requests"),
    Counterpart("--max-requests-jitter", "--recycle-jitter", "a part of it: 0.1 for 10 %"),
    Counterpart("--certfile", "--ssl-certfile"),
    Counterpart("--keyfile", "--ssl-keyfile"),
    Counterpart("--keyfile-password", "--ssl-keyfile-password"),
    Counterpart("--ca-certs", "--ssl-ca-certs"),
    Counterpart("--cert-reqs --verify-mode", "--ssl-cert-reqs", _VERIFY),
    Counterpart("--ciphers", "--ssl-ciphers"),
    Counterpart("--insecure-bind", "--redirect-bind", "which only redirects to https"),
    Counterpart("--quic-bind", note="HTTP/3 is not available yet"),
    Counterpart("-p --pid", "--pid-file"),
    Counterpart("-D --daemon", note="a matter of the service manager"),
    Counterpart("-u --user -g --group", note=_SERVICE),
    Counterpart("-m --umask", "--uds-permissions", "the mode itself"),
    Counterpart("--server-name", note="middleware of the application, such as TrustedHost"),
    Counterpart("--statsd-*", note=_LATER),
)

GRANIAN = (
    Counterpart("--host --port --uds --uds-permissions --backlog --access-log --no-access-log"),
    Counterpart("--factory --no-factory --reload --no-reload --pid-file --ssl-keyfile-password"),
    Counterpart("--interface", note="ASGI 3 alone: leave it out; a2wsgi wraps WSGI"),
    Counterpart("--http --http2-* --no-http2-*", note=_HTTP2),
    Counterpart("--ws", "--websocket"),
    Counterpart("--no-ws", "--no-websocket"),
    Counterpart("--workers", "--workers", "0: one for each CPU"),
    Counterpart("--blocking-threads*", "--executor-threads-per-worker", "for asyncio.to_thread"),
    Counterpart("--runtime-* --task-impl", note="not needed: a worker is one event loop"),
    Counterpart("--loop", "--loop", "asyncio by default; auto takes uvloop where it is installed"),
    Counterpart("--backpressure", "--limit-concurrency", "answers 503 beyond it"),
    Counterpart("--http1-buffer-size", "--max-header-size"),
    Counterpart("--http1-header-read-timeout", "--header-timeout", "in seconds"),
    Counterpart(
        "--http1-keep-alive --no-http1-keep-alive", "--max-requests-per-connection", "1: off"
    ),
    Counterpart("--http1-pipeline-flush --no-http1-pipeline-flush", note="not needed"),
    Counterpart("--log --no-log", "--log-config", "none leaves logging alone"),
    Counterpart("--log-level", "--log-level"),
    Counterpart("--log-config", "--log-config", "TOML, JSON, YAML or INI"),
    Counterpart("--access-log-fmt", note=_LOG_FORM),
    Counterpart("--ssl-certificate", "--ssl-certfile"),
    Counterpart("--ssl-keyfile", "--ssl-keyfile", "any PEM, not PKCS#8 alone"),
    Counterpart("--ssl-protocol-min", "--ssl-minimum-version", "1.2 or 1.3; 1.2 by default"),
    Counterpart("--ssl-ca", "--ssl-ca-certs"),
    Counterpart("--ssl-crl", "--ssl-context-factory"),
    Counterpart("--ssl-client-verify --no-ssl-client-verify", "--ssl-cert-reqs", _VERIFY),
    Counterpart("--url-path-prefix", "--root-path"),
    Counterpart(
        "--respawn-failed-workers --no-respawn-failed-workers --respawn-interval",
        "--restart-budget",
        "workers are always replaced, later each time",
    ),
    Counterpart("--workers-lifetime", "--worker-lifetime", "in seconds"),
    Counterpart("--workers-max-rss", "--worker-max-rss", "in bytes, not MiB"),
    Counterpart("--rss-sample*", note="not needed"),
    Counterpart("--workers-kill-timeout", "--shutdown-timeout", "10 seconds by default"),
    Counterpart("--working-dir", "--app-dir", "the folder to import from"),
    Counterpart("--env-files", "--env-file", "one"),
    Counterpart("--static-path-* --metrics* --no-metrics", note=_LATER),
    Counterpart("--reload-paths", "--reload-dir"),
    Counterpart("--reload-ignore-dirs", "--reload-exclude", "a pattern as in a shell"),
    Counterpart("--reload-ignore-patterns", "--reload-exclude", "a pattern as in a shell"),
    Counterpart("--reload-ignore-paths", "--reload-exclude", "a pattern as in a shell"),
    Counterpart("--reload-tick", note="changes are seen at once"),
    Counterpart(
        "--reload-ignore-worker-failure --no-reload-ignore-worker-failure",
        note="always so: the old code serves on",
    ),
    Counterpart("--process-name", note=_NONE),
)

OTHER_SERVERS = {
    "uvicorn": UVICORN,
    "gunicorn": GUNICORN,
    "hypercorn": HYPERCORN,
    "granian": GRANIAN,
}


def counterpart(option: str) -> str:
    """Say what an option of other servers is here; empty: none of them has it."""
    said: dict[str, list[str]] = {}
    for server, row in _rows_of(option):
        what = f"is {row.here} here" if row.here else "has no counterpart here"
        said.setdefault(f"{what}: {row.note}" if row.note else what, []).append(server)
    return " ".join(f"{option} of {_listed(servers)} {what}." for what, servers in said.items())


def _rows_of(option: str) -> Iterator[tuple[str, Counterpart]]:
    for server, rows in OTHER_SERVERS.items():
        yield from ((server, row) for row in rows if row.is_for(option))


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))

"""Tells whoever listens what happens: the access log and the lifecycle collector.

Rules:
    Where nobody listens there is no `Observation`, and nothing is built for it.
"""

from serverkit_worker.access_log import AccessLog
from serverkit_worker.exchange import HTTPExchange


def observe(collector: object, access_log: AccessLog | None, *, worker_id: int) -> "Observation | None":
    if access_log is None:
        return None
    return Observation(access_log)


import time
class Observation:
    def __init__(self, access_log: AccessLog) -> None:
        self._log = access_log
    def connection_opened(self, scope) -> int: return 0
    def request_started(self, cid, exchange): exchange.started_at = time.monotonic()
    def responded(self, cid, exchange):
        r = exchange.request
        self._log.record(exchange.scope["client"], r.method, r.target, r.http_version, exchange.head.status, exchange.bytes_sent, time.monotonic()-exchange.started_at)
    def rejected(self, scope, status, n): self._log.record(scope["client"], "-", "-", "-", status, n, 0.0)
    def abandoned(self, cid, exchange): pass
    def connection_closed(self, *a): pass
    def flush(self): self._log.flush()

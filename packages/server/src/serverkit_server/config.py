"""Everything that a deployment decides, in one flat set of names.

Rules:
    The fields stand in `settings`. Here they are judged, and put into the slices that the server's
    parts read.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Self

from serverkit_proto.config import ProtoConfig
from serverkit_server.address import (
    Address,
    InheritedSocket,
    TCPAddress,
    UnixAddress,
    parse_address,
)
from serverkit_server.setting_checks import check_settings
from serverkit_server.setting_rules import check_together
from serverkit_server.settings import Settings
from serverkit_supervisor.config import SupervisorConfig
from serverkit_supervisor.restart_policy import RestartPolicy
from serverkit_worker.config import WorkerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(Settings):
    """The settings of a server: its own and, under the same names, those of worker and protocol.

    Raises:
        TypeError: there is no setting of a given name.
        ValueError: a value has the wrong type, is out of bounds, or asks for what is not there
            yet. The message names the field and the value.

    Threads: any; it never changes.
    """

    def __post_init__(self) -> None:
        self.worker_config()  # which judges the settings of worker and protocol
        check_settings(self)
        check_together(self)
        own = _judged("bind", self.addresses)
        redirecting = _judged("redirect_bind", self.redirect_addresses)
        twice = [str(each) for each in redirecting if each in own and not str(each).endswith(":0")]
        if twice:
            raise ValueError(f"redirect_bind must not have {twice[0]}, where TLS is spoken")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object]) -> Self:
        """Make a configuration of settings by their names.

        Raises:
            TypeError: there is no such setting. The message suggests those of a similar name.
            ValueError: a value is not allowed.
        """
        known = [each.name for each in fields(cls)]
        for name in settings:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"there is no setting {name!r}{hint}")
        make: Callable[..., Self] = cls  # whose fields judge the values themselves
        return make(**settings)

    def addresses(self) -> tuple[Address, ...]:
        """What to listen on: `bind`, `uds` and `fd`; `host` and `port` where none is given."""
        found: list[Address] = [parse_address(text) for text in self.bind]
        if self.uds is not None:
            found.append(UnixAddress(self.uds))
        if self.fd is not None:
            found.append(InheritedSocket(self.fd))
        return tuple(found) or (TCPAddress(self.host, self.port),)

    def redirect_addresses(self) -> tuple[Address, ...]:
        """Where to listen without TLS, to send clients on."""
        return tuple(parse_address(text) for text in self.redirect_bind)

    @property
    def says_where(self) -> bool:
        """Whether anything but the default says where to listen."""
        names = ("host", "port", "bind", "uds", "fd")
        return any(getattr(self, f.name) != f.default for f in fields(self) if f.name in names)

    def proto_config(self) -> ProtoConfig:
        """The slice that the protocol engines read."""
        return ProtoConfig(**{each.name: getattr(self, each.name) for each in fields(ProtoConfig)})

    def worker_config(self) -> WorkerConfig:
        """The slice that a worker reads, with that of the protocol in it."""
        names = (each.name for each in fields(WorkerConfig) if each.name != "proto")
        return WorkerConfig(
            proto=self.proto_config(), **{name: getattr(self, name) for name in names}
        )

    def supervisor_config(self, worker_count: int) -> SupervisorConfig:
        """The slice that the supervisor of several workers reads.

        Args:
            worker_count: how many there are, where `workers` may say "as many as fit".
        """
        return SupervisorConfig(
            worker_count=worker_count,
            # A worker keeps the bounds itself and says what it waited for, then its application
            # has as long again to stop. The supervisor's bounds are for a worker that hangs.
            startup_timeout=self.startup_timeout * 1.1 + 5,
            shutdown_timeout=self.shutdown_timeout * 2 + 5,
            reload_timeout=self.reload_timeout + self.shutdown_timeout + 5,
            worker_timeout=self.worker_timeout,
            restart=RestartPolicy(budget=self.restart_budget, window_s=self.restart_window),
            max_connections=self.max_connections,
            when_full="refuse",  # in the words of the protocol, as a single worker does
            worker_lifetime=self.worker_lifetime,
            worker_max_rss=self.worker_max_rss,
            recycle_jitter=self.recycle_jitter,
        )


def _judged(name: str, read: Callable[[], tuple[Address, ...]]) -> tuple[Address, ...]:
    """Read addresses, and name the setting where one is wrong."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None

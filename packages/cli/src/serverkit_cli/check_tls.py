"""What `serverkit check` says of certificates."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from serverkit_cli.failure import Doubt, Failure, told
from serverkit_server.banner import describe_tls
from serverkit_server.certificate_check import Finding, Subject, examine, subjects_of
from serverkit_server.config import ServerConfig
from serverkit_server.load import Source
from serverkit_server.tls_context import KEYLOG_VARIABLE, keylog_path

SOON_DAYS: Final = 14
_MOST_NAMES: Final = 5


def tls_checks(
    config: ServerConfig, sources: Mapping[str, Source]
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the checks, each with the subject of its line; none where there is no TLS."""
    subjects = subjects_of(config)
    if not subjects:
        return
    yield "tls", lambda: _verify_tls(config)
    for subject in subjects:
        yield "certificate", functools.partial(_verify, config, subject, sources)


def _verify_tls(config: ServerConfig) -> str:
    path = keylog_path()
    if path is not None:
        raise Doubt(f"{KEYLOG_VARIABLE} is set: whoever can read {path} can decrypt everything")
    return describe_tls(config)


def _verify(config: ServerConfig, subject: Subject, sources: Mapping[str, Source]) -> str:
    with told(debug=config.debug, sources=sources):
        finding = examine(config, subject)
    facts, now = finding.facts, time.time()
    days = finding.days_left(now)
    text = f"{_where(subject)}: {_describe(finding)}"
    if days < 0:
        raise Failure(f"{text}; it expired on {facts.last_day}. Renew it.")
    if facts.not_before > now:
        raise Failure(f"{text}; it is not good yet. Look at the clock of this machine.")
    text = f"{text}; until {facts.last_day}"
    if days < SOON_DAYS:
        raise Doubt(f"{text}, which is in {_count(days)}. Renew it.")
    if not finding.is_for_name:
        raise Doubt(f"{text}; it is not for {subject.name}, so clients will refuse it there")
    return f"{text}, {_count(days)}"


def _count(days: float) -> str:
    if days < 1:
        return "less than a day"
    return "1 day" if days < 2 else f"{int(days)} days"


def _where(subject: Subject) -> str:
    if subject.pair is None:
        return "made by ssl_context_factory"
    return f"{subject.pair} for {subject.name}" if subject.name else str(subject.pair)


def _describe(finding: Finding) -> str:
    facts = finding.facts
    names = list(facts.names[:_MOST_NAMES]) or ["no name"]
    if len(facts.names) > _MOST_NAMES:
        names.append(f"{len(facts.names) - _MOST_NAMES} more")
    issuer = "self-signed" if facts.is_self_signed else f"by {facts.issuer}"
    if not finding.has_issuer:
        issuer += ", whose certificate is not in the file"
    return f"{', '.join(names)}; {issuer}"

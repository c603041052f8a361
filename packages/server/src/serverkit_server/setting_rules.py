"""Judges what depends on more than one setting, and refuses what is not there yet."""

from serverkit_server.settings import Settings
from serverkit_server.tls_rules import check_tls


def check_together(settings: Settings) -> None:
    """Judge what one field alone cannot tell, and what is not there yet."""
    for name in ("uds", "app_dir", "access_log_file", "log_config", "pid_file"):
        if getattr(settings, name) == "":
            raise ValueError(f"{name} must not be empty; leave it out instead")
    for name in ("reload_dir", "reload_include", "reload_exclude"):
        if not all(getattr(settings, name)):
            raise ValueError(
                f"{name} must not have an empty entry, not {getattr(settings, name)!r}"
            )
    if settings.access_log_filter is not None and not callable(settings.access_log_filter):
        raise ValueError(f"access_log_filter must be callable, not {settings.access_log_filter!r}")
    _check_workers(settings)
    check_tls(settings)


def _check_workers(settings: Settings) -> None:
    if settings.worker_mode == "sync":
        raise ValueError(
            "worker_mode must not be 'sync': workers for sync applications are not available yet; "
            "leave it at auto for now"
        )
    if settings.worker_mode == "thread" and settings.worker_max_rss:
        raise ValueError(
            f"worker_max_rss must be 0 with worker_mode thread, not {settings.worker_max_rss}: "
            "threads share their memory; leave worker_mode at auto, or say process"
        )
    if 0 < settings.max_connections < settings.workers:
        raise ValueError(
            f"max_connections must be as large as workers, which is {settings.workers}, or 0, "
            f"not {settings.max_connections}: it is the total of all workers"
        )

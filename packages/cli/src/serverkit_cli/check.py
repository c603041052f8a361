"""`serverkit check`: says whether an application could be served, and binds nothing."""

import importlib.util
from collections.abc import Callable, Iterator

import click

from serverkit_cli.check_tls import tls_checks
from serverkit_cli.failure import Doubt, Failure, told
from serverkit_cli.help_layout import HeadedCommand, examples
from serverkit_cli.options import app_name, app_parameters, setting_options
from serverkit_cli.settings import load_settings
from serverkit_server.app_import import import_app
from serverkit_server.config import ServerConfig
from serverkit_server.gil import is_free_threaded_build, is_gil_enabled
from serverkit_server.load import Loaded, Source
from serverkit_server.log_setup import configured_logging
from serverkit_server.worker_plan import plan_anew, plan_workers

type Settings = Loaded[ServerConfig]


@click.command(
    "check",
    cls=HeadedCommand,
    short_help="Check settings and application, serve nothing.",
    params=[*app_parameters(), *setting_options()],
    epilog=examples(
        ("serverkit check hello:app", ""),
        ("serverkit check hello:app --config production.toml", "before a deployment"),
    ),
)
@click.pass_context
def check(ctx: click.Context, /, **_parameters: object) -> None:
    """Check that an application can be imported and that the settings are right.

    It takes the options of `serve`, binds nothing and does not start the application. Each line
    on stdout says PASS, WARN or FAIL. Exit code 1 if a check fails.
    """
    app = app_name(ctx)
    loaded: list[Settings] = []

    def settings() -> str:
        loaded.append(load_settings(ctx))
        return _describe_settings(loaded[0])

    passed = _run("settings", settings)
    if passed:
        results = [_run(name, verify) for name, verify in _checks(loaded[0], app)]
        passed = all(results)
    ctx.exit(0 if passed else 1)


def _checks(loaded: Settings, app: str) -> Iterator[tuple[str, Callable[[], str]]]:
    config = loaded.config

    def application() -> str:
        with told(debug=config.debug, sources=loaded.sources):
            import_app(app, factory=config.factory, app_dir=config.app_dir)
        return f"{app} can be imported"

    def logging() -> str:
        with told(debug=config.debug, sources=loaded.sources), configured_logging(config):
            return f"level {config.log_level}" if config.log_config is None else "as configured"

    yield "address", lambda: _describe_addresses(config)
    yield from tls_checks(config, loaded.sources)
    yield "loop", lambda: _verify_loop(config, loaded.sources["loop"])
    yield "logging", logging
    yield "application", application
    yield "gil", _verify_gil
    yield "workers", lambda: _verify_workers(config)


def _run(name: str, verify: Callable[[], str]) -> bool:
    try:
        _say("PASS", "green", name, verify())
    except Doubt as doubt:
        _say("WARN", "yellow", name, str(doubt))
    except Failure as failure:
        _say("FAIL", "red", name, failure.message.replace("\n", "\n      "))
        return False
    return True


def _say(verdict: str, colour: str, name: str, what: str) -> None:
    click.echo(f"{click.style(verdict, fg=colour, bold=True)}  {name}: {what}")


def _describe_settings(loaded: Settings) -> str:
    layers = [source.layer for source in loaded.sources.values()]
    counts = {
        "the command line": layers.count("argument"),
        "the environment": layers.count("environment"),
        "the file": layers.count("file"),
    }
    found = [f"{count} from {place}" for place, count in counts.items() if count]
    return ", ".join(found) or "all default"


def _describe_addresses(config: ServerConfig) -> str:
    own = ", ".join(map(str, config.addresses()))
    redirecting = ", ".join(map(str, config.redirect_addresses()))
    return f"{own}; {redirecting} redirects" if redirecting else own


def _verify_loop(config: ServerConfig, source: Source) -> str:
    found = importlib.util.find_spec("uvloop") is not None
    if config.loop == "uvloop" and not found:
        raise Failure(
            f"uvloop is not installed (set by {source}). pip install uvloop, or use "
            "--loop auto, which does without where it must."
        )
    return "uvloop" if found and config.loop != "asyncio" else "asyncio"


def _verify_gil() -> str:
    if is_free_threaded_build() and is_gil_enabled():
        raise Doubt("the GIL is on, though this Python can do without")
    return "on, as this Python is built" if is_gil_enabled() else "off"


def _verify_workers(config: ServerConfig) -> str:
    """Say where workers would run, once the application is imported."""
    plan = plan_anew(plan_workers(config), [])
    if plan.reason:
        raise Doubt(f"{plan.count}, {plan.description}. {plan.reason}")
    return f"{plan.count}, {plan.description}"

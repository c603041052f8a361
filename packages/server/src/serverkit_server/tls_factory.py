"""Calls the function that a deployment makes its own context of TLS with."""

import importlib
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from serverkit_server.app_import import app_traceback
from serverkit_server.certificate_facts import has_no_certificate
from serverkit_server.config import ServerConfig
from serverkit_server.errors import TLSSetupError
from serverkit_server.tls_settings import SSLContextFactory

_SETTING = "ssl_context_factory"
_FORM = "It is called as function(config, default), where default() makes the usual context."


def find_factory(config: ServerConfig) -> SSLContextFactory | None:
    """Give the function, imported where it was named; None: there is none.

    Raises:
        TLSSetupError: it cannot be imported, or is no function.
    """
    given = config.ssl_context_factory
    if not isinstance(given, str):
        return given
    module, _, attribute = given.partition(":")
    folder = str(Path(config.app_dir).absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: object = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        details = "" if _is_missing(error, module) else app_traceback(error, __file__)
        what = f"there is no module {module!r}" if not details else f"{module} fails"
        raise TLSSetupError(
            f"{given} cannot be imported: {what}.", setting=_SETTING, remedy=_FORM, details=details
        ) from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise TLSSetupError(f"There is no function {given}.", setting=_SETTING, remedy=_FORM)
    factory: SSLContextFactory = found
    return factory


def call_factory(
    factory: SSLContextFactory, config: ServerConfig, default: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    """Have a context made.

    Raises:
        TLSSetupError: the function fails, or gives what no client can connect to.
    """
    try:
        made: object = factory(config, default)
    except TLSSetupError:
        raise  # of default()
    except Exception as error:  # whatever a deployment's code may raise
        raise TLSSetupError(
            f"The function that makes the context of TLS fails: {error!r}.",
            setting=_SETTING,
            remedy=_FORM,
            details=app_traceback(error, __file__),
        ) from error
    if not isinstance(made, ssl.SSLContext):
        raise TLSSetupError(
            f"The function that makes the context of TLS gives no SSLContext, but {made!r}.",
            setting=_SETTING,
            remedy=_FORM,
        )
    if made.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise TLSSetupError(
            "The function that makes the context of TLS gives one for clients.",
            setting=_SETTING,
            remedy=f"Make it by ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER). {_FORM}",
        )
    if has_no_certificate(made):
        raise TLSSetupError(
            "The function that makes the context of TLS gives one without a certificate, so no "
            "client could connect.",
            setting=_SETTING,
            remedy="Have it call context.load_cert_chain(certfile, keyfile); or name the files as "
            f"ssl_certfile and ssl_keyfile, then default() has them. {_FORM}",
        )
    return made


def _is_missing(error: BaseException, module: str) -> bool:
    name = getattr(error, "name", None)
    return isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{name}.")

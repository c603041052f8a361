"""Finds the application that `module:attribute` names, and proves that it can be called.

Rules:
    Whatever goes wrong is told in the words of who wrote the name. A failing import shows the
    frames of the application alone, none of the server or of the import system.
"""

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from pathlib import Path
from types import FrameType, ModuleType
from typing import NamedTuple, NoReturn, cast

from serverkit_server.errors import AppImportError
from serverkit_worker.asgi import ASGIApp

_FORM = "Write module:attribute, such as package.module:app, or module:function() for a factory."
_PLAIN = "Make it a plain function; what must be awaited belongs in the lifespan."
_IMPORT_SYSTEM = ("<frozen importlib", str(Path(importlib.__file__).parent))


class AppName(NamedTuple):
    """The parts of `module:attribute` or `module:function()`."""

    module: str
    attribute: str
    is_factory: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}{'()' if self.is_factory else ''}"


def parse_app_name(text: str) -> AppName:
    """Take the name of an application apart.

    Raises:
        AppImportError: it has another form.
    """
    module, colon, attribute = text.partition(":")
    is_factory = attribute.endswith("()")
    attribute = attribute.removesuffix("()")
    path = module.removesuffix(".py").replace("/", ".").strip(".")
    if module != path and _is_dotted_name(path):
        remedy = f"Write {path}:{attribute or 'app'}: the name to import, not the file."
    elif not colon and _is_dotted_name(module):
        remedy = f"Write {module}:app, or how the application is called in it."
    else:
        remedy = _FORM
    if not colon or not _is_dotted_name(module) or not _is_dotted_name(attribute):
        raise AppImportError(f"{text!r} does not name an application.", remedy=remedy)
    return AppName(module, attribute, is_factory)


def import_app(text: str, *, factory: bool = False, app_dir: str = ".") -> ASGIApp:
    """Import the application that a name stands for.

    Args:
        text: `module:attribute`, where the attribute may be dotted, or `module:function()`.
        factory: the attribute is a function without arguments that makes the application, also
            when no parentheses say so.
        app_dir: put first on `sys.path`, where it stays: an application may import more, later.

    Raises:
        AppImportError: it cannot be found, fails, or is no ASGI application.
    """
    name = parse_app_name(text)
    if factory:
        name = name._replace(is_factory=True)
    folder = Path(app_dir).absolute()
    if not folder.is_dir():
        raise AppImportError(f"There is no folder {app_dir!r}.", setting="app_dir")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    found = _attribute(_import(name, folder), name)
    if name.is_factory:
        found = _call_factory(found, name)
    check_app(found, str(name))
    return cast(ASGIApp, found)


def check_app(app: object, name: str) -> None:
    """Prove, without calling it, that an object can be called as an ASGI application.

    Raises:
        AppImportError: it cannot. The message says what it looks like instead.
    """
    is_class = isinstance(app, type)
    if not callable(app):
        raise AppImportError(
            f"{name} is no application: {_uncallable(app)}.",
            remedy=_FORM,
        )
    if _takes(app, 3) is not False:
        return
    message, remedy = f"{name} is no ASGI application: it does not take scope, receive, send.", ""
    if _takes(app, 0) and is_class:
        remedy = f"It is a class. Give an instance of it: {name}()"
    elif _takes(app, 0) and inspect.iscoroutinefunction(app):
        remedy = f"It takes nothing, as a factory does, but is async. {_PLAIN}"
    elif _takes(app, 0):
        remedy = f"It takes nothing, as a factory does. If it makes the application, write {name}()"
    elif _takes(app, 1):
        message = f"{name} is an application of ASGI 2: it takes the scope alone."
        remedy = "Wrap it: asgiref.compatibility.guarantee_single_callable makes ASGI 3 of it."
    elif _takes(app, 2):
        message = f"{name} looks like a WSGI application: it takes two arguments."
        remedy = (
            "WSGI is not available yet. Wrap it for now, for example with a2wsgi.WSGIMiddleware."
        )
    raise AppImportError(message, remedy=remedy)


def app_traceback(error: BaseException, own_file: str = __file__) -> str:
    """Format a traceback from the first frame of the application on.

    Args:
        error: what the application raised.
        own_file: the file of the server whose frames come before the application's.
    """
    kept = error.__traceback__
    while kept is not None and _is_not_of_app(kept.tb_frame, own_file):
        kept = kept.tb_next
    formatted = traceback.TracebackException(type(error), error, kept)
    formatted.stack = traceback.StackSummary.from_list(
        [frame for frame in formatted.stack if not frame.filename.startswith(_IMPORT_SYSTEM)]
    )
    return "".join(formatted.format()).rstrip()


def app_stack(frame: FrameType) -> str:
    """Format what a thread that imports an application does at this moment, from its code on.

    Args:
        frame: the innermost one of the thread.
    """
    stack = traceback.extract_stack(frame)
    first = max(
        (place for place, each in enumerate(stack, 1) if each.filename == __file__), default=0
    )
    own = [each for each in stack[first:] if not each.filename.startswith(_IMPORT_SYSTEM)]
    return "".join(traceback.format_list(own)).rstrip()


def _is_not_of_app(frame: FrameType, own_file: str) -> bool:
    file = frame.f_code.co_filename
    return file == own_file or file.startswith(_IMPORT_SYSTEM)


def _uncallable(found: object) -> str:
    return f"an object of the type {type(found).__name__} cannot be called"


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _import(name: AppName, folder: Path) -> ModuleType:
    module = name.module
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _not_found(name, error.name, folder) from error
        _fail(f"The application cannot be imported: {module} fails.", error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an application may raise
        _fail(f"The application cannot be imported: {module} fails.", error)


def _not_found(name: AppName, missing: str, folder: Path) -> AppImportError:
    parent, _, last = missing.rpartition(".")
    places = getattr(sys.modules.get(parent), "__path__", None) if parent else [str(folder)]
    known = [each.name for each in pkgutil.iter_modules(places or [])]
    close = difflib.get_close_matches(last, known, n=1)
    remedy = "Install it, or name the folder it is in as app_dir."
    if parent and last == "py" and name.module == missing:
        remedy = f"Write {name._replace(module=parent)}: the name to import, not the file."
    elif close:
        guess = ".".join(filter(None, [parent, close[0]])) + name.module.removeprefix(missing)
        remedy = f"Did you mean {name._replace(module=guess)}?"
    return AppImportError(
        f"There is no module {missing!r}, neither in {folder} nor installed.",
        setting="app_dir",
        remedy=remedy,
    )


def _attribute(module: ModuleType, name: AppName) -> object:
    found: object = module
    path = module.__name__
    for part in name.attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            kind = "Module" if isinstance(found, ModuleType) else "Object"
            raise AppImportError(
                f"{kind} {path!r} has no attribute {part!r}.", remedy=_suggestion(found, part, name)
            ) from error
        path = f"{path}.{part}"
    return found


def _suggestion(owner: object, missing: str, name: AppName) -> str:
    public = [each for each in vars(owner) if not each.startswith("_")] if _has_vars(owner) else []
    close = difflib.get_close_matches(missing, public, n=1)
    close = close or [each for each in ("app", "application", "asgi") if each in public]
    if not close:
        return ""
    head = name.attribute.split(".")
    head[head.index(missing)] = close[0]
    return f"Did you mean {name._replace(attribute='.'.join(head))}?"


def _has_vars(owner: object) -> bool:
    return hasattr(owner, "__dict__")


def _call_factory(factory: object, name: AppName) -> object:
    if not callable(factory):
        raise AppImportError(
            f"{name} is no factory: {_uncallable(factory)}.",
            remedy=f"If it is the application itself, write {name._replace(is_factory=False)}",
        )
    if _takes(factory, 0) is False:
        looks_like_app = _takes(factory, 3)
        plain = name._replace(is_factory=False)
        remedy = f"It looks like the application itself: write {plain}" if looks_like_app else ""
        raise AppImportError(f"{name} cannot be called: it needs arguments.", remedy=remedy)
    try:
        made = factory()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an application may raise
        _fail(f"The factory {name} fails.", error)
    if inspect.iscoroutine(made):
        made.close()
        raise AppImportError(
            f"The factory {name} is async.",
            remedy=_PLAIN,
        )
    return made


def _takes(function: object, count: int) -> bool | None:
    """Say whether a callable can be called with so many arguments; None: it does not tell."""
    try:
        signature = inspect.signature(function)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _fail(message: str, error: BaseException) -> NoReturn:
    raise AppImportError(message, details=app_traceback(error)) from error

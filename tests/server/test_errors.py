"""The errors that end a server."""

import pickle

import pytest

from serverkit_server import errors
from serverkit_server.errors import ServerError

KINDS = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, ServerError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_carries_what_people_need(kind: type[ServerError]) -> None:
    """Message and remedy are the text; setting and details stand beside; all of it travels."""
    error = kind("It broke.", setting="port", remedy="Mend it.", details="Traceback")
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert str(each) == "It broke.\nMend it."
        assert (each.setting, each.details, each.exit_code) == ("port", "Traceback", 1)
    assert str(kind("It broke.")) == "It broke."


def test_every_kind_has_a_code_of_its_own() -> None:
    """Programs can tell the kinds apart by their codes."""
    codes = [each.code for each in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("SERVERKIT_") for code in codes)

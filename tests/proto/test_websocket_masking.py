"""The mask is taken off by C code where there is some, and by ours elsewhere."""

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverkit_proto import websocket_masking
from serverkit_proto.websocket_masking import unmask, xor
from tests.proto.framing import masked


@given(data=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4), start=st.integers(0, 9))
def test_both_do_what_the_rfc_says(data: bytes, key: bytes, start: int) -> None:
    """They give bytes, from whatever kind of buffer."""
    expected = masked(data[start:], key)
    for kind in (bytes, bytearray, memoryview):
        for function in (unmask, xor):
            found = function(kind(data)[start:], key)
            assert found == expected
            assert type(found) is bytes
    assert xor(data, bytearray(key)) == unmask(data, bytearray(key))


def test_ours_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without C code the module does without, where it is there it is used."""
    assert unmask is not xor
    monkeypatch.setitem(sys.modules, "websockets.speedups", None)
    spec = importlib.util.spec_from_file_location("anew", websocket_masking.__file__)
    assert spec is not None
    assert spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert anew.unmask is anew.xor

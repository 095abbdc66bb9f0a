"""A document of one long list, read an element at a time, against Python's own reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.traces.damaged_json import read_listed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
INDENTS = st.sampled_from([None, 0, 3])


def read(text: str) -> tuple[Any, list[Any]]:
    taken: list[Any] = []
    found = read_listed(text, "events", taken.append, json.JSONDecoder())
    return found, taken


@given(VALUES, st.lists(VALUES, max_size=6), VALUES, INDENTS)
def test_an_object(before: Any, events: list[Any], after: Any, indent: int | None) -> None:
    document = {"before": before, "events": events, "after": {"events": after}}
    found, taken = read(" \n" + json.dumps(document, indent=indent) + "\t ")
    assert taken == events
    assert found == {**document, "events": []}


@given(VALUES, INDENTS)
def test_any_document(document: Any, indent: int | None) -> None:
    found, taken = read(json.dumps(document, indent=indent))
    if isinstance(document, list):
        assert (found, taken) == ([], document)
    elif isinstance(document, dict) and isinstance(document.get("events"), list):
        assert (found, taken) == ({**document, "events": []}, document["events"])
    else:
        assert (found, taken) == (document, [])


@given(st.data())
def test_what_is_cut_or_changed_is_refused_as_python_does(data: st.DataObject) -> None:
    text = json.dumps({"a": [1, {"b": "c"}], "events": [{"x": 1.5}, [], "y"], "z": -2})
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.sampled_from(["", ",", "]", "}", ":", '"', "0", "x", "{", "[", " "]))
    changed = text[:at] + put + text[at + cut :]
    try:
        expected = json.loads(changed)
    except json.JSONDecodeError:
        with pytest.raises(json.JSONDecodeError):
            read(changed)
        return
    found, taken = read(changed)
    if isinstance(expected, dict) and isinstance(expected.get("events"), list):
        assert taken == expected["events"]
        assert found == {**expected, "events": []}


@pytest.mark.parametrize("text", ["", " ", "[1,]", '{"events": [1],}', "[] 1", '{"events" [1]}'])
def test_these_are_none(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        read(text)

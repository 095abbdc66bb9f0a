"""Keeps items sorted as they come and go."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, overload

Item = TypeVar("Item")


class SortedByKey(Sequence[Item]):
    """``items`` by their ``key``, smallest first. Keys must be unique and must not change."""

    def __init__(self, items: Iterable[Item], key: Callable[[Item], Any]) -> None:
        self._key = key
        self._items = sorted(items, key=key)
        self._keys = [key(item) for item in self._items]

    def add(self, item: Item) -> None:
        """Inserts ``item`` at its place."""
        key = self._key(item)
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self._items.insert(place, item)

    def remove(self, item: Item) -> None:
        """Removes the item with the key of ``item``. Raises :class:`KeyError` if there is none."""
        key = self._key(item)
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            raise KeyError(key)
        del self._keys[place], self._items[place]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | Sequence[Item]:
        return self._items[place]

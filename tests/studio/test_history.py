"""Undo and redo of a text: changes that follow one another at once are one."""

from __future__ import annotations

from augreg.studio.history import History


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_undo_and_redo_go_back_and_forth() -> None:
    clock = Clock()
    history = History(clock)
    for before in "abc":  # a to b to c to d
        history.add(before)
        clock.now += 1
    assert history.undo("d") == "c"
    assert history.undo("c") == "b"
    assert history.redo("b") == "c"
    assert history.can_undo and history.can_redo
    history.add("c")  # a new change: what was undone is gone
    assert not history.can_redo
    assert [history.undo("e"), history.undo("c"), history.undo("b")] == ["c", "b", "a"]
    assert not history.can_undo
    assert history.undo("a") == "a"


def test_letters_typed_at_once_are_one_change() -> None:
    clock = Clock()
    history = History(clock)
    for before in ("", "w", "wo", "wor"):
        history.add(before)
        clock.now += 0.1
    clock.now += 1
    history.add("word")
    assert history.undo("word ") == "word"
    assert history.undo("word") == ""
    assert history.redo("") == "word"


def test_a_change_right_after_an_undo_is_one_of_its_own() -> None:
    clock = Clock()
    history = History(clock)
    history.add("a")
    clock.now += 1
    history.add("b")
    assert history.undo("c") == "b"
    history.add("b")
    assert history.undo("d") == "b"
    assert history.undo("b") == "a"


def test_a_history_that_was_cleared_is_empty() -> None:
    history = History(Clock())
    history.add("a")
    history.undo("b")
    history.add("c")
    history.clear()
    assert not history.can_undo and not history.can_redo


def test_the_oldest_changes_are_forgotten() -> None:
    clock = Clock()
    history = History(clock)
    for number in range(2000):
        history.add(str(number))
        clock.now += 1
    text = "2000"
    while history.can_undo:
        text = history.undo(text)
    assert text == "1500"

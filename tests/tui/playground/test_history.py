"""The history of the prompt, kept from session to session."""

import stat
from pathlib import Path

from fashion_tui.tui.playground.prompt.history import MAX_ENTRIES, History


def history_at(path: Path) -> History:
    history = History()
    history.load(path)
    return history


def test_browsing_returns_to_the_draft(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("one", "two", "for i in x:\n    print(i)"):
        history.add(entry)
    assert history.older("") == "for i in x:\n    print(i)"
    assert history.older("for i in x:\n    print(i)") == "two"
    assert history.older("two") == "one"
    assert history.older("one") is None
    assert history.newer("one") == "two"
    assert history.newer("two") == "for i in x:\n    print(i)"
    assert history.newer("for i in x:\n    print(i)") == ""
    assert history.newer("") is None


def test_browsing_offers_entries_that_begin_with_the_draft(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("x = 1", "y = 2", "x = 3"):
        history.add(entry)
    assert history.older("x") == "x = 3"
    assert history.older("x = 3") == "x = 1"
    assert history.newer("x = 1") == "x = 3"
    assert history.newer("x = 3") == "x"


def test_editing_an_entry_restarts_browsing(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    history.add("x = 1")
    history.add("y = 2")
    assert history.older("") == "y = 2"
    assert history.older("x") == "x = 1"


def test_file_is_private_and_shared_between_sessions(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    first, second = history_at(path), history_at(path)
    first.add("ü = 1\nü")
    second.add("two")
    second.add("two")
    second.add("   ")
    assert history_at(path).entries == ["ü = 1\nü", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_entries_added_before_the_file_is_read_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history_at(path).add("old")
    history = History()
    history.add("typed at once")
    history.load(path)
    assert history.entries == ["old", "typed at once"]
    assert history.older("") == "typed at once"
    assert history_at(path).entries == ["old", "typed at once"]


def test_damaged_and_unwritable_files_are_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'"good"\n\xff\xfe not JSON\n{"no": "text"}\n"cut off')
    assert history_at(path).entries == ["good"]
    history = history_at(tmp_path)  # a directory instead of a file can be neither read nor written
    history.add("typed")
    assert history.older("") == "typed"


def test_long_file_is_shortened(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f'"{number}"\n' for number in range(3 * MAX_ENTRIES)))
    history = history_at(path)
    assert len(history.entries) == MAX_ENTRIES
    assert history.entries[-1] == str(3 * MAX_ENTRIES - 1)
    assert path.read_text().count("\n") == MAX_ENTRIES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_search_returns_the_newest_first_and_each_entry_once(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("x = torch.ones(2)", "print(x)", "if x:\n    Torch = 1", "print(x)", "y = 2"):
        history.add(entry)

    def matches(query: str) -> list[str]:
        return [history.entries[index] for index in history.search(query)]

    assert matches("") == ["y = 2", "print(x)", "if x:\n    Torch = 1", "x = torch.ones(2)"]
    assert matches("torch") == ["if x:\n    Torch = 1", "x = torch.ones(2)"]
    assert matches("Torch") == ["if x:\n    Torch = 1"]  # case matters if the query has upper case
    assert matches("(x)") == ["print(x)"]  # not a regular expression
    assert matches("nowhere") == []


def test_browsing_continues_from_a_search_result(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("one", "two", "three"):
        history.add(entry)
    (index,) = history.search("tw")
    assert history.browse_from(index) == "two"
    assert history.older("two") == "one"
    assert history.newer("one") == "two"
    assert history.newer("two") == "three"

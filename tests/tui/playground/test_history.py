"""What was typed before comes back, from session to session."""

import stat
from pathlib import Path

from fashion_tui.tui.playground.prompt.history import MAX_ENTRIES, History


def history_at(path: Path) -> History:
    history = History()
    history.load(path)
    return history


def test_up_and_down_walk_and_the_draft_comes_back(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("one", "two", "for i in x:\n    print(i)"):
        history.add(entry)
    assert history.before("") == "for i in x:\n    print(i)"
    assert history.before("for i in x:\n    print(i)") == "two"
    assert history.before("two") == "one"
    assert history.before("one") is None
    assert history.after("one") == "two"
    assert history.after("two") == "for i in x:\n    print(i)"
    assert history.after("for i in x:\n    print(i)") == ""
    assert history.after("") is None


def test_only_entries_that_begin_as_the_draft_are_offered(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("x = 1", "y = 2", "x = 3"):
        history.add(entry)
    assert history.before("x") == "x = 3"
    assert history.before("x = 3") == "x = 1"
    assert history.after("x = 1") == "x = 3"
    assert history.after("x = 3") == "x"


def test_an_entry_that_was_changed_begins_a_new_walk(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    history.add("x = 1")
    history.add("y = 2")
    assert history.before("") == "y = 2"
    assert history.before("x") == "x = 1"


def test_it_is_kept_for_its_owner_alone_and_shared_between_sessions(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    first, second = history_at(path), history_at(path)
    first.add("ü = 1\nü")
    second.add("two")
    second.add("two")
    second.add("   ")
    assert history_at(path).entries == ["ü = 1\nü", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damage_and_a_full_disk_cost_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'"good"\n\xff\xfe not JSON\n{"no": "text"}\n"cut off')
    assert history_at(path).entries == ["good"]
    history = history_at(tmp_path)  # a folder: can be neither read nor written
    history.add("typed")
    assert history.before("") == "typed"


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f'"{number}"\n' for number in range(3 * MAX_ENTRIES)))
    history = history_at(path)
    assert len(history.entries) == MAX_ENTRIES
    assert history.entries[-1] == str(3 * MAX_ENTRIES - 1)
    assert path.read_text().count("\n") == MAX_ENTRIES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_search_finds_the_newest_first_and_each_entry_once(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("x = torch.ones(2)", "print(x)", "if x:\n    Torch = 1", "print(x)", "y = 2"):
        history.add(entry)

    def found(words: str) -> list[str]:
        return [history.entries[position] for position in history.search(words)]

    assert found("") == ["y = 2", "print(x)", "if x:\n    Torch = 1", "x = torch.ones(2)"]
    assert found("torch") == ["if x:\n    Torch = 1", "x = torch.ones(2)"]
    assert found("Torch") == ["if x:\n    Torch = 1"]  # upper case counts where it is typed
    assert found("(x)") == ["print(x)"]  # these words, no pattern
    assert found("nowhere") == []


def test_the_walk_goes_on_from_what_was_found(tmp_path: Path) -> None:
    history = history_at(tmp_path / "history")
    for entry in ("one", "two", "three"):
        history.add(entry)
    (position,) = history.search("tw")
    assert history.go_to(position) == "two"
    assert history.before("two") == "one"
    assert history.after("one") == "two"
    assert history.after("two") == "three"

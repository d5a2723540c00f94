"""Inputs of a network as the user types them."""

from pathlib import Path

import msgspec
import pytest

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.inputs import (
    DTYPES,
    InputFunction,
    Inputs,
    InputSpec,
    parse_input,
    parse_input_function,
    parse_inputs,
)


@pytest.mark.parametrize(
    ("string", "spec"),
    [
        ("1x28x28", InputSpec(shape=(1, 28, 28))),
        ("7", InputSpec(shape=(7,))),
        ("3:int64", InputSpec(shape=(3,), dtype="int64")),
        ("t=:int64", InputSpec(shape=(), dtype="int64", name="t")),
        (":bool", InputSpec(shape=(), dtype="bool")),
        ("t=", InputSpec(shape=(), name="t")),
        ("mask=@5x5:bool", InputSpec(shape=(5, 5), dtype="bool", name="mask", batched=False)),
        ("@", InputSpec(shape=(), batched=False)),
        ("x=2x3", InputSpec(shape=(2, 3), name="x")),
    ],
)
def test_an_input_is_parsed_and_written(string: str, spec: InputSpec) -> None:
    assert parse_input(string) == spec
    assert str(spec) == string


def test_other_ways_to_write_an_input() -> None:
    assert parse_input(" x = 3×4 : torch.LONG ") == InputSpec(shape=(3, 4), dtype="int64", name="x")
    assert parse_input("3:half").dtype == "float16"
    assert [parse_input(f"3:{dtype}").dtype for dtype in DTYPES] == [*DTYPES]


@pytest.mark.parametrize(
    ("string", "message"),
    [
        ("", "an input is empty"),
        ("0x3", "invalid input shape '0x3'"),
        ("3x-1", "invalid input shape '3x-1'"),
        ("axb", "invalid input shape 'axb'.*1x28x28"),
        ("3x", "invalid input shape '3x'"),
        ("3:int65", "unknown dtype 'int65' in the input '3:int65'; choose from float32"),
        ("3:", "unknown dtype ''"),
        ("1a=3", "invalid name '1a'"),
        ("=3", "invalid name ''"),
        ("70000x70000", "4,900,000,000 values"),
    ],
)
def test_an_invalid_input_is_refused(string: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_input(string)


def test_two_inputs_cannot_have_the_same_name() -> None:
    assert parse_inputs(["3", "3", "t=3"]) == (*[InputSpec(shape=(3,))] * 2, InputSpec(shape=(3,), name="t"))
    with pytest.raises(UsageError, match="the input t is given more than once"):
        parse_inputs(["t=3", "t=4"])


def test_an_input_function() -> None:
    function = parse_input_function("a:b/net.py:make")
    assert function == InputFunction(file="a:b/net.py", function="make")
    assert str(function) == "a:b/net.py:make"
    assert parse_input_function("~/net.py:make").file == f"{Path.home()}/net.py"


@pytest.mark.parametrize("string", ["", "net.py", "net.py:", "net.txt:make", "net.py:make()"])
def test_an_invalid_input_function_is_refused(string: str) -> None:
    with pytest.raises(UsageError, match=r"write FILE\.py:FUNCTION"):
        parse_input_function(string)


@pytest.mark.parametrize("inputs", [(), (parse_input("t=@2:bool"),), parse_input_function("net.py:make")])
def test_inputs_are_encoded(inputs: Inputs) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(inputs), type=Inputs) == inputs

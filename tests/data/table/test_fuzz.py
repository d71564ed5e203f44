"""Whatever the bytes are: a Table and a Selection, or one InputError that can be printed."""

import random
import time
from collections import Counter

import numpy as np
import pytest

from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.data.table.selection import select
from steepest.words.errors import InputError

SECONDS = 2.5
SEEDS = [
    b"x,y\n1,2\n3,4\n5,6\n",
    b'"x";"y y";z\r\n1,5;"2";NA\r\n-3e4;"a ""q""\n";inf\r\n',
    "é\tµ\n1\t2\n\n3\t4\n".encode(),
    "x,y\n1,2\n3,4\n".encode("utf-16"),
    b"x\n1\n\n2\n",
    b"a|b|c\ntrue|false|1e400\n1|2|3\n",
]
PIECES = [
    *(b",", b";", b"\t", b"|", b'"', b'""', b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\0", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"1", b"-", b"1e999", b"NaN", b"inf", b"\x1b[2J", b"'", b"#"),
    *(b"\xe2\x80\xa8", b"0x1", b"9" * 400, b"x" * 5000, b",,,,,,,,", b"PAR1", b"\x1f\x8b", b"."),
]


def mutated(data: bytes, random: random.Random) -> bytes:
    for _ in range(random.randint(1, 3)):
        start = random.randint(0, len(data))
        end = min(len(data), start + random.choice([0, 0, 1, 2, 8]))
        data = data[:start] + random.choice(PIECES) + data[end:]
    return data


def refusal(error: InputError) -> str:
    # A sentence that no terminal sequence or line break of the data gets into.
    assert error.message.isprintable()
    assert len(error.message) < 600
    return "refused"


def outcome(data: bytes) -> str:
    try:
        table = read_delimited(data, "data.csv")
    except InputError as error:
        return refusal(error)
    assert isinstance(table, Table)
    assert len(set(table.names)) == len(table.names) > 0
    numeric = []
    for name in table.names:
        try:
            assert table.numbers(name).shape == (table.rows,)
            numeric.append(name)
        except InputError as error:
            refusal(error)
    try:
        selection = select(table, numeric)
    except InputError as error:
        return refusal(error)
    assert selection.rows + selection.left_out == table.rows
    assert all(np.isfinite(column).all() for column in selection.columns.values())
    return "read"


@pytest.mark.filterwarnings("ignore::steepest.words.errors.DataWarning")
def test_any_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    generator = random.Random(20240229)
    counts: Counter[str] = Counter()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if generator.random() < 0.2:
            data = generator.randbytes(generator.randint(0, 200))
        elif generator.random() < 0.5:
            data = b"".join(generator.choices(PIECES, k=generator.randint(0, 30)))
        else:
            data = mutated(generator.choice(SEEDS), generator)
        counts[outcome(data)] += 1
    with capsys.disabled():
        print(f" [{counts.total()} inputs: {counts['read']} read, {counts['refused']} refused] ")
    assert counts["read"] > 0
    assert counts["refused"] > 0

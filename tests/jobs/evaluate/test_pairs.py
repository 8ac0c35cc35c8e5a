"""LFW's files of pairs, and what is said of files that are none."""

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.jobs.evaluate.pairs import Pair, read_pairs

ANN, BOB = "Ann/Ann_0001", "Bob/Bob_0012"


@pytest.fixture
def pairs_file(tmp_path):
    def write(text):
        path = tmp_path / "pairs.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_number_alone_is_one_split_with_as_many_pairs_of_each_kind(pairs_file):
    assert read_pairs(pairs_file("1\nAnn\t1\t2\nAnn\t1\tBob\t12\n")) == [
        Pair(ANN, "Ann/Ann_0002", same=True, fold=0),
        Pair(ANN, BOB, same=False, fold=0),
    ]


def test_two_numbers_are_folds_one_behind_the_other(pairs_file):
    fold = "Ann\t1\t2\nAnn\t3\t4\nAnn\t1\tBob\t12\nBob\t1\tAnn\t2\n"
    pairs = read_pairs(pairs_file(f"3\t2\n{fold * 3}"))
    assert [pair.fold for pair in pairs] == [0] * 4 + [1] * 4 + [2] * 4
    assert [pair.same for pair in pairs] == [True, True, False, False] * 3


@pytest.mark.parametrize(
    "text",
    [
        "1\nAnn 1 2\nAnn 1 Bob 12",
        "\ufeff1\r\nAnn\t1\t2\r\n\r\nAnn  1\tBob 12\r\n\n",
        " 1 \n Ann 01 0002 \nAnn 1 Bob 12 ",
    ],
)
def test_spaces_empty_lines_and_other_systems_line_ends_are_fine(pairs_file, text):
    assert [(pair.one, pair.two) for pair in read_pairs(pairs_file(text))] == [(ANN, "Ann/Ann_0002"), (ANN, BOB)]


def test_a_name_may_have_spaces_where_tabs_part_the_cells(pairs_file):
    [same, different] = read_pairs(pairs_file("1\nAnn Lee\t1\t2\nAnn Lee\t1\tBob\t12\n"))
    assert (same.two, different.one) == ("Ann Lee/Ann Lee_0002", "Ann Lee/Ann Lee_0001")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("ten\n", "line 1: expected a number of pairs, or of folds and of pairs, got 'ten'"),
        ("0\n", "line 1: expected a number of pairs"),
        ("10 300 5\n", "line 1: expected a number of pairs"),
        ("-1\n", "line 1: expected a number of pairs"),
        ("2\nAnn 1 2\nAnn 1 Bob 1\n", "line 1 promises 1 x (2 x 2) = 4 pairs; 2 follow"),
        ("2 1\nAnn 1 2\nAnn 1 Bob 1\nAnn 1 2\n", "line 1 promises 2 x (2 x 1) = 4 pairs; 3 follow"),
        ("1\nAnn 1 2\nAnn 1 Bob 1\nAnn 1 2\n", "line 1 promises 1 x (2 x 1) = 2 pairs; 3 follow"),
        ("1\nAnn 1 2\n\nAnn 1 Bob\n", "line 4: expected a pair of photos of two people's, `name1 a name2 b`"),
        ("1\nAnn 1 Bob 1\nAnn 1 Bob 2\n", "line 2: expected a pair of photos of one person's, `name a b`"),
        ("1\nAnn one 2\nAnn 1 Bob 1\n", "line 2: expected a pair of photos of one person's"),
        ("1\nAnn 1 2\nAnn 1 Ann 2\n", "line 3: expected a pair of photos of two people's"),
        ("1\nAnn 1 2\nAnn 1 Bob ²\n", "line 3: expected a pair of photos of two people's"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(pairs_file, text, message):
    with pytest.raises(SettingsError) as raised:
        read_pairs(pairs_file(text))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", "binary", "."):
        with pytest.raises(SettingsError, match=r"^cannot read the pairs file "):
            read_pairs(tmp_path / name)


def test_lfws_own_file_is_read(research_data):
    pairs = read_pairs(research_data("lfw/pairsDevTest.txt"))
    assert len(pairs) == 1000
    assert sum(pair.same for pair in pairs) == 500
    assert {pair.fold for pair in pairs} == {0}
    assert pairs[0] == Pair("Abdullah_Gul/Abdullah_Gul_0013", "Abdullah_Gul/Abdullah_Gul_0014", same=True, fold=0)

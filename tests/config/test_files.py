"""Reading params files: YAML 1.2, anchors and merge keys, and what is refused with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrobust.config.params import load, read_yaml
from semrobust.errors import ParamsError
from tests.conftest import ROOT


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "some.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1E5", 1e5), ("-2e+3", -2000.0), (".5e2", 50.0), ("1.e1", 10.0), ("1.0e-3", 1e-3), ("3", 3)],
)
def test_numbers_in_everyday_notation_are_numbers(tmp_path: Path, text: str, value: float) -> None:
    read = read_yaml(written(tmp_path, f"a: {text}\n"))["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["1e", "e4", "1e-4x", "v1e4", "'1e-4'"])
def test_what_only_looks_like_a_number_stays_text(tmp_path: Path, text: str) -> None:
    assert read_yaml(written(tmp_path, f"a: {text}\n"))["a"] == text.strip("'")


@pytest.mark.parametrize("text", ["run: a\nseed: 1\nrun: b\n", "link:\n  real_uses: 2\n  real_uses: 4\n"])
def test_a_key_given_twice_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match=r"stands twice \(line 3\)") as caught:
        read_yaml(written(tmp_path, text))
    assert len(caught.value.problems) == 1
    assert "some.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just text\n", "3\n"])
def test_a_file_without_sections_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match="must hold sections"):
        read_yaml(written(tmp_path, text))


@pytest.mark.parametrize(
    "content",
    [
        "a: [1, 2\n",
        "a:\n\t- b\n",
        "a: b: c\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "a: \x07\n",
        b"\xff\xfe\x00run",
        "[a, b]: c\n",
    ],
)
def test_unreadable_yaml_is_refused_with_the_file(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(ParamsError, match=r"some\.yaml.*\n.*not readable as YAML"):
        read_yaml(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml.*\n.*No such file.*--params FILE"):
        load([tmp_path / "none.yaml"])
    with pytest.raises(ParamsError, match="directory"):
        load([tmp_path])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4:2:0", "4:2:0"),  # DVC writes it without quotes, and YAML 1.1 reads base 60
        ("no", "no"),
        ("1e-4", 1e-4),
        ("-2.5E+3", -2500.0),
        (".5", 0.5),
        ("20_000", 20000),
        ("1/2", "1/2"),
        ("2026-03-24", "2026-03-24"),
        ("", None),
        ("null", None),
        ("true", True),
    ],
)
def test_values_are_read_as_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"key: {text}\n")
    found = read_yaml(file)["key"]
    assert (found, type(found)) == (value, type(value))


# anchors, aliases, merge keys

SHARED = "base: &base { a: 1, b: { x: 1, y: 2 } }\nmore: &more { b: 5, c: 6 }\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("*base", {"a": 1, "b": {"x": 1, "y": 2}}),
        ("{ <<: *base }", {"a": 1, "b": {"x": 1, "y": 2}}),
        ("{ <<: *base, a: 3 }", {"a": 3, "b": {"x": 1, "y": 2}}),  # the section's own value counts
        ("{ a: 3, <<: *base }", {"a": 3, "b": {"x": 1, "y": 2}}),
        ("{ <<: *base, a: null }", {"a": None, "b": {"x": 1, "y": 2}}),
        ("{ <<: [*more, *base] }", {"a": 1, "b": 5, "c": 6}),  # of a list the earlier counts
        ("{ <<: [*base, *more], c: 7 }", {"a": 1, "b": {"x": 1, "y": 2}, "c": 7}),
        ("{ inner: { <<: *more, b: 0 } }", {"inner": {"b": 0, "c": 6}}),
        ('{ "<<": 3 }', {"<<": 3}),  # quoted it is a key as any other
    ],
)
def test_anchors_and_merge_keys(tmp_path: Path, text: str, value: object) -> None:
    read = read_yaml(written(tmp_path, f"{SHARED}key: {text}\n"))
    assert read["key"] == value
    assert read["base"] == {"a": 1, "b": {"x": 1, "y": 2}}


def test_a_merged_section_may_itself_have_merged_and_overridden(tmp_path: Path) -> None:
    """Wherever the sections stand: the one that is merged first may be read last."""
    text = "deep: { deeper: { one: &one { x: 1, y: 1 }, two: &two { <<: *one, x: 2 } } }\nkey: { <<: *two, y: 3 }\n"
    read = read_yaml(written(tmp_path, text))
    assert read["key"] == {"x": 2, "y": 3}
    assert read["deep"]["deeper"]["two"] == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a { x: 1 }\nb:\n  { <<: *a, x: 2, x: 3 }\n",
        "a: &a { x: 1 }\nb: &b { y: 1 }\nc: { <<: *a, <<: *b }\n",
        "a: 1\nb: { c: &c {\n  d: 1, d: 2 } }\ne: *c\n",
    ],
)
def test_merge_keys_do_not_hide_a_key_given_twice(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match=r"stands twice \(line 3\)"):
        read_yaml(written(tmp_path, text))


@pytest.mark.parametrize("text", ["a: &a { b: *a }\n", "a: &a [1, *a]\n", "a: { <<: *b }\n", "a: { <<: 3 }\n"])
def test_what_refers_to_itself_or_to_nothing_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParamsError, match="not readable as YAML"):
        read_yaml(written(tmp_path, text))


def test_params_written_with_anchors_are_those_written_out(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "x: &schedule { epochs: 3, batch: 64 }\n"
        "systems: { deepjscc: { training: *schedule }, vit: { training: { <<: *schedule, epochs: 2 } } }\n"
    )
    with pytest.raises(ParamsError, match=r"x: .*unknown key"):  # an anchor stands where a value of the params does
        load([ROOT / "params.yaml", overlay])
    overlay.write_text(
        "systems:\n"
        "  deepjscc: { training: &schedule { epochs: 3, batch: 64 } }\n"
        "  vit: { training: { <<: *schedule, epochs: 2 } }\n"
    )
    params = load([ROOT / "params.yaml", overlay])
    assert params.section("systems", "deepjscc", "training").items() >= {"epochs": 3, "batch": 64}.items()
    assert params.section("systems", "vit", "training").items() >= {"epochs": 2, "batch": 64}.items()

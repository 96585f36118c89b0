import pytest

from sparseprune import records
from sparseprune.errors import InputError


def test_rows_come_back(tmp_path):
    rows = [{"kind": "a", "x": 1.5}, {"kind": "b", "y": None, "z": ["é", {"q": True}]}]
    records.write(tmp_path / "records" / "one.jsonl", rows)
    assert records.read(tmp_path / "records" / "one.jsonl") == rows


def test_a_run_is_all_its_files_in_order(tmp_path):
    for name in ("b", "a"):
        records.write(tmp_path / "records" / f"{name}.jsonl", [{"kind": name}])
    assert [row["kind"] for row in records.read_run(tmp_path)] == ["a", "b"]


def test_select():
    rows = [{"kind": "a", "id": 1}, {"kind": "a", "id": 2}, {"kind": "b", "id": 1}]
    assert records.select(rows, "a", id=1) == [{"kind": "a", "id": 1}]
    assert len(records.select(rows, "a")) == 2


def test_nan_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        records.write(tmp_path / "x.jsonl", [{"kind": "a", "x": float("nan")}])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", ['{"kind": "a"', "[1]", '{"x": 1}', "\x00"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "x.jsonl"
    path.write_text('{"kind": "a"}\n' + line + "\n")
    with pytest.raises(InputError, match=r"x.jsonl:2: expected a JSON object with a 'kind', got"):
        records.read(path)


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected a readable file of JSON lines"):
        records.read(path)


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected a run folder with records"):
        records.read_run(tmp_path)

import hashlib

import pytest

from sparseprune.errors import InputError
from sparseprune.files import check_writable, leftovers, lies_in, replacing, sha256


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write():
        with replacing(path) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it_as_any_new_file(tmp_path):
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_sha256(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_check_writable(tmp_path):
    assert check_writable(tmp_path / "new" / "a.x", ".x") == tmp_path / "new" / "a.x"
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="expected a file to write, got a folder"):
        check_writable(tmp_path, ".x")
    with pytest.raises(InputError, match=r"expected a path that ends in \.x, got 'a'"):
        check_writable(tmp_path / "a", ".x")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write in .*file; choose a folder"):
        check_writable(tmp_path / "file" / "a.x", ".x")


def test_a_file_that_is_read_is_not_written(tmp_path):
    source, link = tmp_path / "source.x", tmp_path / "link.x"
    source.write_text("")
    link.symlink_to(source)
    for path in (source, link):
        with pytest.raises(
            InputError, match=r"\.x: expected a file to write, got one that is read"
        ):
            check_writable(path, ".x", (None, tmp_path / "gone.x", source))
    assert check_writable(tmp_path / "new.x", ".x", (source,))


def test_what_a_killed_process_leaves_is_read_by_nobody(tmp_path):
    path = tmp_path / "records" / "a.jsonl"
    with replacing(path) as temporary:
        temporary.write_text("{")
        (orphan := temporary.with_name(temporary.name.replace("a.", "b."))).write_text("{")
    assert leftovers(tmp_path) == [orphan]
    assert list(path.parent.glob("*.jsonl")) == [path]


@pytest.mark.parametrize(
    ("location", "stays"),
    [
        ("a.bin", True),
        ("inner/a.bin", True),
        ("inner/../a.bin", True),
        ("link.bin", True),
        ("..", False),
        ("inner/../../a.bin", False),
        ("inner\\..\\..\\a.bin", False),
        ("/etc/passwd", False),
        ("C:\\a.bin", False),
        ("\\a.bin", False),
        ("a\0b", False),
        ("out.bin", False),
        ("out/a.bin", False),
    ],
)
def test_a_path_in_a_file_stays_in_its_folder(location, stays, tmp_path):
    folder = tmp_path / "models"
    (folder / "inner").mkdir(parents=True)
    (folder / "link.bin").symlink_to("a.bin")
    (folder / "out.bin").symlink_to(tmp_path / "a.bin")
    (folder / "out").symlink_to(tmp_path)
    assert lies_in(folder, location) is stays

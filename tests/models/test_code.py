import pytest

from sparseprune.models import code

TREE = {
    "mine/__init__.py": "from .nets import big",
    "mine/nets/__init__.py": "",
    "mine/nets/big.py": "import torch\nfrom ..layers import wide\nfrom . import near\n",
    "mine/nets/near.py": "def build():\n    import deep.inner\n",
    "mine/layers/__init__.py": "",
    "mine/layers/wide.py": "import mine.nets.big",
    "mine/unused.py": "import helper",
    "deep/inner.py": "from helper import thing",
    "helper.py": "def thing(): pass",
    "torch.txt": "",
    "other.py": "",
}
READ = {name for name in TREE if name not in ("mine/unused.py", "torch.txt", "other.py")}


def written(folder):
    for name, text in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def digest(folder):
    return code.digest("mine.nets.big", folder / "mine/nets/big.py")


@pytest.mark.parametrize("name", TREE)
def test_what_is_imported_counts_and_nothing_else(tmp_path, name):
    folder = written(tmp_path)
    before = digest(folder)
    assert digest(folder) == before
    (folder / name).write_text(TREE[name] + "\n# changed")
    assert (digest(folder) != before) == (name in READ)


def test_where_it_lies_does_not_count(tmp_path):
    assert digest(written(tmp_path / "here")) == digest(written(tmp_path / "there"))


def test_a_package_is_its_first_file(tmp_path):
    folder = written(tmp_path)
    before = code.digest("mine", folder / "mine/__init__.py")
    (folder / "mine/layers/wide.py").write_text("# changed")
    assert code.digest("mine", folder / "mine/__init__.py") != before


def test_of_what_is_installed_the_package_itself_counts(tmp_path):
    folder = written(tmp_path / "site-packages")
    before = digest(folder)
    (folder / "helper.py").write_text("# changed")
    assert digest(folder) == before
    (folder / "mine/layers/wide.py").write_text("# changed")
    assert digest(folder) != before


@pytest.mark.parametrize("content", [b"\0\x7fELF", b"def", b"\xff"])
def test_a_file_that_is_no_python_is_its_bytes(tmp_path, content):
    (tmp_path / "helper.py").write_bytes(content)
    (tmp_path / "net.py").write_text("import helper")
    before = code.digest("net", tmp_path / "net.py")
    (tmp_path / "helper.py").write_bytes(content + b"1")
    assert code.digest("net", tmp_path / "net.py") != before

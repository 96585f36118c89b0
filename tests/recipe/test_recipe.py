import pytest
import yaml

from sparseprune import prune, recipe
from sparseprune.errors import InputError

SMALL = {"prune": [{"method": "WT", "ratios": [0.5, 0.9]}]}


def write(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def test_defaults_are_spelt_out_and_read_back(tmp_path):
    made = recipe.parse(SMALL, "recipe")
    path = write(tmp_path, made.to_yaml())
    assert yaml.safe_load(made.to_yaml())["train"]["batch_size"] == 128
    assert recipe.load(path) == made


def test_digest_is_pinned_and_follows_every_setting():
    made = recipe.parse(SMALL, "recipe")
    assert made.digest() == recipe.parse(SMALL, "recipe").digest()
    changed = [{"seed": 1}, {"train.epochs": 9}, {"prune.0.ratios": [0.5]}, {"slim.round_to": 4}]
    digests = {recipe.parse(SMALL, "recipe", change).digest() for change in changed}
    assert len(digests | {made.digest()}) == 5


def test_overrides_leave_the_document_alone():
    recipe.parse(SMALL, "recipe", {"prune.0.ratios": [0.25], "train.epochs": 1})
    assert SMALL == {"prune": [{"method": "WT", "ratios": [0.5, 0.9]}]}


def test_methods_are_those_of_the_registry():
    allowed = recipe.Prune.model_fields["method"].annotation.__args__
    assert set(allowed) == set(prune.METHODS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trian.epochs": 3}, r"^--trian.epochs: unknown key 'trian'; did you mean 'train'\?"),
        ({"train.epoch": 3}, r"unknown key 'train.epoch'; did you mean 'epochs'\?"),
        ({"prune.0.zzz": 3}, r"unknown key 'prune.0.zzz'; known keys: method, ratios"),
        ({"train.epochs": "two"}, r"^--train.epochs: Input should be a valid integer.*got 'two'"),
        ({"prune.0.method": "XX"}, r"^--prune.0.method: .* 'WT', .* or 'PFPTop', got 'XX'"),
        ({"prune.0.ratios": [0.9, 0.5]}, r"ratios must rise from each to the next"),
        ({"prune.0.ratios": [1.0]}, r"^--prune.0.ratios: .*less than 1, got 1.0"),
        ({"evaluate.severity": 6}, r"^--evaluate.severity: .*less than or equal to 5, got 6"),
        ({"name": "../x"}, r"^--name: String should match pattern"),
        ({"prune.3.method": "WT"}, r"--prune.3.method: expected an index 0 to 0, got '3'"),
        ({"evaluate.corruptions": 3}, r"^--evaluate.corruptions: .*'all', got 3$"),
        ({"train": {"epochs": "two"}}, r"^--train: 'train.epochs': Input should be a valid"),
        ({"train.schedule": "multi_step"}, r"^recipe: 'train': .*expected milestones.*got none$"),
        ({"prune.0.pattern": 4.1}, r"^--prune.0.pattern: .*valid string, got 4.1"),
        ({"seed.x": 1}, r"--seed.x: expected a section at 'seed', got 0"),
        (
            {"prune": [{"method": "WT", "ratios": [0.5]}] * 2},
            r"each method may stand once, got WT, WT",
        ),
    ],
)
def test_each_mistake_is_named(change, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.parse({**SMALL, "seed": 0}, "recipe", change)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"train": {"epochs": "two"}}, r"^recipe: 'train.epochs': Input .*, got 'two'$"),
        ({"trian": {"epochs": 2}}, r"^recipe: unknown key 'trian'; did you mean 'train'\?$"),
        ({"prune": [{"method": "WT", "ratios": [2]}]}, r"^recipe: 'prune.0.ratios.0': .*, got 2$"),
    ],
)
def test_a_mistake_in_the_file_is_not_that_of_an_option(document, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.parse({**SMALL, **document}, "recipe", {"seed": 3, "train.lr": 0.1})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed: 1", "missing key 'prune'; add it"),
        ("- a\n- b", "expected a mapping of settings, got \\['a'"),
        ("a: [", "expected YAML, got"),
        ("", "expected a mapping of settings, got None"),
        ("prune: []\nprune: []", "expected YAML, got the key 'prune' twice .*; keep one of them"),
        ("data: {train: 1, test: 2, train: 3}", "got the key 'train' twice .* line 1, column 7"),
    ],
)
def test_each_bad_file_is_named(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        recipe.load(write(tmp_path, text))


@pytest.mark.parametrize("pattern", ["2:4", "1:4", "4:8", "4x1"])
def test_patterns_need_no_quotes(tmp_path, pattern):
    path = write(tmp_path, f"prune: [{{method: WT, ratios: [0.5], pattern: {pattern}}}]")
    assert recipe.load(path).prune[0].pattern == pattern


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"recipe, got No such file or directory; check"):
        recipe.load(tmp_path / "nothing.yaml")


def test_the_quickstart_is_a_recipe():
    from pathlib import Path

    recipe.load(Path(__file__).parents[2] / "recipes/quickstart.yaml")


def test_options_of_an_own_network_are_of_any_json_type():
    options = {"widths": [8, 16], "act": "gelu", "wide": True, "scale": 0.5, "deep": {"a": None}}
    document = {"model": {"name": "mine:net", "options": options}, **SMALL}
    found = recipe.parse(document, "here")
    assert found.model.options == options
    assert recipe.parse(yaml.safe_load(found.to_yaml()), "again") == found

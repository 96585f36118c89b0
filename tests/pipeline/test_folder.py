import pytest

from sparseprune import recipe
from sparseprune.errors import InputError
from sparseprune.pipeline import folder

SETTINGS = recipe.parse({"prune": [{"method": "WT", "ratios": [0.5]}]}, "recipe")


def test_the_same_recipe_finds_its_folder(tmp_path):
    first = folder.prepare(tmp_path / "run", SETTINGS)
    assert recipe.load(first.recipe) == SETTINGS
    assert folder.prepare(tmp_path / "run", SETTINGS) == first


def test_two_recipes_never_mix(tmp_path):
    folder.prepare(tmp_path / "run", SETTINGS)
    other = recipe.parse(SETTINGS.model_dump(), "recipe", {"seed": 7})
    with pytest.raises(InputError, match=r"found one of another \(.*\); give another --out"):
        folder.prepare(tmp_path / "run", other)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="expected an empty or a run folder"):
        folder.prepare(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_one_writer_at_a_time(tmp_path):
    place = folder.prepare(tmp_path / "run", SETTINGS)
    with (
        folder.writing(place),
        pytest.raises(InputError, match="another process is working on this run"),
        folder.writing(place),
    ):
        pass
    with folder.writing(place):
        pass


def test_what_a_killed_process_left_is_no_obstacle_and_goes(tmp_path):
    orphan = tmp_path / ".recipe.yaml.x1.tmp"
    orphan.write_text("half")
    place = folder.prepare(tmp_path, SETTINGS)
    with folder.writing(place):
        assert not orphan.exists()


def test_the_state_of_a_training_goes_once_its_checkpoint_is_there(tmp_path):
    place = folder.prepare(tmp_path / "run", SETTINGS)
    done, running = place.state("WT-22.4"), place.state("WT-50")
    for file in (done, running, place.checkpoint("WT-22.4")):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    with folder.writing(place):
        assert (done.exists(), running.exists()) == (False, True)

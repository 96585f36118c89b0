import pytest

from sparseprune import recipe as recipes
from sparseprune.errors import InputError
from sparseprune.sweep import cleaning, work
from sparseprune.sweep.cost import Cost
from sparseprune.sweep.plan import Placed, Plan, Stage
from sparseprune.sweep.runs import Run
from sparseprune.sweep.store import Store

RECIPE = recipes.parse({"prune": [{"method": "WT", "ratios": [0.5]}]}, "test")
OLD, NEW = "0" * 64, "f" * 64


def made(root, address, model="net"):
    """The plan of one run of one stage, which is made, and the run put together."""
    store = Store(root)
    store.prepare()
    run = Run(model, RECIPE)
    stage = Stage(address, run.name, "report", RECIPE, (), (), (), Cost())
    if not store.has(address):
        (store.workplace(stage).root / "report.html").write_text("x" * 1000)
        store.keep(stage, 0.0)
    plan = Plan((run,), {address: stage}, {run.name: {"report": Placed(address)}})
    work.assemble(root, plan)
    return plan


def test_only_what_the_plan_lacks_goes(tmp_path):
    made(tmp_path, OLD, "gone")
    plan = made(tmp_path, NEW)
    found = cleaning.unneeded(tmp_path, plan)
    assert found == [tmp_path / "runs" / "gone-seed0", tmp_path / "stages" / OLD]
    cleaning.remove(found)
    assert Store(tmp_path).has(NEW)
    assert (tmp_path / "runs" / "net-seed0" / "report.html").exists()
    assert cleaning.unneeded(tmp_path, plan) == []


def test_a_run_of_stages_that_go_goes_with_them(tmp_path):
    """It holds their files under second names: they would stay on the disk."""
    made(tmp_path, OLD)
    plan = Plan((Run("net", RECIPE),), {}, {"net-seed0": {"report": Placed(NEW)}})
    found = cleaning.unneeded(tmp_path, plan)
    assert found == [tmp_path / "runs" / "net-seed0", tmp_path / "stages" / OLD]


def test_a_file_with_two_names_is_counted_once(tmp_path):
    made(tmp_path, OLD)
    run, stage = found = cleaning.unneeded(tmp_path, Plan((), {}, {}))
    assert cleaning.size(found) == cleaning.size([run]) + cleaning.size([stage]) - 1000


def test_what_a_sweep_did_not_make_stays(tmp_path):
    plan = made(tmp_path / "sweep", NEW)
    outside = tmp_path / "outside"
    made(outside, OLD)
    for place in ("runs/mine", "stages/mine"):
        (tmp_path / "sweep" / place).mkdir()
        (tmp_path / "sweep" / place / "notes").touch()
    (tmp_path / "sweep/stages" / OLD).symlink_to(outside / "stages" / OLD)
    (tmp_path / "sweep/runs/gone-seed0").symlink_to(outside / "runs/net-seed0")
    assert cleaning.unneeded(tmp_path / "sweep", plan) == []


def test_links_are_removed_and_not_what_they_point_to(tmp_path):
    made(tmp_path / "sweep", OLD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    (tmp_path / "sweep/stages" / OLD / "link").symlink_to(tmp_path / "mine")
    cleaning.remove(cleaning.unneeded(tmp_path / "sweep", Plan((), {}, {})))
    assert not (tmp_path / "sweep/stages" / OLD).exists()
    assert (tmp_path / "mine" / "notes").exists()


def test_a_folder_without_a_sweep_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the folder of a sweep; give it as --out"):
        cleaning.unneeded(tmp_path, Plan((), {}, {}))

from sparseprune import recipe as recipes
from sparseprune.sweep import work
from sparseprune.sweep.cost import Cost
from sparseprune.sweep.plan import Placed, Plan, Stage
from sparseprune.sweep.runs import Run
from sparseprune.sweep.store import Store

RECIPE = recipes.parse({"prune": [{"method": "WT", "ratios": [0.5]}]}, "test")


def planned(store, address):
    """A run of one finished stage, whose file holds its address."""
    stage = Stage(address, "net-seed0", "report", RECIPE, (), (), (), Cost())
    if not store.has(address):
        (store.workplace(stage).root / "report.html").write_text(address)
        store.keep(stage, 0.0)
    places = {"net-seed0": {"report": Placed(address)}}
    return Plan((Run("net", RECIPE),), {address: stage}, places)


def test_a_run_is_made_of_the_stages_of_its_plan_even_if_the_recipe_is_the_same(tmp_path):
    """Other pictures in the same place, or another version of ours: other stages."""
    store = Store(tmp_path)
    for address in ("old", "new", "old"):
        (folder,) = work.assemble(tmp_path, planned(store, address))
        assert (folder / "report.html").read_text() == address
        assert recipes.load(folder / "recipe.yaml") == RECIPE


def test_a_run_that_is_up_to_date_is_left_alone(tmp_path):
    plan = planned(Store(tmp_path), "a")
    (folder,) = work.assemble(tmp_path, plan)
    (folder / "notes").touch()
    assert work.assemble(tmp_path, plan) == [folder]
    assert (folder / "notes").exists()


def test_a_run_that_was_not_put_together_whole_is_put_together_again(tmp_path):
    plan = planned(Store(tmp_path), "a")
    (folder,) = work.assemble(tmp_path, plan)
    (folder / ".stages").unlink()
    (folder / "report.html").unlink()
    work.assemble(tmp_path, plan)
    assert (folder / "report.html").read_text() == "a"


def test_a_run_that_lacks_a_stage_is_not_put_together(tmp_path):
    plan = planned(Store(tmp_path), "a")
    plan.places["net-seed0"]["measure"] = Placed("missing")
    assert work.assemble(tmp_path, plan) == []

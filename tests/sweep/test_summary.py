import pytest

from sparseprune import recipe as recipes
from sparseprune import records, report
from sparseprune.records import select
from sparseprune.sweep import summary
from sparseprune.sweep.runs import runs

RECIPE = {"prune": [{"method": "WT", "ratios": [0.5]}], "sweep": {"seeds": [0, 1]}}
# Two seeds: the least over distributions is fog in one and blur in the other.
VALUES = {0: {"clean": 0.9, "fog": 0.2, "blur": 0.8}, 1: {"clean": 0.7, "fog": 0.6, "blur": 0.4}}


def rows_of(seed):
    values = VALUES[seed]
    common = {"method": "WT", "runner": "accelerated"}
    shifted = [values["fog"], values["blur"]]
    yield {"kind": "network", "id": "WT-50", "role": "pruned", "method": "WT", "target_ratio": 0.5}
    for name, value in values.items():
        yield {"kind": "potential", **common, "distribution": name, "potential": value}
        shown = {"runner": "accelerated", "distribution": name, "correct": 10 * seed, "total": 40}
        yield {"kind": "evaluation", "id": "WT-50", **shown}
    yield {"kind": "excess_error", "id": "WT-50", **common, "ratio": 0.4 + seed, "value": 0.1}
    for name, members in (("train", [values["clean"]]), ("test", shifted)):
        mean, least = sum(members) / len(members), min(members)
        yield {"kind": "overall_potential", **common, "set": name, "mean": mean, "least": least}


@pytest.fixture
def sweep(tmp_path):
    found = runs(recipes.parse(RECIPE, "test"))
    for run in found:
        path = tmp_path / "runs" / run.name / "records" / "all.jsonl"
        records.write(path, rows_of(run.recipe.seed))
    return tmp_path, summary.write(tmp_path, found)


def test_means_and_population_deviations_over_seeds(sweep):
    (clean,) = select(sweep[1], "seed_potential", distribution="clean")
    assert (clean["model"], clean["seeds"], clean["values"]) == ("resnet8", [0, 1], [0.9, 0.7])
    assert clean["mean"] == pytest.approx(0.8)
    assert clean["std"] == pytest.approx(0.1)  # of a sample it would be 0.141


def test_the_least_is_taken_within_each_seed(sweep):
    (least,) = select(sweep[1], "seed_overall", set="test", statistic="least")
    assert least["values"] == [0.2, 0.4]
    # The least of the means (0.4 of fog, 0.6 of blur) would be 0.4.
    assert least["mean"] == pytest.approx(0.3)


def test_accuracies_of_networks_alike(sweep):
    (found,) = select(sweep[1], "seed_accuracy", id="WT-50", distribution="fog")
    assert found["values"] == [0.0, 0.25]
    assert found["target_ratio"] == 0.5


def test_one_excess_slope_is_drawn_through_the_networks_of_all_seeds(sweep):
    (found,) = select(sweep[1], "excess_slope")
    assert (found["model"], found["method"], found["networks"]) == ("resnet8", "WT", 2)
    # The mean of a slope for each seed would be (0.1 / 0.4 + 0.1 / 1.4) / 2 = 0.16.
    assert found["value"] == pytest.approx((0.4 * 0.1 + 1.4 * 0.1) / (0.4**2 + 1.4**2))


def test_rows_are_on_disk_and_the_page_shows_them(sweep):
    root, rows = sweep
    assert records.read(root / "records" / "summary.jsonl") == rows
    page = report.sweep.build(root).read_text()
    assert "80.0 ± 10.0" in page
    assert "Rise of the difference in excess error" in page
    assert '<td class="number strong">30.0 ± 10.0</td>' in page  # the lower of train and test
    assert 'href="runs/resnet8-seed1/report.html"' in page
    assert report.sweep.build(root).read_text() == page


def test_hostile_names_are_shown_not_obeyed():
    row = {"kind": "seed_potential", "model": "<script>", "method": "WT", "runner": "accelerated"}
    row |= {"distribution": "clean", "mean": 0.5, "std": 0.0, "seeds": [0], "values": [0.5]}
    page = report.sweep.render([row], "<b>", ["<i>"])
    assert not any(tag in page for tag in ("<script>", "<b>", "<i>"))

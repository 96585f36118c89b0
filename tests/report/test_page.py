import json
import re
from html.parser import HTMLParser

import pytest

from sparseprune import records, report
from sparseprune.errors import InputError

SECTIONS = [
    *("accuracy", "potential", "speed", "frontier"),
    *("hidden-loss", "similarity", "recommendation", "networks"),
]
KINDS = [
    *("run", "network", "evaluation", "hidden_loss", "verdict", "potential"),
    *("recommendation", "excess_error", "latency", "training"),
]
EVALUATED = {"accuracy", "similarity", "networks"}
NOT_EVALUATED = ["accuracy", "potential", "frontier", "hidden-loss", "similarity", "recommendation"]
VOID = {"meta", "br", "hr", "img", "input", "link", "col"}


class Page(HTMLParser):
    """Text, tags and ids of a page; fails on a tag that is closed in the wrong place."""

    def __init__(self, html):
        super().__init__()
        self.stack, self.tags, self.ids, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def words(self):
        """Text with runs of ordinary white space made one."""
        return re.sub(r"[ \n]+", " ", " ".join(self.text))


def test_build_writes_the_page_into_the_run(tmp_path, rows, html):
    records.write(tmp_path / "records" / "all.jsonl", rows)
    path = report.build(tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == html


def test_build_needs_records(tmp_path):
    with pytest.raises(InputError, match="expected a run folder"):
        report.build(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_same_rows_give_the_same_bytes(rows, html):
    assert report.render(json.loads(json.dumps(rows))) == html


def test_page_is_well_formed_small_and_in_order(html):
    page = Page(html)
    assert len(html) < 3_000_000
    assert len(page.ids) == len(set(page.ids))
    places = [page.ids.index(section) for section in SECTIONS]
    assert places == sorted(places)
    targets = [a["href"][1:] for tag, a in page.tags if tag == "a"]
    assert set(targets) <= set(page.ids)


def test_page_fetches_nothing_and_runs_nothing(html):
    page = Page(html)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_references_inside_figures_resolve(html):
    page = Page(html)
    used = re.findall(r"url\(#([^)]*)\)", html)
    used += [a["href"][1:] for tag, a in page.tags if tag == "use"]
    used += [i for _, a in page.tags for i in a.get("aria-labelledby", "").split()]
    assert used
    assert set(used) <= set(page.ids)


def test_every_figure_is_there_and_described(html):
    pictures = [a for tag, a in Page(html).tags if tag == "svg"]
    names = [a["aria-labelledby"].split()[0].removesuffix("-title") for a in pictures]
    assert names == [
        *("accuracy-0", "accuracy-1", "potential-0", "potential-1", "speedup", "latency"),
        *("frontier-mean", "frontier-worst"),
        *(f"similarity-{measure}-{group}" for measure in range(2) for group in range(3)),
    ]
    assert all(a["role"] == "img" for a in pictures)
    for name in names:
        title = re.search(rf'<title id="{name}-title">([^<]+)<', html)
        description = re.search(rf'<desc id="{name}-desc">([^<]+)<', html)
        assert title
        assert description
        assert len(description[1]) > 60


def test_figures_use_only_the_colours_of_the_page(html):
    """A literal colour would be unreadable in one of the two modes."""
    figures = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert re.findall(r"(?:fill|stroke): (?!none|var\(|url\(#)[^;\"]+", figures) == []
    style = html[html.index("<style>") : html.index("</style>")]
    light, dark = style.split("prefers-color-scheme: dark", 1)
    for variable in set(re.findall(r"var\((--\w+)\)", html)):
        assert f"{variable}:" in light, variable
        assert f"{variable}:" in dark, variable


def test_answer_names_ratio_speed_and_hidden_loss(html):
    text = Page(html).words()
    assert "WT can remove 60\u202f% of all parameters and FT can remove 30.4\u202f%" in text
    assert (
        "WT\u00a060\u202f% ran slower on this machine, not faster: 0.76× (0.73× to 0.80×)" in text
    )
    assert "FT\u00a030.4\u202f% ran faster on this machine: 1.35×" in text
    assert "0 of 336\u202f000 predictions changed" in text
    assert "no further loss found: 0 of 42\u202f000 predictions changed" in text
    assert "procedural textures of our own" in text
    assert "saturate leaves grey pictures unchanged" in text


def test_failed_verdict_shows_at_the_top_and_in_the_table(make_run):
    page = Page(report.render(make_run(spoiled="WT-0.90")))
    alarms = [a for _, a in page.tags if a.get("role") == "alert"]
    assert len(alarms) == 1
    text = page.words()
    assert "FAILED for WT\u00a090\u202f%" in text
    assert "7 of 8 networks passed" in text
    assert text.count("✕ FAIL") == 1
    assert "FURTHER LOSS: 2\u202f184 of 42\u202f000 predictions changed" in text


def test_no_alarm_when_everything_passed(html):
    assert 'role="alert"' not in html


@pytest.mark.parametrize(
    ("kinds", "missing", "verb"),
    [
        ([], SECTIONS, "sparseprune run"),
        (["run", "network"], SECTIONS[:7], "sparseprune evaluate"),
        ([k for k in KINDS if k != "latency"], ["speed", "frontier"], "sparseprune bench"),
        (["network", "evaluation"], [s for s in SECTIONS if s not in EVALUATED], "sparseprune run"),
        (["evaluation", "latency", "verdict"], SECTIONS, "sparseprune run"),
        (["network", "latency", "potential"], NOT_EVALUATED, "sparseprune evaluate"),
    ],
)
def test_missing_sections_say_so_and_how_to_make_them(rows, kinds, missing, verb):
    html = report.render([r for r in rows if r["kind"] in kinds])
    Page(html)
    for section in SECTIONS:
        part = html[html.index(f'<section id="{section}"') :]
        part = part[: part.index("</section>")]
        assert ("Not in this run yet" in part) == (section in missing), section
    assert verb in html


def test_unjudged_comparisons_are_pending_not_passed(rows):
    html = report.render([r for r in rows if r["kind"] != "verdict"])
    assert "… pending" in html
    assert "✓ pass" not in html


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "text", True, []])
def test_no_number_in_any_field_breaks_the_page(rows, value):
    """Identity stays; every other field of every row is spoiled."""
    kept = {"kind", "id", "role", "method", "distribution", "runner", "baseline"}
    spoiled = [{k: v if k in kept else value for k, v in row.items()} for row in rows]
    html = report.render(spoiled)
    Page(html)
    assert not re.search(r"\bnan\b|\binf\b", re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL))


@pytest.mark.parametrize(
    "name",
    [
        "_<script>alert(1)</script>\"'&$\\frac{1}{",
        "模型 🐍 \x00\x1b[31m\n</svg></title></desc><b>--><!--",
        "x" * 5000,
    ],
)
def test_hostile_names_are_shown_not_obeyed(rows, name):
    def spoil(value):
        if isinstance(value, dict):
            return {k: v if k in ("kind", "role") else spoil(v) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v) for v in value]
        return name + value if isinstance(value, str) else value

    kept = {"runner": 0, "role": 0}
    spoiled = [{**spoil(row), **{k: row[k] for k in kept if k in row}} for row in rows]
    html = report.render(spoiled)
    page = Page(html)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert "http" not in html.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("loaded", "reason"), [(False, "did not load"), (True, "estimated that no part would run")]
)
def test_a_run_that_our_provider_took_no_part_in_says_why_at_the_top(make_run, loaded, reason):
    rows = make_run()
    for row in rows:
        if row["kind"] == "network" and row["form"] == "sparse":
            row |= {"provider": "CPUExecutionProvider", "loaded": loaded}
    text = Page(report.render(rows)).words()
    assert text.count("sparse networks ran dense, because our provider") == 1
    assert f"ran dense, because our provider {reason}" in text
    assert "ran dense" not in Page(report.render(make_run())).words()

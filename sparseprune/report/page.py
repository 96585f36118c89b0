"""The page: one self-contained HTML file, rebuilt from a run's records alone."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from sparseprune.files import replacing
from sparseprune.records import Row, read_run
from sparseprune.report import answer, provenance, words
from sparseprune.report.facts import Facts
from sparseprune.report.glossary import TERMS
from sparseprune.report.hidden_loss import verdicts
from sparseprune.report.sections import sections


def build(run: Path) -> Path:
    """Write ``report.html`` into the run folder, whole or not at all, and return its path.

    Raises:
        InputError: ``run`` holds no records.
    """
    text = render(read_run(run))
    path = run / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def render(rows: Iterable[Row]) -> str:
    """The page as text. The same rows give the same bytes; missing kinds are said to be missing."""
    facts = Facts(list(rows))
    return template("page.html.j2").render(
        style=style(),
        name=words.text(facts.run.get("name")) or "unnamed run",
        paragraph=answer.paragraph(facts),
        cards=answer.cards(facts),
        failed=any(v.passed is False for v in verdicts(facts)),
        provenance=provenance.entries(facts),
        sections=sections(facts),
        terms=TERMS,
    )


def template(name: str) -> jinja2.Template:
    """A template of this room; what it shows is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def style() -> Markup:
    """The style sheet every page carries inside."""
    return Markup(_text("page.css"))


def _text(name: str) -> str:
    return (files("sparseprune.report") / name).read_text(encoding="utf-8")

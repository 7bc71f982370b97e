from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deidframe.measure.grouping import against_labels, summary
from deidframe.measure.quality import attribute_fit
from deidframe.measure.registry import METRICS, metric_of, reference

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_registry_says() -> None:
    page = ROOT / "docs" / "reference" / "metrics.md"
    assert page.read_text("utf-8") == reference(), "run: python -m deidframe.measure.registry > docs/reference/metrics.md"


def test_each_name_is_explained_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        shown = metric.name.replace("{r}", "5").replace("{q}", "p5").replace("{by}", "some-encoder")
        assert [m.name for m in METRICS if re.fullmatch(m.pattern, shown)] == [metric.name]
        assert metric.unit and metric.meaning


def test_what_is_measured_is_explained() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.standard_normal((12, 4)), np.arange(12) // 4
    fit = attribute_fit(rng.random(12), rng.random(12) * 90, labels, rng.random(3), rng.random(3) * 90)
    figures = {**summary(vectors, labels), **against_labels(labels, [str(n // 3) for n in range(12)]), **fit}
    assert not [name for name in figures if metric_of(name) is None]
    assert metric_of("no-such-figure") is None

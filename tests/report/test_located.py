"""Photos with box and points: which are shown, and that marks lie where the annotations say."""

import re

import numpy as np
import pytest

from whichwhale.annotations import table as annotations
from whichwhale.report.located import located, uncertainty
from whichwhale.report.pictures import Point, annotated
from whichwhale.report.sources import Sources


def test_the_least_certain_come_first(sources: Sources) -> None:
    """conftest: photo n has sd n, and all heads are 50 px from point to point; photo 1 can't be read, photo 12 has no head."""
    page = located(sources)
    captions = re.findall(r"<figcaption>(\S+) · sd ([\d.]+%) of", page)
    assert captions[:4] == [(f"w_{n}.jpg", f"{n / 50:.1%}") for n in (11, 10, 9, 8)]
    assert {photo for photo, _ in captions[4:]} <= {f"w_{n}.jpg" for n in (0, 2, 3, 4, 5, 6, 7)}
    assert "13 photos, 1 without a head found" in page
    assert "Bonnet tip yellow, blowhole blue" in page


def rows(**values: float) -> object:
    one = {"Image": "w.jpg", "x": 0.0, "y": 0.0, "width": 20.0, "height": 40.0} | values
    return annotations.build([one], ["tip", "base"])


def test_uncertainty_falls_back() -> None:
    both = {"tip_x": 0.0, "tip_y": 0.0, "tip_v": 2, "base_x": 3.0, "base_y": 4.0, "base_v": 2}
    assert uncertainty(rows(**both, base_sd=1.0))[0] == pytest.approx([1 / 5])
    assert uncertainty(rows(tip_x=1.0, tip_y=1.0, tip_v=2, tip_sd=4.0))[0] == pytest.approx([4 / 40])  # of the longer side
    assert uncertainty(rows(score=0.75))[0] == pytest.approx([0.25])
    doubt, kind, _ = uncertainty(rows())
    assert doubt == pytest.approx([0]) and "no uncertainty" in kind


def test_marks_lie_in_the_photos_pixels() -> None:
    picture = np.zeros((40, 100, 3), np.uint8)
    box, point = (10.0, 5.0, 30.0, 20.0), Point("tip", 33.5, 12.0, 2.5, True)
    svg = annotated(picture, (20.2, -4.0, 50.0, 30.0), box, [point], "a head", 400)
    # from pixel 20 to the edge of pixel 70, whose centre 70.2 lies in it; above the photo there is nothing
    assert 'viewBox="19.5 -0.5 51 27"' in svg and 'x="19.5" y="-0.5" width="51" height="27"' in svg
    assert svg.count('<rect x="10.00" y="5.00" width="30.00" height="20.00"') == 2
    assert svg.count('cx="33.50" cy="12.00" r="5.00"') == 2  # two sd
    assert 'stroke-dasharray="2 2"' in svg  # hidden

"""The whole page, from files to a file: valid HTML, nothing to fetch, nothing unescaped, the same bytes again."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from whichwhale.report import __main__ as door

VOID = {"meta", "img", "br", "link", "input", "hr"}
TITLES = [
    "How well does it know them?",
    "Where is the head?",
    "One whale's passports",
    "Learning curves",
    "Do its probabilities mean what they say?",
    "Worst mistakes",
    "Where it comes from",
]


class Page(HTMLParser):
    """Checks nesting, and collects tags, ids, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def html(built: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHICHWHALE_INPUT", str(built / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(built / "runs"))
        assert door.main([str(built / "ensemble.yaml"), "--out", str(built / "page.html")]) == 0
    return (built / "page.html").read_text(encoding="utf-8")


def test_each_section_is_there_and_whole(html: str) -> None:
    page = Page(html)
    for title in TITLES:
        assert title in page.text
    assert "Left out." not in page.text


def test_nothing_is_fetched(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object"}
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/jpeg;base64,")), (tag, attributes[name][:80])
    assert html.count("<style") == 1
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert not re.search(r"url\((?!#)", html)


def test_names_are_escaped(html: str) -> None:
    assert "whale_0<&>" not in html and "whale_0&lt;&amp;&gt;" in html
    assert "<script>" not in html and "&lt;script&gt;" in html  # a config's text


def test_ids_are_unique_and_links_lead_somewhere(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("href", "xlink:href", "aria-labelledby"):
            link = attributes.get(name, "")
            if name == "aria-labelledby" and link:
                assert link in ids
            elif link.startswith("#"):
                assert link[1:] in ids
    assert set(re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)


def test_pictures_and_charts_say_what_they_show(html: str) -> None:
    pictures = [(tag, attributes) for tag, attributes in Page(html).tags if tag in ("img", "svg")]
    assert len(pictures) > 30
    for tag, attributes in pictures:
        told = attributes["alt"] if tag == "img" else attributes["aria-label"]
        assert len(told) > 10, (tag, told)


def test_tables_have_captions_and_headings(html: str) -> None:
    tags = [tag for tag, _ in Page(html).tags]
    assert tags.count("table") == tags.count("caption") >= 5
    assert all(attributes["scope"] in ("col", "row") for tag, attributes in Page(html).tags if tag == "th")


def test_colours_are_the_pages_own(html: str) -> None:
    """Charts must follow light and dark mode: no stand-in colour is left, and none that matplotlib chose."""
    charts = re.findall(r'<svg viewBox[^>]*aria-label="(?:Learning|Reliability).*?</svg>', html, re.DOTALL)
    assert len(charts) == 4
    for chart in charts:
        assert set(re.findall(r"#[0-9a-fA-F]{6}\b", chart)) <= {"#000000"}  # clip paths are not painted
        assert "var(--ink)" in chart and "var(--s0)" in chart


def test_the_same_files_give_the_same_bytes(place: Path, html: str) -> None:
    assert door.main([str(place / "ensemble.yaml"), "--out", str(place / "again.html")]) == 0
    assert (place / "again.html").read_text(encoding="utf-8") == html
    assert not list(place.glob(".*.part"))


def test_default_place_truth_and_whale(place: Path, capsys: pytest.CaptureFixture) -> None:
    truth = place / "truth.csv"
    truth.write_text("Image,whaleID\nx_0.jpg,whale_2<&>\nx_1.jpg,nobody\n")  # write_fit: x_0 is row 92, whale 2
    assert door.main([str(place / "ensemble.yaml"), "--truth", str(truth), "--whale", "whale_3<&>"]) == 0
    text = Page((place / "runs" / "sea" / "report.html").read_text(encoding="utf-8")).text
    assert "Scores on test photos" in text
    assert "1 test photos of whales without a column are not scored" in text
    assert "whale_3<&>, in its 18 labelled photos" in text
    assert "report.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memebers=[soft]"], "did you mean 'members'"),
        (["--whale", "moby"], "--whale moby: no such whale in train.csv"),
        (["--truth", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_refusals(place: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    out = place / "refused.html"
    assert door.main([str(place / "ensemble.yaml"), "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_without_any_file_each_section_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    (tmp_path / "ensemble.yaml").write_text("dataset: sea\nmembers: [soft]\n")
    assert door.main([str(tmp_path / "ensemble.yaml")]) == 0
    text = Page((tmp_path / "runs" / "sea" / "report.html").read_text(encoding="utf-8")).text
    assert text.count("Left out.") == len(TITLES)
    assert "input/sea/train.csv" in text and "train.py makes them" in text
    assert str(tmp_path) not in text


def test_unfinished_fits_and_a_missing_blend_are_told(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(built / "runs", tmp_path / "runs")
    monkeypatch.setenv("WHICHWHALE_INPUT", str(built / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    sea = tmp_path / "runs" / "sea"
    shutil.rmtree(sea / "ensemble")
    for gone in ("soft/foldall", "arc/fold2"):
        (sea / gone / "predictions.npz").unlink()
        (sea / gone / "status.json").write_text('{"state": "running"}')
    (sea / "arc" / "fold2" / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.5, "lr": 0.001}\n{"epoch": 2, "lo')
    assert door.main([str(built / "ensemble.yaml"), "--out", str(tmp_path / "page.html")]) == 0
    text = Page((tmp_path / "page.html").read_text(encoding="utf-8")).text
    for told in (
        "There is no blend yet (runs/sea/ensemble/blend.json is missing; ensemble.py writes it).",
        "arc has no complete predictions yet: runs/sea/arc/fold2/predictions.npz: missing; fit or finish fold2 of arc.",
        "arc, fold 2: not finished; 1 of 4 epochs are done.",
        "soft, all photos: not finished; 4 of 4 epochs are done.",
        "After, cross-fitted: There is no blend yet",
    ):
        assert told in text, told
    assert text.count("Left out.") == 0  # the first member's rows serve the other sections

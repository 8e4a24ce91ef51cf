"""Pages and tables as HTML: what is in them, how they sort and filter, and that they fit into narrow windows."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import made_up_run
import pandas as pd
import pytest
from conftest import CHROMIUM

from pinch.report import captions, columns, contents, html, pages
from pinch.report.plots import draw
from pinch.tables import gathering, output_types


def cells(text, tag):
    return re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", text)


def test_a_table_has_its_columns_intervals_and_headings_in_every_cell():
    content = pd.DataFrame(
        {"file": ["a_b.onnx", "<c>"], "kept": [0.955, None], "kept_low": [0.93, None], "kept_high": [0.97, None]}
    )
    shown = html.table(content, [columns.text("file"), columns.estimate("kept", "kept (%)", 1, 100)])
    assert cells(shown, "th") == ["file", "kept (%)"]
    assert cells(shown, "td") == ["a_<wbr>b.onnx", "95.5 <small>(93.0 to 97.0)</small>", "&lt;c&gt;", ""]
    assert re.findall(r'data-label="([^"]*)"', shown) == ["file", "kept (%)"] * 2
    assert re.findall(r'data-sort="([^"]*)"', shown) == ["0.955", ""]


def test_columns_without_any_value_are_left_out():
    content = pd.DataFrame({"file": ["a"], "energy": [None]})
    shown = html.table(content, [columns.text("file"), columns.number("energy", "mJ", 1), columns.text("not there")])
    assert cells(shown, "th") == ["file"]


def test_rows_with_sentences_become_cards_and_sentences_share_a_cell():
    content = pd.DataFrame({"file": ["a"], "why": ["It is fast."], "price": ["Without the limit: b."]})
    shown = html.table(content, [columns.text("file"), columns.sentences("why", "why", "price")])
    assert 'class="table cards"' in shown
    assert cells(shown, "td") == ["a", "<p>It is fast.</p><p>Without the limit: b.</p>"]
    assert "cards" not in html.table(content, [columns.text("file")])


def test_a_page_links_to_its_neighbours_and_not_to_itself():
    page = html.page("<me>", "<p>body</p>", [("<me>", None), ("other", "other.html")])
    assert "<title>&lt;me&gt;</title>" in page
    assert '<nav><b>&lt;me&gt;</b> <a href="other.html">other</a></nav>' in page
    assert "<nav>" not in html.page("me", "")


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("order([3, null, 1, 2], false)", [2, 3, 0, 1]),
        ("order([3, null, 1, 2], true)", [0, 3, 2, 1]),
        ("order([0.1, -2, 10], false)", [1, 0, 2]),
        ('order(["coarse 50%", "coarse 5%", "base"], false)', [2, 1, 0]),
        ("order([1, 1, 1], true)", [0, 1, 2]),
        ('matches("demo int8 TFLite", "tflite  INT8")', True),
        ('matches("demo int8 onnx", "tflite int8")', False),
        ('matches("anything", "")', True),
        (r"""matches("cpu, 2 threads 1.5 ms", '"1 thread')""", True),
        (r"""matches("cpu, 2 threads 1.5 ms", '"1 thread"')""", False),
        (r"""matches("cpu, 1 thread 2.5 ms", '2.5 "1 thread"')""", True),
    ],
)
def test_the_script_sorts_and_filters(call, wanted):
    line = f"const {{ order, matches }} = require({json.dumps(str(html.SCRIPT))}); console.log(JSON.stringify({call}))"
    done = subprocess.run(["node", "-e", line], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == wanted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = made_up_run.make(tmp_path_factory.mktemp("run") / "demo", coarse=(30, 50), fine=(50,))
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    draw.draw(folder)
    captions.render(folder)
    pages.render(folder)
    return folder


def test_tables_and_pictures_stand_in_boxes_that_scroll(run):
    style = html.STYLE.read_text()
    assert re.search(r"\.picture, \.table \{[^}]*overflow-x: auto; max-width: 100%", style)
    assert re.search(r":not\(\.table\) > table \{[^}]*overflow-x: auto; max-width: 100%", style), "those of captions"
    for path in contents.PAGES:
        page = (run / path).read_text().replace(html.SCRIPT.read_text(), "")
        items = [item.path for item in contents.ITEMS if item.section == Path(path).stem and not item.optional]
        tables, pictures = (len([item for item in items if item.endswith(end)]) for end in (".html", ".png"))
        assert len(re.findall(r'<div class="table[^"]*"><table>', page)) == tables, path
        assert page.count("<img") == len(re.findall(r'<div class="picture"><img', page)) == pictures, path


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [390, 1024, 1280])
def test_no_page_scrolls_sideways_in_a_browser(run, tmp_path, width):
    """Each page in a frame of this width; tables fit their boxes beside the menu of a report of 1,280 pixels, too."""
    paths = [*contents.PAGES, contents.INDEX, *contents.HTML_TABLES]
    frames = "".join(f'<iframe width="{width}" height="800" src="{run / path}"></iframe>' for path in paths)
    (tmp_path / "frames.html").write_text(_FRAMES.format(frames=frames))
    line = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    line += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}"]
    line += ["--virtual-time-budget=10000", "--dump-dom", str(tmp_path / "frames.html")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(re.search(r"<pre>(.*)</pre>", done.stdout).group(1))
    assert len(found) == len(paths)
    for path, (own, wide, boxes) in zip(paths, found, strict=True):
        assert own == width, path
        assert wide <= own, path
        if width >= 1024:
            assert all(inside <= box for box, inside in boxes), (path, boxes)


_FRAMES = """<!doctype html><body>{frames}<pre></pre><script>
onload = () => {{
  const sizes = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument;
    const boxes = [...page.querySelectorAll(".table")].map((box) => [box.clientWidth, box.scrollWidth]);
    return [frame.contentWindow.innerWidth, page.documentElement.scrollWidth, boxes];
  }});
  document.querySelector("pre").textContent = JSON.stringify(sizes);
}};
</script></body>
"""

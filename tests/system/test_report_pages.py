"""The report as people meet it: on a screen, on paper, in a spreadsheet. A report with everything that one can say,
hostile names among it, is written by the unit tests' sample and opened as a file, with no server behind it."""
import base64
import datetime
import os
import re
import struct
import subprocess
import zlib

import openpyxl
import pytest
from conftest import DEV, look, violations
from selenium.webdriver.common.by import By

REPORTS = ["week", "so-far", "mail"]


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    made = subprocess.run([DEV / "tests" / "unit-reporter", "-sf=*/render_test.cpp"], capture_output=True, text=True,
                          timeout=300, env=dict(os.environ, SLIMTAX_WRITE_SAMPLES=str(folder)))
    assert made.returncode == 0, made.stdout
    return folder


def show(driver, folder, name, width=1280, dark=False, media=""):
    look(driver, width, dark)
    if media:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media=media))
    driver.get((folder / f"{name}.html").as_uri())


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_on_a_report(samples, axe, chromium, name, dark, width):
    show(chromium, samples, name, width, dark)
    assert violations(chromium, axe) == []


def test_axe_finds_nothing_on_the_printed_report(samples, axe, chromium):
    show(chromium, samples, "week", 688, media="print")
    assert violations(chromium, axe) == []


# Every piece of text on the page with the boxes that it takes, and what is wrong with them.
LAYOUT = r"""
const bad = [];
const boxes = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const width = document.documentElement.clientWidth;
while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || e.closest('.hidden, style, title, defs')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const cell = e.closest('td, th');
    const inside = cell && cell.getBoundingClientRect();
    for (const box of range.getClientRects()) {
        if (box.width < 1 || box.height < 1) continue;
        const said = node.data.trim().slice(0, 40);
        if (box.left < -1 || box.right > width + 1) bad.push('cut: ' + said);
        if (inside && (box.left < inside.left - 1 || box.right > inside.right + 1)) bad.push('beyond its cell: ' + said);
        // Lines may touch: what counts is the middle of the letters.
        boxes.push({node, said, left: box.left, right: box.right, top: box.top + box.height * .25,
                    bottom: box.bottom - box.height * .25});
    }
}
boxes.sort((a, b) => a.top - b.top);
for (let i = 0; i < boxes.length; ++i) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; ++j) {
        const [a, b] = [boxes[i], boxes[j]];
        if (a.node !== b.node && a.left < b.right - 1.5 && b.left < a.right - 1.5) {
            bad.push('overlap: ' + a.said + ' | ' + b.said);
        }
    }
}
const wide = document.documentElement.scrollWidth;
if (wide > width + 1) bad.push('the page is ' + wide + ' wide');
return {seen: boxes.length, bad};
"""


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_cut_and_no_text_lies_on_another(samples, chromium, name, width):
    show(chromium, samples, name, width)
    found = chromium.execute_script(LAYOUT)
    assert found["seen"] > 100
    assert not found["bad"], "\n".join(found["bad"])


def test_the_longest_result_stays_in_its_column(samples, chromium):
    for width, media in ((390, ""), (768, ""), (1280, ""), (688, "print")):
        show(chromium, samples, "week", width, media=media)
        chromium.execute_script("document.querySelectorAll('.glance .pill').forEach(p => p.textContent = 'probably missed')")
        assert chromium.execute_script(LAYOUT)["bad"] == []


def test_a_length_is_not_torn_between_two_lines(samples, chromium):
    for width in (390, 768, 1280):
        show(chromium, samples, "week", width)
        lines = chromium.execute_script(
            "return [...document.querySelectorAll('.outage-list .whole')].map(e => e.getClientRects().length)")
        assert len(lines) > 10 and set(lines) == {1}


def test_work_done_is_drawn_against_what_was_promised(samples, chromium):
    show(chromium, samples, "week")
    part = chromium.find_element(By.XPATH, "//h4[.='Work done']/..")
    label = part.find_element(By.CSS_SELECTOR, "[role=img]").get_attribute("aria-label")
    assert re.fullmatch(r"Work done hour by hour, in units an hour: less than promised in \d+ of 166 hours", label)
    words = part.find_element(By.CSS_SELECTOR, ".limit-words").get_attribute("textContent")
    assert words == "6,360 promised"
    assert " ms" not in part.get_attribute("textContent")


def test_nothing_is_cut_on_a4(samples, chromium):
    show(chromium, samples, "week", 688, media="print")  # A4 less the margins, at 96 dpi
    assert chromium.execute_script(LAYOUT)["bad"] == []


def compact(text):
    return re.sub(r"\s+", "", text)


def printed(driver, folder):
    """The pages' texts, as the browser prints them without backgrounds."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="", features=[]))
    paper = driver.execute_cdp_cmd("Page.printToPDF", dict(preferCSSPageSize=True, printBackground=False))
    file = folder / "printed.pdf"
    file.write_bytes(base64.b64decode(paper["data"]))
    size = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size:\s+59\d(\.\d+)? x 84\d(\.\d+)? pts \(A4\)", size), size
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    return text.split("\f")[:-1]


def test_paper_loses_no_word_and_no_heading_stands_alone(samples, chromium, tmp_path):
    show(chromium, samples, "week")
    # What the eye sees of the page; text that runs from right to left comes out of a PDF in another order.
    texts = chromium.execute_script("""
        const out = [], walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const e = walker.currentNode.parentElement;
            if (walker.currentNode.data.trim() && !e.closest('.hidden, defs')) out.push(walker.currentNode.data);
        }
        return out""")
    headings = {compact(h.get_attribute("textContent")) for h in
                chromium.find_elements(By.CSS_SELECTOR, "h2, h3, h4, thead")}
    pages = printed(chromium, tmp_path)
    assert 5 < len(pages) < 30
    words = set(re.findall(r"[A-Za-z0-9:.%]+", " ".join(pages)))
    whole = compact("".join(pages))
    for text in texts:
        for word in re.findall(r"[A-Za-z]{3,}", text):
            assert word in words or word in whole, f"{word!r} of {text!r} is not on paper"
    for number, page in enumerate(pages, 1):
        last = compact(page.strip().splitlines()[-1])
        assert last not in headings, f"page {number} ends with the heading {last}"


def test_who_pins_up_the_first_sheet_pins_up_every_promise(samples, chromium, tmp_path):
    show(chromium, samples, "week")
    chromium.execute_script("""
        for (const row of document.querySelectorAll('.glance tr')) if (row.textContent.includes('<script>')) row.remove()""")
    rows = chromium.execute_script("return [...document.querySelectorAll('.glance tr.first a')].map(e => e.textContent)")
    assert len(rows) == 6
    first = compact(printed(chromium, tmp_path)[0])
    for title in rows:
        for word in title.split():
            assert word in first, title


def pixels(png):
    """The grey values of a PNG that Chromium made (8 bits a channel)."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    data, at = b"", 8
    while at < len(png):
        length, = struct.unpack(">I", png[at:at + 4])
        if png[at + 4:at + 8] == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += length + 12
    raw, stride, rows = zlib.decompress(data), width * channels, []
    before = bytearray(stride)
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        filtered = raw[y * (stride + 1)]
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            up, corner = before[i], before[i - channels] if i >= channels else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(guess - v))
            line[i] = line[i] + (0, left, up, (left + up) // 2, paeth)[filtered] & 255
        rows.append([sum(line[x * channels:x * channels + 3]) / 3 for x in range(width)])
        before = line
    return rows


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_six_kinds_of_time_are_told_apart_without_colour(samples, chromium, dark):
    show(chromium, samples, "week", dark=dark)
    chromium.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", dict(type="achromatopsia"))
    try:
        looks = []
        for swatch in chromium.find_elements(By.CSS_SELECTOR, ".sums")[0].find_elements(By.CSS_SELECTOR, ".swatch"):
            box = chromium.execute_script(
                "const b = arguments[0].getBoundingClientRect(); return [b.x + scrollX, b.y + scrollY]", swatch)
            shot = chromium.execute_cdp_cmd("Page.captureScreenshot", dict(
                format="png", captureBeyondViewport=True,
                clip=dict(x=round(box[0]), y=round(box[1]), width=12, height=12, scale=2)))
            looks.append(pixels(base64.b64decode(shot["data"])))
    finally:
        chromium.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", dict(type="none"))
    assert len(looks) == 6
    for i in range(6):
        for j in range(i):
            apart = sum(abs(a - b) for one, other in zip(looks[i], looks[j]) for a, b in zip(one, other))
            assert apart / sum(map(len, looks[i])) > 12, f"kinds {j} and {i} look alike in grey"


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_asks_nobody_for_anything(samples, chromium, name):
    text = (samples / f"{name}.html").read_text()
    assert "<script" not in text and "url(http" not in text and "@import" not in text
    show(chromium, samples, name)
    loaded = chromium.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [one for one in loaded if not one.startswith("file://")] == []


def test_a_report_leads_from_the_summary_to_each_service_and_on_to_its_definition(samples, chromium):
    show(chromium, samples, "week")
    for address in chromium.execute_script(
            "return [...document.querySelectorAll('.glance a')].map(a => a.getAttribute('href'))"):
        assert len(chromium.find_elements(By.CSS_SELECTOR, f'[id="{address[1:]}"]')) == 1
    links = chromium.execute_script(
        "return [...document.querySelectorAll('.definitions a')].map(a => a.getAttribute('href'))")
    assert "https://intranet.campus.example/services/campus-im" in links
    assert not any(link.startswith("javascript") for link in links)


def test_the_spreadsheet_has_typed_cells_and_no_formula(samples):
    book = openpyxl.load_workbook(samples / "week.xlsx")
    assert book.sheetnames == ["Objectives", "Outages", "Hours", "Method"]
    rows = {}
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet.column_dimensions["A"].width > 20
        titles = [cell.value for cell in sheet[1]]
        assert all(titles)
        rows[sheet.title] = [dict(zip(titles, (cell.value for cell in row))) for row in sheet.iter_rows(min_row=2)]
        kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
        assert "f" not in kinds, "a formula"
    sign_in = rows["Objectives"][0]
    assert (sign_in["Promise"], sign_in["Level"], sign_in["Result"]) == ("Sign-in", "A2", "missed")
    assert (sign_in["Spent"], sign_in["Allowed"], sign_in["Outages"], sign_in["Not counted"]) == (87, 50, 2, 1)
    assert sign_in["From"] == datetime.datetime(2026, 11, 16)  # midnight where the service is
    for row in rows["Objectives"]:
        kinds = [row[f"{kind}, min"] for kind in ("Up", "Slow", "Down", "Planned work", "Not measured", "Closed")]
        assert sum(kinds) == pytest.approx(row["Period, min"])
    assert len(rows["Outages"]) == 5
    assert rows["Outages"][0]["From"] == datetime.datetime(2026, 11, 17, 10, 2)
    assert rows["Outages"][2]["Counts"] == "not counted: planned work"
    assert len(rows["Hours"]) == 9 * 168
    down = sum(row["Down, min"] for row in rows["Hours"] if row["Promise"] == "Sign-in")
    assert down == pytest.approx(87)
    hostile = next(row for row in rows["Objectives"] if "<script>" in row["Service"])
    assert "\u202e" not in hostile["Service"]

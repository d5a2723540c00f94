"""The tables of an evaluation: aligned columns, and marks that don't depend on colours."""

from rich.cells import cell_len

from fashion_tui.report.evaluation import class_lines, confusion_lines, largest_confusions
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.schema.evaluation import ClassReport

NAMES = ("T-shirt/top", "Shirt", "Bag")
CONFUSION = ((905, 95, 0), (197, 791, 12), (0, 0, 1000))


def test_a_confusion_matrix_marks_correct_counts_and_large_confusions() -> None:
    lines = confusion_lines(NAMES, CONFUSION, UNICODE)
    assert [line.plain.rstrip() for line in lines] == [
        "             T-s  Shi  Bag",
        "T-shirt/top  905  [95]   ·",
        "Shirt       [197] 791   12",
        "Bag            ·    · 1000",
    ]
    bold = [
        line.plain[span.start : span.end].strip() for line in lines for span in line.spans if "bold" in str(span.style)
    ]
    assert bold == ["905", "[95]", "[197]", "791", "1000"]
    assert len({line.cell_len for line in lines}) == 1


def test_a_narrow_table_shortens_names_but_not_numbers() -> None:
    lines = [line.plain.rstrip() for line in confusion_lines(NAMES, CONFUSION, UNICODE, 22)]
    assert lines[1:3] == ["T-shir  905  [95]   ·", "Shirt  [197] 791   12"]


def test_the_largest_confusions_come_first() -> None:
    lines = [line.plain for line in largest_confusions(NAMES, CONFUSION, 2, UNICODE)]
    assert lines == [
        "Shirt → T-shirt/top   197    20 % of its class",
        "T-shirt/top → Shirt    95    10 % of its class",
    ]
    assert largest_confusions(NAMES, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), 5, UNICODE) == []


def test_the_tables_in_ascii() -> None:
    lines = [
        line.plain
        for line in (*confusion_lines(NAMES, CONFUSION, ASCII), *largest_confusions(NAMES, CONFUSION, 5, ASCII))
    ]
    assert all(line.isascii() for line in lines)
    assert "[197]" in lines[2]
    assert "Shirt > T-shirt/top" in lines[4]


REPORTS = (
    ClassReport(name="T-shirt/top", precision=0.785, recall=0.905, f1=0.841, support=1000),
    ClassReport(name="Bag", precision=1.0, recall=1.0, f1=1.0, support=1000),
    ClassReport(name="Coat", precision=0.0, recall=0.0, f1=0.0, support=0),
)


def test_a_class_has_its_metrics_and_a_bar_for_f1() -> None:
    lines = [line.plain.rstrip() for line in class_lines(REPORTS, 62, ASCII)]
    assert lines == [
        "class         prec recall     F1                        images",
        "T-shirt/top   78.5   90.5   84.1  =================      1,000",
        "Bag          100.0  100.0  100.0  ====================   1,000",
        "Coat           0.0    0.0    0.0                             0",
    ]


def test_a_narrow_table_drops_the_number_of_images_first() -> None:
    wide, narrow = class_lines(REPORTS, 78, UNICODE), class_lines(REPORTS, 44, UNICODE)
    assert "images" in wide[0].plain
    assert "images" not in narrow[0].plain
    assert all("84.1" in lines[1].plain and "━" in lines[1].plain for lines in (wide, narrow))
    assert all(cell_len(line.plain) <= 44 for line in narrow)


def test_the_number_of_images_of_a_class_fits_its_column() -> None:
    lines = confusion_lines(NAMES, ((0, 1000, 0), (0, 0, 1000), (999, 0, 1)), UNICODE)
    assert len({line.cell_len for line in lines}) == 1

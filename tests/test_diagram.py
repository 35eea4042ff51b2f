"""The living diagram: its numbers are the outcome's, its words fit, both renderers agree, switches do what they say."""

import functools
import itertools
import math
import random
import re
import statistics
import time
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon
from matplotlib.text import Text

import flashsale_lib as fs
from flashsale_lib.classroom import player as players
from flashsale_lib.classroom.controls import PRESETS
from flashsale_lib.classroom.player import Player
from flashsale_lib.model.outcome import PLACES
from flashsale_lib.pictures import diagram as diagrams
from flashsale_lib.pictures.diagram import SWITCHES, Diagram, can_switch, clock, rate, short, still, switched, thickness
from flashsale_lib.pictures.moments import NOTHING, Moments
from flashsale_lib.pictures.shapes import Arrow, Box, Hatch, Line, Words, draw, meter, to_svg
from flashsale_lib.pictures.words import count, seconds

INF = math.inf
SVG = "{http://www.w3.org/2000/svg}"
BROWNOUT = fs.PaymentGateway().brownout(90, 150, 0.2)
CASES: dict[str, dict[str, Any]] = {
    **{name: {"design": design} for name, design in PRESETS.items()},
    **{f"without {part}": {"design": switched(fs.Design(), {part})} for part in SWITCHES},
    "without anything": {"design": switched(fs.Design(), SWITCHES)},
    "no workers": {"design": fs.Design(workers=0)},
    "closed door": {"design": fs.Design(admit_rate=0, admit_burst=0)},
    "a million workers": {"design": fs.Design.unlimited(workers=1e6)},
    "no demand": {"demand": fs.Demand([0, 600], [0, 0])},
    "a huge crowd": {"demand": fs.Demand([0, 600], [0, 1e9]), "design": fs.Design.unlimited(workers=150)},
    "brownout": {"gateway": BROWNOUT},
    "dead gateway": {"gateway": fs.PaymentGateway().brownout(100, 400, 0)},
    "a gateway without a best": {"gateway": fs.PaymentGateway(coherency=0, contention=0, call_limit=INF)},
    "charged late": {"design": fs.Design(skip_stale=False, queue_limit=INF)},
    "breaker": {"design": fs.Design(workers=800, breaker_threshold=0.5)},
    "adaptive": {"design": fs.Design(workers=800, aimd_target=2.5)},
    "adaptive without workers": {"design": fs.Design.unlimited(aimd_target=2.5)},
    "autoscaling": {"design": fs.Design(warm_workers=0, scale_at=100)},
    "paced": {"design": fs.Design.unlimited(dispatch_rate=80)},
    "stock": {"design": fs.Design(stock=3000)},
    "promise": {"design": fs.Design(max_wait=60, queue_limit=INF)},
    "slow door": {"design": fs.Design(door_servers=1)},
    "late start": {"demand": fs.Demand([100, 400], [50, 300])},
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, fs.Outcome]:
    return {name: fs.simulate(**{"design": fs.Design(), **case}) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def drawn(outcomes: dict[str, fs.Outcome]) -> dict[str, Diagram]:
    return {name: Diagram(outcome) for name, outcome in outcomes.items()}


def every(outcome: fs.Outcome, step: float = 30.0) -> list[float]:
    """Every `step` seconds of a window, and its end."""
    return [*np.arange(outcome.time[0], outcome.time[-1], step).tolist(), float(outcome.time[-1])]


# --- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_moment_is_what_the_series_say(name: str, outcomes: dict[str, fs.Outcome]) -> None:
    o, moments = outcomes[name], Moments(outcomes[name])
    for t in every(o, 37.0):
        k = int(np.argmin(np.abs(o.time - t)))
        m = moments.at(t)
        rates = {
            "arrivals": m.arrivals, "admitted": m.admitted, "dispatched": m.dispatched, "goodput": m.paying,
            "giving_up": m.giving_up, "dead_lettering": m.failing, "queue": m.places["queued"],
            "in_flight": m.in_flight, "waited_for": m.places["at_gateway"], "retry_queue": m.places["recovering"],
            "reload_pool": m.places["reloading"], "response_time": m.response_time, "accept_latency": m.accept_latency,
        }  # fmt: skip
        for series, value in rates.items():
            assert value == o.series(series)[k], (series, t)
        assert m.offered == pytest.approx(o.offered[k]) and m.refused == pytest.approx(
            o.offered[k] - o.admitted[k], abs=1e-5
        )
        assert m.wait == o.wait[k] or t + o.wait[k] > o.time[-1] - 1.5 * o.dt


@pytest.mark.parametrize("name", CASES)
def test_at_every_moment_everyone_who_came_is_somewhere(name: str, outcomes: dict[str, fs.Outcome]) -> None:
    o, moments = outcomes[name], Moments(outcomes[name])
    for t in every(o):
        m = moments.at(t)
        assert sum(m.places.values()) == pytest.approx(m.arrived, rel=1e-9, abs=1e-9)
    assert m.places == pytest.approx({place: getattr(o, place) for place in PLACES})


def test_recovery_is_a_balance(outcomes: dict[str, fs.Outcome]) -> None:
    """What goes into recovery and what leaves it differ by what it grows."""
    o = outcomes["naive"]
    moments = Moments(o)
    grown = [moments.at(t).retrying - moments.at(t).recovered for t in o.time]
    np.testing.assert_allclose(np.cumsum(grown) * o.dt, o.retry_queue, atol=1e-6)


def test_calls_that_nobody_waits_for(outcomes: dict[str, fs.Outcome]) -> None:
    """Abandoned calls are the calls in flight minus those waited for; a call being refused is not in flight."""
    calm, rush = Moments(outcomes["protected"]), Moments(outcomes["naive"])
    assert calm.at(30).abandoned < 0.01
    for t in (70, 150, 200, 300):
        m = rush.at(t)
        k = round(t / 0.25)
        refusing = outcomes["naive"].refused[k] * 0.2  # Little's law, in a steady stretch
        assert m.abandoned == pytest.approx(m.in_flight - m.places["at_gateway"] + refusing, rel=0.03)


STATES = [
    # case, t, what, state
    ("protected", 30, "door", ("open", "")), ("protected", 100, "door", ("partly open", "queue full")),
    ("naive", 100, "door", ("off", "")), ("tight door", 100, "door", ("partly open", "rate limit")),
    ("closed door", 100, "door", ("closed", "rate limit")), ("promise", 120, "door", ("partly open", "promise")),
    ("without queue", 100, "door", ("partly open", "no free worker")), ("stock", 300, "door", ("closed", "sold out")),
    ("no demand", 100, "door", ("open", "")), ("no workers", 100, "door", ("partly open", "queue full")),
    ("protected", 30, "queue", "empty"), ("protected", 70, "queue", "growing"), ("protected", 100, "queue", "full"),
    ("protected", 200, "queue", "shrinking"), ("without queue", 100, "queue", "off"),
    ("protected", 0, "crew", "idle"), ("protected", 30, "crew", "some busy"), ("protected", 100, "crew", "all busy"),
    ("no workers", 100, "crew", "none up"), ("breaker", 90, "crew", "breaker open"),
    ("breaker", 100, "crew", "breaker trying"), ("adaptive", 200, "crew", "own limit"),
    ("adaptive without workers", 200, "crew", "own limit"), ("paced", 100, "crew", "rate limit"),
    ("autoscaling", 90, "crew", "none up"), ("autoscaling", 170, "crew", "all busy"),
    ("without worker limit", 100, "crew", "off"),
    ("protected", 0, "gateway", "idle"), ("protected", 30, "gateway", "has room"),
    ("protected", 100, "gateway", "near its best"), ("naive", 62, "gateway", "past its best"),
    ("naive", 100, "gateway", "refusing"), ("brownout", 120, "gateway", "brownout"),
    ("dead gateway", 104, "gateway", "brownout"), ("a gateway without a best", 100, "gateway", "has room"),
    ("protected", 0, "recovery", "empty"), ("naive", 100, "recovery", "waiting"),
    ("without recovery", 100, "recovery", "off"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "t", "what", "state"), STATES)
def test_the_state_of_each_part(case: str, t: float, what: str, state: Any, drawn: dict[str, Diagram]) -> None:
    m = drawn[case].at(t)
    assert ((m.door, m.door_reason) if what == "door" else getattr(m, what)) == state


def test_a_queue_that_does_not_change_is_steady() -> None:
    outcome = fs.simulate(
        fs.Design.unlimited(workers=10, skip_stale=False), demand=fs.Demand([0, 10, 11, 600], [50, 50, 12.3, 12.3])
    )
    moments = Moments(outcome)
    assert "steady" in {moments.at(t).queue for t in every(outcome, 5.0)}


def test_workers_without_limit(drawn: dict[str, Diagram]) -> None:
    assert drawn["without worker limit"].at(100).workers == INF
    assert drawn["adaptive without workers"].at(200).workers < 1000
    assert drawn["no workers"].at(100).workers == 0
    assert drawn["autoscaling"].at(90).workers == 0 and drawn["autoscaling"].at(880).workers == 150
    # None at first, then as many as one likes, at once: the series show 0 for both.
    sudden = Diagram(fs.simulate(fs.Design.unlimited(warm_workers=0, scale_at=100, scale_delay=0, scale_rate=INF)))
    assert sudden.at(90).workers == 0 and sudden.at(200).workers == INF


@pytest.mark.parametrize("t", [-1, 900.1, math.nan, INF, np.array([1.0, 2.0]), "noon", None])
def test_a_moment_outside_the_window_is_refused(t: Any, drawn: dict[str, Diagram]) -> None:
    for show in (drawn["naive"].at, drawn["naive"].svg, drawn["naive"].text, drawn["naive"].shapes):
        with pytest.raises(fs.ParameterError, match=r"must be one number from 0 to 900"):
            show(t)


def test_what_has_no_diagram_says_so() -> None:
    with pytest.raises(fs.ParameterError, match="holds 2 scenarios"):
        Diagram(fs.simulate(fs.Design(workers=[80, 160])))
    with pytest.raises(fs.ParameterError, match="was not recorded"):
        Diagram(fs.simulate(record=False))


# --- the words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_words_have_the_numbers(name: str, drawn: dict[str, Diagram]) -> None:
    diagram = drawn[name]
    for t in every(diagram.outcome):
        m, text = diagram.at(t), diagram.text(t)
        assert text.startswith(f"at {clock(t)}: {rate(m.arrivals)} arrive")
        assert f" lets in {rate(m.admitted)}" in text
        assert (f"turns away {rate(m.refused)}" in text) == (m.refused >= NOTHING)
        assert f"{count(m.in_flight)} calls in flight" in text and f"{seconds(m.response_time)} per call" in text
        assert f"So far {count(m.arrived)} arrived: {count(m.places['paid'])} paid" in text
        if m.places["queued"] >= 0.5 and m.queue != "off":
            assert f"{count(m.places['queued'])} wait in the queue ({m.queue})" in text
        for place, words in diagrams.ENDS.items():
            assert (f"{count(m.places[place])} {words}" in text) or m.places[place] < 0.5
        # The same numbers stand in the picture.
        shown = [shape.text for shape in diagram.shapes(t) if isinstance(shape, Words)]
        for number in (m.in_flight, m.places["paid"], m.places["declined"], m.places["dead_lettered"], m.arrived):
            assert short(number) in shown
        assert not re.search(r"\b(nan|inf|None)\b", text + " ".join(shown))


def test_the_example_of_the_rush(drawn: dict[str, Diagram]) -> None:
    assert drawn["protected"].text(100) == (
        "at 1 min 40 s: 283/s arrive and 43/s reload; the front door is partly open (queue full) and lets in 126/s, "
        "turns away 200/s; 12,000 wait in the queue (full), 1 min 54 s for who joins now, 40/s give up; all 150 workers "
        "busy; the gateway has 150 calls in flight (its best is 160), 1.7 s per call: near its best; 2 in the recovery "
        "queue. So far 18,447 arrived: 3,389 paid, 295 card declined, 711 turned away, 1,033 gave up, "
        "868 about to reload, 12,152 still inside."
    )
    assert "not before the end for who joins now" in drawn["no workers"].text(300)
    assert "a brownout, at 20 %" not in drawn["brownout"].text(30)
    assert "20 s per call: brownout, at 20 %" in drawn["brownout"].text(120)


# --- the picture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_svg_is_well_formed_and_accessible(name: str, drawn: dict[str, Diagram]) -> None:
    diagram = drawn[name]
    for t in every(diagram.outcome):
        text = diagram.svg(t)
        root = ET.fromstring(text)
        assert root.get("role") == "img" and root.get("viewBox") == "0 0 1100 314"
        title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert title is not None and description is not None
        assert title.text == f"The checkout at {clock(t)}" and description.text == diagram.text(t)
        assert (root.get("aria-labelledby"), root.get("aria-describedby")) == (title.get("id"), description.get("id"))
        for element in root.iter():
            for key, value in element.attrib.items():
                if key not in ("aria-labelledby", "aria-describedby", "id"):
                    assert not re.search(r"nan|inf", value.lower()), (key, value)


def test_two_diagrams_share_no_id(outcomes: dict[str, fs.Outcome]) -> None:
    texts = [Diagram(outcomes["naive"]).svg(100) for _ in range(2)]
    ids = [re.findall(r' id="([^"]+)"', text) for text in texts]
    assert all(len(found) == 2 for found in ids) and not set(ids[0]) & set(ids[1])


RULER: Any = FigureCanvasAgg(Figure(dpi=72)).get_renderer()


@functools.cache
def text_width(text: str, size: float, bold: bool) -> float:
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(RULER.get_text_width_height_descent(text, font, False)[0])


def extent(words: Words) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a text, as DejaVu Sans sets it."""
    width = text_width(words.text, words.size, words.bold)
    left = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * width
    return left, words.y - 0.75 * words.size, left + width, words.y + 0.1 * words.size


def moments_to_look_at(diagram: Diagram) -> list[float]:
    draw = random.Random(7)
    first, last = diagram.outcome.time[0], diagram.outcome.time[-1]
    return [*every(diagram.outcome, 60.0), *(draw.uniform(first, last) for _ in range(10))]


@pytest.mark.parametrize("name", CASES)
def test_no_text_runs_over_another_or_out_of_its_box(name: str, drawn: dict[str, Diagram]) -> None:
    for t in moments_to_look_at(drawn[name]):
        shapes = drawn[name].shapes(t)
        words = [shape for shape in shapes if isinstance(shape, Words)]
        boxes = [shape for shape in shapes if isinstance(shape, Box) and shape.radius]
        assert len(boxes) == 5
        for (one, a), (other, b) in itertools.combinations([(each, extent(each)) for each in words], 2):
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (one.text, other.text)
        for each in words:
            left, top, right, bottom = extent(each)
            assert left >= 0 and right <= diagrams.WIDTH and top >= 0 and bottom <= diagrams.HEIGHT, each.text
            for box in boxes:
                inside = box.x <= each.x <= box.x + box.width and box.y <= each.y <= box.y + box.height
                touching = left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y
                assert inside == touching, each.text
                assert not inside or (left >= box.x + 5 and right <= box.x + box.width - 3), each.text


def luminance(colour: str) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", CASES)
def test_text_is_large_and_has_contrast(name: str, drawn: dict[str, Diagram]) -> None:
    for t in moments_to_look_at(drawn[name])[::5]:
        shapes = drawn[name].shapes(t)
        fills = {shape.fill for shape in shapes if isinstance(shape, Box) and shape.radius} | {"white"}
        for each in shapes:
            if isinstance(each, Words):
                assert each.size >= 14
                assert min(contrast(each.colour, fill) for fill in fills) >= 4.5


def test_arrows_are_as_wide_as_their_flows(drawn: dict[str, Diagram]) -> None:
    flows = np.geomspace(1e-3, 1e7, 400)
    widths = [thickness(flow) for flow in flows]
    assert all(a <= b for a, b in itertools.pairwise(widths))
    assert (widths[0], widths[-1]) == (0.0, diagrams.WIDEST) and thickness(400) == 2 * thickness(100)
    m = drawn["protected"].at(100)
    arrows = [shape.width for shape in drawn["protected"].shapes(100) if isinstance(shape, Arrow)]
    wanted = [m.arrivals, m.returning, m.refused, m.admitted, m.giving_up, m.dispatched, m.dispatched, m.retrying]
    assert arrows == [thickness(f) for f in (*wanted, m.recovered, m.failing, m.paying, m.declining)]


def test_bars_are_as_full_as_their_parts(drawn: dict[str, Diagram]) -> None:
    def filled(case: str, t: float, colour: str) -> float:
        shapes = drawn[case].shapes(t)
        bars = [s for s in shapes if isinstance(s, Box) and s.fill == colour and s.line == 0 and s.y < 200]
        return sum(bar.width for bar in bars)

    m = drawn["protected"].at(200)
    assert filled("protected", 200, diagrams.ORANGE) == pytest.approx(152 * m.places["queued"] / 12_000)
    assert filled("protected", 200, diagrams.GREEN) == pytest.approx(156 * m.in_flight / (2 * m.best))
    assert filled("naive", 200, diagrams.BLUE) == pytest.approx(124 * drawn["naive"].at(200).places["at_gateway"] / 800)
    # Without a limit, the largest queue of the drop is a full bar.
    peak = float(drawn["endless queue"].outcome.time[np.argmax(drawn["endless queue"].outcome.queue)])
    assert filled("endless queue", peak, diagrams.ORANGE) == pytest.approx(152)
    # Beyond its best the gateway's bar is hatched, before it is not.
    assert [any(isinstance(s, Hatch) and s.y > 30 for s in drawn["naive"].shapes(t)) for t in (30, 200)] == [
        False,
        True,
    ]


def test_a_bar_is_capped_at_both_ends() -> None:
    assert len(meter(0, 0, 100, 0.0, "red")) == len(meter(0, 0, 100, -3.0, "red")) == 1
    assert meter(0, 0, 100, 7.0, "red") == meter(0, 0, 100, 1.0, "red")
    assert max(s.x + s.width for s in meter(0, 0, 100, 9.0, "red", best=0.5) if isinstance(s, Box)) == 100


def test_hatching_stays_in_its_rectangle() -> None:
    for width, height in itertools.product((0.5, 3, 20, 157.3), (1, 16, 20)):
        for a, b in Hatch(10, 20, width, height).strokes():
            for x, y in (a, b):
                assert 10 - 1e-9 <= x <= 10 + width + 1e-9 and 20 - 1e-9 <= y <= 20 + height + 1e-9


@pytest.mark.parametrize("name", ["naive", "protected", "charged late", "without anything", "brownout", "no demand"])
def test_both_renderers_draw_the_same(name: str, drawn: dict[str, Diagram]) -> None:
    for t in (0, 62, 100, 200):
        shapes = drawn[name].shapes(t)
        root = ET.fromstring(to_svg(shapes, 1100, 314, title="t", description="d", key="k"))
        figure = Figure(figsize=(11, 3.14), dpi=100)
        axes: Any = figure.add_axes((0, 0, 1, 1))
        draw(axes, shapes, 1100, 314)
        texts = [
            (e.text, float(e.get("x", 0)), float(e.get("y", 0)), float(e.get("font-size", 0)))
            for e in root.iter(f"{SVG}text")
        ]
        drawn_texts = [(s.get_text(), *s.get_position(), s.get_fontsize() / 0.72) for s in axes.texts]
        assert [x[0] for x in texts] == [x[0] for x in drawn_texts]
        np.testing.assert_allclose([x[1:] for x in texts], [x[1:] for x in drawn_texts], atol=0.06)
        rects = [[float(e.get(k, 0)) for k in ("x", "y", "width", "height")] for e in root.iter(f"{SVG}rect")][1:]
        patches = [p for p in axes.patches if isinstance(p, FancyBboxPatch)]
        np.testing.assert_allclose(
            rects, [[p.get_x(), p.get_y(), p.get_width(), p.get_height()] for p in patches], atol=0.06
        )
        strokes = list(root.iter(f"{SVG}polyline"))
        inside_hatches = sum(len(s.strokes()) for s in shapes if isinstance(s, Hatch))
        lines = [line for line in axes.lines if isinstance(line, Line2D)]
        assert len(lines) == len(strokes) + inside_hatches
        widths = sorted(float(e.get("stroke-width", 0)) for e in strokes)
        drawn_widths = sorted([line.get_linewidth() / 0.72 for line in lines])
        for width in widths:
            assert np.min(np.abs(np.array(drawn_widths) - width)) < 0.01
        heads = list(root.iter(f"{SVG}polygon"))
        assert len(heads) == sum(isinstance(p, Polygon) for p in axes.patches)
        assert len(heads) == sum(isinstance(s, Arrow) for s in shapes)
        assert all(isinstance(text, Text) for text in axes.texts)


def test_the_arrow_of_a_short_way_keeps_its_tip() -> None:
    shaft, head, inside = Arrow(((0, 0), (0, 5)), 20).parts()
    assert head[1] == (0, 5) and 0 <= shaft[-1][1] < inside[-1][1] < 5
    assert Line(((0, 0), (1, 1))).width == 1.5


def test_a_stored_picture_says_and_shows_the_moment(outcomes: dict[str, fs.Outcome], drawn: dict[str, Diagram]) -> None:
    picture = still(outcomes["naive"], 200)
    assert repr(picture) == drawn["naive"].text(200)
    assert picture.png() == still(outcomes["naive"], 200).png() != still(outcomes["naive"], 70).png()
    bundle, metadata = picture._repr_mimebundle_()
    assert bundle["text/plain"] == repr(picture) and bundle["image/png"].startswith(b"\x89PNG")
    assert metadata == {"image/png": {"alt": repr(picture)}}


# --- switches ---------------------------------------------------------------------------------------------------------


def test_switches_do_what_they_say(outcomes: dict[str, fs.Outcome]) -> None:
    full = outcomes["protected"]
    assert full.turned_away > 0 and full.max_queue > 0 and full.retries > 0
    no_door, no_queue, no_limit, no_recovery = (outcomes[f"without {part}"] for part in SWITCHES)
    assert no_door.turned_away == 0 and no_door.offered == pytest.approx(no_door.admitted)
    assert no_queue.max_queue < 1e-9 and no_queue.gave_up < 1e-9 and no_queue.turned_away > full.turned_away
    assert no_limit.waited_for.max() > 800 and no_limit.max_queue < 1e-9
    assert no_recovery.retries == 0 and no_recovery.recovering == 0 and no_recovery.dead_lettered > full.dead_lettered


def test_order_and_repetition_of_switches_make_no_difference() -> None:
    designs = [*PRESETS.values(), fs.Design(max_wait=60, aimd_target=2, warm_workers=10, dispatch_rate=50)]
    parts = [set(some) for n in range(5) for some in itertools.combinations(SWITCHES, n)]
    for design, first, then in itertools.product(designs, parts, parts):
        assert switched(switched(design, first), then) == switched(design, first | then)
    for design in designs:
        assert switched(design, ()) == design
        assert not can_switch(switched(design, SWITCHES), "queue")


def test_switches_of_many_designs_at_once() -> None:
    many = switched(fs.Design(queue_limit=[0, 500], workers=[10, 20]), {"door limit"})
    assert np.asarray(many.queue_limit).tolist() == [0, INF] and np.asarray(many.workers).tolist() == [10, 20]


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(
        fs.UnknownParameterError, match="no part 'gateway' to switch off: use some of door limit, queue"
    ):
        switched(fs.Design(), {"gateway"})


TITLES = {"door limit": "Front door", "queue": "Queue", "worker limit": "Workers", "recovery": "Recovery queue"}


@pytest.mark.parametrize("part", SWITCHES)
def test_a_part_that_is_off_is_a_ghost(part: str, drawn: dict[str, Diagram]) -> None:
    shapes = drawn[f"without {part}"].shapes(100)
    ghosts = [shape for shape in shapes if isinstance(shape, Box) and shape.dashed]
    assert len(ghosts) == 1
    inside = [
        s.text for s in shapes if isinstance(s, Words)
        and ghosts[0].x <= s.x <= ghosts[0].x + ghosts[0].width and ghosts[0].y <= s.y <= ghosts[0].y + ghosts[0].height
    ]  # fmt: skip
    assert TITLES[part] in inside and any(re.match(r"off\b", text) for text in inside)
    assert not any(isinstance(s, Box) and s.dashed for s in drawn["protected"].shapes(100))


# --- the player -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def player() -> Player:
    return Player()


def check(player: Player) -> None:
    """What must hold after any move: no error, the outcome of these settings, words and picture of this moment."""
    assert player.error == "" and player.image.layout.visibility == "visible"
    again = fs.simulate(switched(fs.Design(**player.values), player.off))
    assert again.paid == player.outcome.paid and again.turned_away == player.outcome.turned_away
    assert abs(player.outcome.ledger().buyers.sum() - player.outcome.arrived) <= 1e-9 * player.outcome.arrived
    assert repr(player) == Diagram(again).text(player.playhead.value)
    root = ET.fromstring(player.image.value)
    assert root.findtext(f".//{SVG}desc") == repr(player)
    line = ET.fromstring(player.line.value)
    assert line.text == repr(player) and line.get("role") == "status" and line.get("aria-live") == "polite"


def test_every_slider_switch_and_the_playhead_at_both_ends(player: Player) -> None:
    for name, control in player.sliders.items():
        for end in (0, -1):
            player.reset()
            control.value = control.options[end][1]
            assert player.values[name] == control.options[end][1]
            check(player)
    for part, toggle in player.switches.items():
        player.reset()
        toggle.value = False
        assert player.off == {part} and f"{part}: off" == toggle.description
        check(player)
    for end in (player.playhead.min, player.playhead.max):
        player.reset()
        player.playhead.value = end
        assert player.at == end
        check(player)


def test_every_preset_keeps_the_playhead_and_switches_all_parts_on(player: Player) -> None:
    buttons = {b.description: b for b in player.widget.children[0].children if hasattr(b, "click")}
    assert list(buttons) == [*PRESETS, "reset"]
    player.playhead.value = 150
    for name, design in PRESETS.items():
        player.switches["recovery"].value = False
        buttons[name].click()
        assert player.design == design and player.off == frozenset() and player.at == 150
        check(player)
    buttons["reset"].click()
    assert player.design == PRESETS["naive"] and player.at == 150


def test_200_random_settings(player: Player) -> None:
    draw = random.Random(12)
    for _ in range(200):
        values = {name: draw.choice(c.options)[1] for name, c in player.sliders.items()}
        values["attempts"] = float(draw.randint(1, 5))
        off = {part for part in SWITCHES if draw.random() < 0.3}
        player.set(values, off=off, at=draw.randint(0, 900))
        assert player.off == off
        check(player)


def test_the_playhead_plays_nothing_again(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    player.reset()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a move of the playhead must not simulate")

    monkeypatch.setattr(players, "simulate", never)
    spent = []
    for t in range(60, 160):
        begin = time.process_time()
        player.playhead.value = t
        spent.append(time.process_time() - begin)
        assert repr(player).startswith(f"at {clock(t)}:")
    assert statistics.median(spent) < 0.005


def test_while_it_plays_nothing_is_read_out(player: Player) -> None:
    player.reset()
    player._play.playing = True  # the page does this, by the link to the button
    assert (player.play_button.description, player.play_button.icon) == ("Pause", "pause")
    player.playhead.value = 333
    assert "role=" not in player.line.value and "aria-live" not in player.line.value
    assert repr(player) in player.line.value.replace("&#x27;", "'")
    player._play.playing = False
    assert player.play_button.description == "Play"
    check(player)
    player.start_button.click()
    assert player.at == 0
    check(player)


def test_the_page_links_playing_without_the_kernel(player: Player) -> None:
    assert (player._play.min, player._play.max, player._play.step) == (0, 900, 1)
    assert 35_000 <= 900 * player._play.interval <= 45_000
    assert player._play.layout.display == "none"  # its buttons have no names


def test_every_control_has_a_name(player: Player) -> None:
    def controls(box: Any) -> Any:
        for child in getattr(box, "children", ()):
            yield from controls(child)
        if hasattr(box, "tooltip") and hasattr(box, "description") and not hasattr(box, "children"):
            yield box

    shown = [c for c in controls(player.widget) if c is not player._play and type(c).__name__ not in ("HTML", "Label")]
    assert len(shown) == len(player.sliders) + len(player.switches) + len(PRESETS) + 4
    for control in shown:
        assert control.description and control.tooltip


def test_switches_without_effect_and_sliders_without_effect_rest() -> None:
    player = Player()
    assert player.switches["door limit"].disabled and player.switches["door limit"].description == "door limit: none"
    assert [t.disabled for p, t in player.switches.items() if p != "door limit"] == [False] * 3
    player.sliders["admit_rate"].value = player.sliders["admit_rate"].options[0][1]
    assert not player.switches["door limit"].disabled
    player.switches["door limit"].value = False
    assert player.sliders["admit_rate"].disabled and player.sliders["queue_limit"].disabled
    assert not player.sliders["workers"].disabled and not player.switches["door limit"].disabled
    player.switches["queue"].value = False
    assert not player.switches["door limit"].disabled  # or it could not be switched on again
    player.reset()
    assert not any(c.disabled for c in player.sliders.values())


def test_one_design_has_no_design_buttons() -> None:
    player = Player(fs.Design(workers=40), names=["workers", "timeout"], at=100)
    assert [b.description for b in player.widget.children[0].children] == ["reset"]
    assert list(player.sliders) == ["workers", "timeout"] and player.values["timeout"] == 10
    assert repr(player) == Diagram(fs.simulate(fs.Design(workers=40))).text(100)


@pytest.mark.parametrize(
    ("window", "ends", "label"),
    [((0, 10.5), (0, 100), "time (% of window)"), ((100, 400), (100, 400), "time (s)"), ((0.5, 99.7), (1, 99), "time (s)"),
     ((0, 40_000), (0, 40_000), "time (s)")],
)  # fmt: skip
def test_windows_of_any_length(window: tuple[float, float], ends: tuple[int, int], label: str) -> None:
    player = Player(fs.Design(), demand=fs.Demand(window, [20, 30]), at=window[0])
    assert (player.playhead.min, player.playhead.max) == ends and player.playhead.description == label
    for value in ends:
        player.playhead.value = value
        assert player.error == "" and window[0] <= player.at <= window[1]
    player.set(at=window[1])
    assert player.at == pytest.approx(window[1], abs=1.0)
    frames = (ends[1] - ends[0]) / player.playhead.step
    assert 20 <= frames * player._play.interval / 1000 <= 60 or player._play.interval == 20
    Player(fs.Design(), demand=fs.Demand(window, [0, 0]))  # nobody comes: it still has a moment to start from


@pytest.mark.parametrize(
    ("wrong", "match"),
    [(lambda p: p.set({"worker": 1}), "no setting 'worker'"), (lambda p: p.set(off={"door"}), "no part 'door'"),
     (lambda p: p.set(at=901), "must be one number from 0 to 900"), (lambda _: Player(at=-5), "from 0 to 900"),
     (lambda _: Player({}), "no design"), (lambda _: Player(names=["worker"]), "unknown name")],
)  # fmt: skip
def test_wrong_arguments_are_named(wrong: Any, match: str, player: Player) -> None:
    before = repr(player)
    with pytest.raises(fs.ParameterError, match=match):
        wrong(player)
    assert repr(player) == before


def test_a_failing_run_is_shown_and_the_next_move_works(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no <b>luck</b>")

    with monkeypatch.context() as patched:
        patched.setattr(players, "simulate", fail)
        player.sliders["workers"].value = 40.0
        assert repr(player) == "These settings do not work: no <b>luck</b>"
        assert "&lt;b&gt;" in player.line.value and 'role="alert"' in player.line.value
        assert player.image.layout.visibility == "hidden"
        player.playhead.value += 1  # another moment of a run there is not: the error stays in sight
        player.redraw()
        assert "do not work" in player.line.value and "image/png" not in player._repr_mimebundle_()[0]
    player.sliders["workers"].value = 50.0
    check(player)
    with monkeypatch.context() as patched:
        patched.setattr(Diagram, "svg", fail)
        player.playhead.value += 1
        assert "do not work" in repr(player)
    player.sliders["workers"].value = 60.0
    player.redraw()
    check(player)


def test_without_a_kernel_there_is_text_and_a_picture(player: Player) -> None:
    player.reset()
    bundle, _ = player._repr_mimebundle_()
    assert bundle["text/plain"] == repr(player)
    assert bundle["image/png"] == still(player.outcome, player.at).png()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_layout_does_not_jump(player: Player) -> None:
    """The picture has one shape, and the line has room for the longest words at the width of a notebook."""
    longest = max(
        len(Diagram(fs.simulate(**{"design": fs.Design(), **case})).text(100)) for case in list(CASES.values())[:8]
    )
    assert longest < 4 * 150  # four lines of about 150 letters: 5.8 em at a line height of 1.45
    assert "min-height:clamp(5.8em," in player.line.value


def test_a_slider_of_something_else_is_refused():
    with pytest.raises(fs.UnknownParameterError, match="no setting 'patience': use one of admit_rate"):
        Player(names=[fs.parameter("buyers", "patience")])

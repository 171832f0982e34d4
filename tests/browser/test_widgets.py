import statistics

import pytest

import ddbsim as ds

from .pages import RUN_MS, Page

# a picture every 0.3 s on an idle machine; a test must hold on a busy one
SLOW_MS = 5_000


@pytest.fixture
def page(browser):
    opened = Page(browser)
    yield opened
    opened.page.close()


@pytest.fixture(params=["lab", "voila"])
def opened(page, request):
    """Return a way to open a notebook, in JupyterLab and in Voila."""
    address = request.getfixturevalue(request.param)
    return lambda notebook: getattr(page, f"open_{request.param}")(address, notebook) or page


@pytest.mark.parametrize("notebook", ["explore.ipynb", "view_types.ipynb"])
def test_a_slider_moved_by_keyboard_changes_picture_and_numbers(opened, notebook):
    page = opened(notebook)
    before = page.numbers
    page.move("batch_size", "ArrowLeft")
    page.wait_until(lambda: page.numbers != before, "other numbers")
    assert not page.errors


def test_a_longer_run_replaces_the_picture_while_the_hand_rests(page, voila):
    page.open_voila(voila, "explore.ipynb")
    page.wait_for_text("keeps up over the ")
    page.wait_for_text("600 s simulated", timeout_ms=RUN_MS)
    page.wait_for_text("keeps up over the 600 s shown")
    # and the next setting is answered at once
    page.move("batch_size", "ArrowLeft")
    page.wait_for_text("12 s simulated")
    assert not page.errors


def test_the_keyboard_alone_reaches_every_control_of_the_explorer(page, voila):
    page.open_voila(voila, "explore.ipynb")
    sliders = ["batch_size", "maximum_batching_window_in_seconds", "parallelization_factor", "memory_mb"]
    others = ["reserved_concurrency", "traffic (writes/s)", "Back to the start", "Run all 600 s", "Copy as code"]
    assert page.tab_through(20)[:9] == sliders + others
    page.page.get_by_role("button", name="Copy as code").focus()
    page.page.keyboard.press("Enter")
    code = page.page.locator("textarea")
    code.wait_for(state="visible")
    page.wait_until(lambda: "import ddbsim as ds" in code.input_value(), "the code")
    assert not page.errors


def test_a_long_run_shows_its_progress_and_can_be_cancelled_by_keyboard(page, voila):
    page.open_voila(voila, "explore.ipynb")
    # small batches of 3 million records: seconds on any machine
    for _ in range(3):
        page.move("batch_size", "ArrowLeft")
    page.page.get_by_role("button", name="Run all 600 s").focus()
    page.page.keyboard.press("Enter")
    cancel = page.page.get_by_role("button", name="Cancel")
    cancel.wait_for(state="visible", timeout=60_000)
    cancel.focus()
    page.page.keyboard.press("Enter")
    page.page.get_by_text("Cancelled").wait_for(timeout=60_000)
    cancel.wait_for(state="hidden")
    # and the next setting is answered
    page.move("batch_size", "End")
    assert not page.errors


def test_a_picture_follows_a_slider_at_once(page, lab, capsys):
    page.open_lab(lab, "explore.ipynb")
    times = page.times_ms("parallelization_factor", ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"] * 4)
    median = statistics.median(times)
    with capsys.disabled():
        print(f"\nslider to picture: median {median:.0f} ms of {len(times)}, slowest {max(times):.0f} ms")
    assert median < SLOW_MS


def test_a_small_run_is_stepped_through_by_keyboard(opened):
    page = opened("step.ipynb")
    told = page.page.locator("[role=status]").first
    page.wait_until(lambda: told.inner_text().startswith("event 1 of "), "the first event")
    before, numbers = page.pixels(), page.numbers
    button = page.page.get_by_role("button", name="Forward")
    for _ in range(4):
        button.focus()
        page.page.keyboard.press("Enter")
    page.wait_for_text("event 5 of ")
    page.wait_for_another(before)
    page.wait_until(lambda: page.numbers != numbers, "other numbers")
    page.slider("event").focus()
    page.page.keyboard.press("ArrowRight")
    page.wait_for_text("event 6 of ")
    play = page.page.get_by_role("button", name="Play")
    play.focus()
    page.page.keyboard.press("Enter")
    page.wait_for_text("event 8 of ")
    page.page.get_by_role("button", name="Pause").focus()
    page.page.keyboard.press("Enter")
    page.page.get_by_role("button", name="Play").wait_for()
    assert not page.errors


def test_a_lesson_is_told_to_its_end_by_keyboard_alone(page, voila):
    lesson = ds.lessons.get("poison_pill_bisected")
    events = lesson.run().events
    page.open_voila(voila, "lesson.ipynb")
    page.wait_for_text(lesson.claim)
    page.wait_for_text(lesson.prediction)
    # the page has no other way in than Tab
    page.tab_to("Forward")
    page.page.keyboard.press("Enter")
    page.wait_for_text(f"event 2 of {len(events)}")
    page.wait_for_text(events["sentence"].iloc[1])
    before = page.pixels()
    page.tab_to("event")
    page.page.keyboard.press("End")
    page.wait_for_text(f"event {len(events)} of {len(events)}")
    page.wait_for_text(events["sentence"].iloc[-1])
    page.wait_for_another(before)
    done = (lesson.run().stream_log["outcome"] == "processed").sum()
    page.wait_until(lambda: f"\t{done}\t" in page.numbers, f"{done} records done in the table")
    assert not page.errors

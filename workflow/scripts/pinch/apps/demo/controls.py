"""The models of the page and their thresholds, as a person chooses them."""

from typing import Any, NamedTuple

import gradio as gr

from pinch.apps.demo import words
from pinch.apps.demo.looking import Eye
from pinch.apps.demo.models import Models
from pinch.apps.demo.shown import errors_shown

NONE = -1
"""The number of "no model"."""
LOWEST, HIGHEST = 0.01, 0.99


class Controls(NamedTuple):
    """The components of the page that say what is done, or their values, in the order in which functions take them."""

    model: Any
    confidence: Any
    beside: Any
    beside_confidence: Any
    iou: Any


def choosers(models: Models) -> tuple[Any, Any, Any, Any]:
    """The lists of models, each with what is said of the chosen one: (model, its facts, the other, its facts)."""
    choices: list[tuple[str, int]] = [(choice.label, number) for number, choice in enumerate(models.choices)]
    with gr.Row(elem_classes="panes"):
        with gr.Column(min_width=280):
            model = gr.Dropdown(choices, value=0, label="Model", filterable=len(models) > 12)  # type: ignore[arg-type]
            facts = gr.HTML(words.facts(models.open(0), models.choices[0]))
        with gr.Column(min_width=280, visible=len(models) > 1):
            nothing = [("no other model", NONE)]
            beside = gr.Dropdown([*nothing, *choices], value=NONE, label="Beside it", filterable=len(models) > 12)  # type: ignore[arg-type]
            beside_facts = gr.HTML()
    return model, facts, beside, beside_facts


def sliders(models: Models, confidence: float | None, iou: float) -> tuple[Any, Any, Any]:
    """Score of the model, of the other one, and IoU."""
    with gr.Row(elem_classes="panes"):
        first, value = models.open(0), confidence or models.open(0).threshold
        label = "Show boxes with a score above"
        score = _slider(value, label, words.threshold_info(first), min_width=280)
        other = _slider(value, f"{label} (the other model)", "", min_width=280, visible=False)
        info = "of boxes of one class that overlap by more, the best stays"
        suppression = _slider(iou, "IoU of suppression", info, min_width=280)
    return score, other, suppression


def connect(
    models: Models, controls: Controls, facts: Any, beside_facts: Any, seconds: list[Any], first: float | None
) -> tuple[Any, Any]:
    """Have the lists of models set the thresholds, what is said, and whether second pictures are there.

    Args:
        models: what is chosen from.
        controls: of the page.
        facts, beside_facts: below the lists.
        seconds: what is visible only with two models.
        first: the score that every model begins with; None: its own.

    Returns:
        The two events, after which the page shows what is chosen.
    """

    def choose(number: int) -> tuple[Any, str]:
        with errors_shown():
            detector = models.open(number)
        value, info = _limited(first or detector.threshold), words.threshold_info(detector)
        return gr.update(value=value, info=info), words.facts(detector, models.choices[number])

    def choose_other(number: int) -> list[Any]:
        if number == NONE:
            return [gr.update(visible=False), "", *(gr.update(visible=False) for _ in seconds)]
        slider, said = choose(number)
        return [{**slider, "visible": True}, said, *(gr.update(visible=True) for _ in seconds)]

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    one = controls.model.input(choose, controls.model, [controls.confidence, facts], **private)
    outputs = [controls.beside_confidence, beside_facts, *seconds]
    two = controls.beside.input(choose_other, controls.beside, outputs, **private)
    return one, two


def eyes(models: Models, asked: Controls) -> list[Eye]:
    """The chosen models, from the values of the controls."""
    chosen = [(asked.model, asked.confidence), (asked.beside, asked.beside_confidence)]
    return [Eye(models.choices[n].label, models.open(n), score) for n, score in chosen if n != NONE]


def _slider(value: float, label: str, info: str, **options: Any) -> Any:
    return gr.Slider(LOWEST, HIGHEST, _limited(value), step=0.01, label=label, info=info, buttons=[], **options)


def _limited(value: float) -> float:
    return round(min(max(value, LOWEST), HIGHEST), 2)

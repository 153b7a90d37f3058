"""What every figure must hold: no text clipped or over other text, no empty panel."""

from contextlib import contextmanager

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

from galaxypair.figures import style

DPI = 100
SLACK_PX = 2.0  # letters' boxes are a little larger than the letters


class _Recorder(RendererAgg):
    """Draws as usual, and notes where each text went."""

    def __init__(self, *args):
        super().__init__(*args)
        self.boxes = []

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):  # noqa: PLR0917 - matplotlib's own
        if mtext is not None and s.strip():
            self.boxes.append((s, mtext.get_window_extent(self), mtext))
        super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)


def faults(figure):
    """Sentences that name what is wrong with a figure."""
    canvas = FigureCanvasAgg(figure)
    if not any(text.get_text() == "MOCK SURVEY" for text in figure.texts):
        style.stamp(figure)
    figure.set_dpi(DPI)
    figure.draw_without_rendering()
    width, height = (round(v * DPI) for v in figure.get_size_inches())
    renderer = _Recorder(width, height, DPI)
    canvas.renderer = renderer
    figure.draw(renderer)
    found = []
    for s, box, _ in renderer.boxes:
        outside = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
        if outside > SLACK_PX:
            found.append(f"{s!r} is clipped by {outside:.0f} px")
    boxes = list({(s, *box.extents.round(1)): (s, box, text) for s, box, text in renderer.boxes}.values())
    for i, (s, a, text) in enumerate(boxes):
        for other, b, second in boxes[i + 1 :]:
            over = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            if min(over) > SLACK_PX and not _side_by_side(text, second):
                found.append(f"{s!r} lies over {other!r} by {min(over):.1f} px")
    for axes in figure.axes:
        drawn = [*axes.lines, *axes.collections, *axes.images, *axes.patches, *axes.texts, *axes.containers]
        if axes.get_visible() and axes.axison and not drawn:
            found.append(f"the panel {axes.get_title(loc='left') or axes.get_title()!r} is empty")
    return found


def _side_by_side(text, second):
    """Slanted labels of ticks: their boxes overlap where they do not."""
    angle = text.get_rotation()
    if angle % 90 == 0 or second.get_rotation() != angle:
        return False
    (x0, y0), (x1, y1) = (t.get_transform().transform(t.get_position()) for t in (text, second))
    apart = abs((x1 - x0) * np.sin(np.radians(angle)) - (y1 - y0) * np.cos(np.radians(angle)))
    return apart > text.get_fontsize() * DPI / 72 - SLACK_PX


@contextmanager
def watched(monkeypatch):
    """Check at the end every figure that was drawn meanwhile."""
    figures = []
    start = style.new_figure

    def new_figure(*args, **kwargs):
        figures.append(start(*args, **kwargs))
        return figures[-1]

    monkeypatch.setattr(style, "new_figure", new_figure)
    yield
    wrong = [fault for figure in figures for fault in faults(figure)]
    assert not wrong, "\n".join(wrong)

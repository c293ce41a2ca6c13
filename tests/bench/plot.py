# SPDX-License-Identifier: MIT
"""A drawing of how time and memory grow: two panels, both axes logarithmic, so that a straight line
is a power and one as steep as the dashed line is linear."""
import html
import math
import statistics

WIDTH, LEFT, RIGHT = 760, 76, 730
PANEL_HEIGHT, FIRST_PANEL_Y, PANEL_GAP = 190, 34, 56
LEGEND_LINE = 18
PANELS = (("seconds", "Time", "s"), ("mib", "Peak memory of lsnchain", "MiB"))
MARKS = ("M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",  # a disc, a square, a diamond, a triangle
         "M{x} {y}m-4 -4h8v8h-8z", "M{x} {y}m0 -5l5 5l-5 5l-5 -5z", "M{x} {y}m0 -5l5 9h-10z")

STYLE = """
svg { --ground: #ffffff; --text: #1c2128; --quiet: #57606a; --line: #d5dae1;
      --s0: #2f6fc4; --s1: #b35900; --s2: #1f7a3d; --s3: #7b3fa0; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #10141a; --text: #e4e9ef; --quiet: #9aa5b1; --line: #333c47;
        --s0: #6fa8f5; --s1: #f0a04b; --s2: #7fdc97; --s3: #c795ea; }
}
text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
.panel { fill: var(--text); font-size: 12px; font-weight: 600; }
.y { text-anchor: end; }
.x { text-anchor: middle; }
.ground { fill: var(--ground); }
.grid { stroke: var(--line); }
.linear { stroke: var(--quiet); stroke-dasharray: 5 4; }
.run { fill: none; stroke-width: 2; }
""" + "".join(f".s{i} {{ stroke: var(--s{i}); }} .m{i} {{ fill: var(--s{i}); }}\n"
              for i in range(len(MARKS)))


class Scale:
    """A logarithmic axis, from `low` to `high`."""

    def __init__(self, low, high, start, end):
        self.low, self.high = low, high
        self.start, self.end = start, end

    def place(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self):
        """At most seven or so: all of 1, 2, 5, or the decades alone."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        digits = (1, 2, 5) if last - first <= 2 else (1,)
        return [digit * 10.0 ** power for power in range(first, last + 1) for digit in digits
                if self.low * 0.9999 <= digit * 10.0 ** power <= self.high * 1.0001]


def steps(value):
    """What people count by: 1, 2, 5, 10."""
    decade = 10.0 ** math.floor(math.log10(value))
    return [decade, 2 * decade, 5 * decade, 10 * decade]


def below(value):
    return max(step for step in steps(value) if step <= value * 1.0001)


def above(value):
    return min(step for step in steps(value) if step > value * 1.0001)


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def text(words, x, y, kind):
    return f'<text class="{kind}" x="{x}" y="{y}">{html.escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def grid(across, up, unit):
    drawn = []
    for value in across.ticks():
        x = across.place(value)
        drawn += [line(x, up.start, x, up.end, "grid"),
                  text(number(value), x, up.start + 16, "x")]
    for value in up.ticks():
        y = up.place(value)
        drawn += [line(across.start, y, across.end, y, "grid"),
                  text(f"{number(value)} {unit}", across.start - 8, y + 4, "y")]
    return drawn


def linear(across, up):
    """From a corner, as far as it stays within the panel."""
    factor = min(across.high / across.low, up.high / up.low)
    return line(across.start, up.start, across.place(across.low * factor),
                up.place(up.low * factor), "linear")


def curve(index, points, figure, across, up):
    places = [(across.place(point["x"]), up.place(statistics.median(point[figure])))
              for point in points]
    path = "L".join(f"{x} {y}" for x, y in places)
    marks = "".join(MARKS[index].format(x=x, y=y) for x, y in places)
    return [f'<path class="run s{index}" d="M{path}"/>', f'<path class="m{index}" d="{marks}"/>']


def panel(growth, top, figure, name, unit):
    points = [point for series in growth["series"] for point in series["points"]]
    xs = [point["x"] for point in points]
    ys = [statistics.median(point[figure]) for point in points]
    across = Scale(min(xs), max(xs), LEFT, RIGHT)
    up = Scale(below(min(ys)), above(max(ys)), top + PANEL_HEIGHT, top)
    drawn = [text(name, LEFT, top - 10, "panel"), *grid(across, up, unit), linear(across, up)]
    for index, series in enumerate(growth["series"]):
        drawn += curve(index, series["points"], figure, across, up)
    return drawn


def legend(growth, y):
    drawn = [line(RIGHT - 82, y - 4, RIGHT - 46, y - 4, "linear"), text("linear", RIGHT, y, "y")]
    for index, series in enumerate(growth["series"]):
        at = y + index * LEGEND_LINE
        mark = MARKS[index].format(x=LEFT + 6, y=at - 4)
        slopes = series["exponents"]
        words = f"{series['name']}: time x^{slopes['seconds']:.2f}, memory x^{slopes['mib']:.2f}"
        drawn += [f'<path class="m{index}" d="{mark}"/>', text(words, LEFT + 18, at, "")]
    return drawn


def growth_plot(growth):
    tops = [FIRST_PANEL_Y + i * (PANEL_HEIGHT + PANEL_GAP) for i in range(len(PANELS))]
    below = tops[-1] + PANEL_HEIGHT
    height = below + 50 + LEGEND_LINE * len(growth["series"])
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}">',
             f"<title>Time and peak memory over {html.escape(growth['what'])}</title>",
             f"<style>{STYLE}</style>",
             f'<rect class="ground" width="{WIDTH}" height="{height}"/>']
    for top, (figure, name, unit) in zip(tops, PANELS):
        drawn += panel(growth, top, figure, name, unit)
    drawn += [text(growth["axis"], (LEFT + RIGHT) // 2, below + 32, "x"),
              *legend(growth, below + 54)]
    return "\n".join([*drawn, "</svg>"]) + "\n"

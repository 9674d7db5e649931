"""The results as Markdown: where each target stands, and every figure."""

import statistics

from targets import TARGETS


def _number(value):
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def quantity(value, unit):
    text = _number(value)
    return text if not unit else f"{text} {unit}" if unit != "x" else f"{text} ×"


def seconds(value):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{_number(value / size)} {unit}"
    return f"{_number(value * 1e9)} ns"


def rate(value):
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{_number(value / size)} {unit}/s"
    return f"{_number(value)} /s"


def _row(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def targets(results):
    """A table: the target, the figure as the median of all rounds, the lowest and the highest, whether it is met."""
    rows = [_row("what", "target", "measured", "lowest – highest round", "met"), "|---|---|---|---|---|"]
    for target in TARGETS:
        sign = "≥" if target.bound == "at least" else "≤"
        wanted = f"{sign} {quantity(target.limit, target.unit)}"
        try:
            rounds = results.by_round(target.figure)
        except KeyError as missing:
            rows.append(_row(target.what, wanted, f"not measured: {_reason(results, missing.args[0])}", "", ""))
            continue
        value = statistics.median(rounds)
        spread = f"{_number(min(rounds))} – {_number(max(rounds))}"
        measured = quantity(value, target.unit) + _beside(results, target)
        rows.append(_row(target.what, wanted, measured, spread, "yes" if target.met(value) else "**no**"))
    return "\n".join(rows)


def _beside(results, target):
    if target.beside is None:
        return ""
    what, figure = target.beside
    try:
        return f" ({what} {quantity(statistics.median(results.by_round(figure)), target.unit)})"
    except KeyError:
        return ""


def _reason(results, name):
    for skipped, reason in results.skipped.items():
        if name == skipped or name.startswith(skipped + "/"):
            return reason
    return f"{name} did not run"


def context(results):
    lines = [f"- {key}: {value}" for key, value in results.context.items()]
    if float(results.context.get("load at the start", 0)) > 0.7:
        lines.append("- **The machine was busy with something else: ratios are rough, times say little.**")
    return "\n".join(lines)


def figures(results):
    """Every benchmark: medians over the repetitions."""
    known = {"round", "time", "p50", "p99", "rate", "bytes_per_second"}
    rows = [_row("benchmark", "mean", "p50", "p99", "rate", "bytes", "more"), "|---|---|---|---|---|---|---|"]
    medians = results.medians()
    for name in sorted(results.samples):
        have = results.samples[name]
        cells = [seconds(medians(name))]
        cells += [seconds(medians(name, figure)) if figure in have else "" for figure in ("p50", "p99")]
        cells.append(rate(medians(name, "rate")) if "rate" in have else "")
        cells.append(f"{medians(name, 'bytes_per_second') / 1e9:.3g} GB/s" if "bytes_per_second" in have else "")
        cells.append(", ".join(f"{key} {_number(medians(name, key))}" for key in have if key not in known))
        rows.append(_row(f"`{name}`", *cells))
    return "\n".join(rows)


def skipped(results):
    return "\n".join(f"- `{name}`: {reason}" for name, reason in sorted(results.skipped.items())) or "Nothing."


def with_targets(page, results):
    """The page with what stands between its two marks replaced by the table of these results."""
    begin, end = "<!-- targets: written by ./run bench --save -->", "<!-- end of targets -->"
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"the page lacks {begin} or {end}")
    return f"{before}{begin}\n{context(results)}\n\n{targets(results)}\n{end}{after}"


def markdown(results):
    return f"""<!-- Written by ./run bench; do not edit. -->
# Results

{context(results)}

A figure is the median over the repetitions of all rounds, p50 and p99 being those of single operations within a
repetition. A target's figure is the median of those of the rounds; a ratio (×) is one of medians within a round.

## Targets

{targets(results)}

## Figures

{figures(results)}

## Not measured

{skipped(results)}
"""

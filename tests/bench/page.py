# SPDX-License-Identifier: MIT
"""What was measured, as the tables that people read."""
import statistics

FIGURES = {"s": "{:.2f} s", "MiB": "{:.1f} MiB", "transactions": "{:.0f} transactions"}


def figure(value, unit):
    return FIGURES[unit].format(value)


def spread(values, unit):
    """The median, then the smallest and the largest where they differ."""
    text = figure(statistics.median(values), unit)
    if min(values) == max(values):
        return text
    low, high = (FIGURES[unit].split()[0].format(value) for value in (min(values), max(values)))
    return f"{text} ({low} to {high})"


def must_be(target):
    least, most = target
    if least is None:
        return f"≤ {most}"
    return f"≥ {least}" if most is None else f"{least} to {most}"


def ratios(result):
    of_pairs = [ours / theirs for ours, theirs in zip(result["ours"], result["theirs"])]
    return f"{result['ratio']:.2f} ({min(of_pairs):.2f} to {max(of_pairs):.2f})"


def row_table(results):
    lines = ["| | what | against | ours | theirs | ratio | must be | |",
             "|---|---|---|---|---|---|---|---|"]
    for result in results:
        ours, theirs = (spread(result[side], result["unit"]) for side in ("ours", "theirs"))
        lines.append(f"| {result['name']} | {result['what']} | {result['against']} | {ours} |"
                     f" {theirs} | {ratios(result)} | {must_be(result['target'])} |"
                     f" {'pass' if result['passed'] else 'FAIL'} |")
    return "\n".join(lines)


def growth_table(growths):
    lines = ["| over | of | at | time | grows | peak memory | grows | |",
             "|---|---|---|---|---|---|---|---|"]
    for growth in growths:
        for series in growth["series"]:
            last, slopes = series["points"][-1], series["exponents"]
            lines.append(f"| {growth['what']} | {series['name']} | {last['x']:,g}"
                         f" {growth['axis']} | {spread(last['seconds'], 's')} | x^{slopes['seconds']:.2f} |"
                         f" {spread(last['mib'], 'MiB')} | x^{slopes['mib']:.2f} |"
                         f" {'pass' if series['passed'] else 'FAIL'} |")
    return "\n".join(lines)


def description(found):
    machine, versions = found["machine"], found["versions"]
    return (f"{found['began'][:10]}, {found['size_mib']} MiB of rows, {found['pairs']} pairs in"
            f" turn; {machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB,"
            f" a load of {machine['load']:.1f} when it began,"
            f" Linux {machine['kernel']}, {machine['filesystem']}.\n\n"
            + "\n".join(f"* {name}: {said}" for name, said in versions.items()))


def tables(found):
    parts = [description(found)]
    if found["rows"]:
        parts.append(row_table(found["rows"]))
    if found["growth"]:
        parts.append(growth_table(found["growth"]))
    return "\n\n".join(parts)

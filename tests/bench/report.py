# SPDX-License-Identifier: Apache-2.0
"""From the rounds of measurements to medians, verdicts and the page docs/benchmarks.md. Pure: values in, text out.

A round is {route: {metric: number or None}}. Ratios are taken within a round, to that round's raw port-forward, and
their median is judged: absolute numbers of two runs on a shared machine differ by half and more.
"""

import dataclasses
import statistics

DIRECT, PORT_FORWARD, PROXY, OVER_PORT_FORWARD = "direct", "port-forward", "kt-connect", "kt-connect, port-forward"
ROUTES = {
    DIRECT: "a process beside the pod, without any tunnel: the limit",
    PORT_FORWARD: "raw `kubectl port-forward` (SPDY, the faster of its two protocols)",
    PROXY: "`kubectl kt-connect --carrier=proxy -- CMD`",
    OVER_PORT_FORWARD: "`kubectl kt-connect --carrier=port-forward -- CMD`",
}


@dataclasses.dataclass(frozen=True)
class Metric:
    """`floor`: at least (of rates) or at most (of times) this ratio to port-forward, or this value where `absolute`."""
    key: str
    words: str
    unit: str
    is_rate: bool
    floor: float | None = None
    absolute: bool = False
    port_forward_floor: float | None = None  # with port-forward as the carrier


METRICS = [
    Metric("start_s", "start until the first answer by service name", "s", False, 3, True),
    Metric("start_beside_s", "start beside a lingering connect, to the first answer", "s", False, 0.6, True),
    Metric("join_s", "a command beside a running connect, 200 one behind the other", "s", False, 0.3, True),
    Metric("idle_mib", "own resident memory of both processes, idle", "MiB", False, 24, True),
    Metric("idle_10000_mib", "own resident memory with 10 000 idle connections", "MiB", False, 64, True),
    Metric("idle_10000_cpu", "own processor time with them", "%", False, 0.5, True),
    Metric("download_1_mb_per_s", "download, one stream", "MB/s", True, 0.9, port_forward_floor=0.7),
    Metric("download_4_mb_per_s", "download, four streams", "MB/s", True, 0.9, port_forward_floor=0.7),
    Metric("upload_1_mb_per_s", "upload, one stream", "MB/s", True, 0.9, port_forward_floor=0.7),
    Metric("far_download_mb_per_s", "download, one stream, 100 ms to the API server and back", "MB/s", True, 0.8),
    Metric("requests_1_per_s", "keep-alive requests, 1 connection", "/s", True, 1.3),
    Metric("requests_64_per_s", "keep-alive requests, 64 connections", "/s", True, 1.3),
    Metric("end_seen_ms", "end seen after the server closes", "ms", False, 5, True),
    Metric("short_64_per_s", "new connections that the server closes, 64 at once", "/s", True, 1000, True),
    Metric("p99_beside_bulk_ms", "short request's p99 while a bulk transfer runs", "ms", False, 20, True),
    Metric("connect_and_request_ms", "new connection with a request", "ms", False, 0.6),
    Metric("look_up_ms", "cluster name look-up, uncached", "ms", False, 2, True),
    Metric("look_up_cached_ms", "cluster name look-up, cached", "ms", False, 0.3, True),
    Metric("echo_ms", "echo of one byte", "ms", False),
]


def values(rounds, route, key):
    found = [measured.get(route, {}).get(key) for measured in rounds]
    return [value for value in found if value is not None]


def median(rounds, route, key):
    """None where the route was never measured."""
    found = values(rounds, route, key)
    return statistics.median(found) if found else None


def ratio(rounds, route, key):
    """Median of the rounds' ratios to raw port-forward; None where either is missing."""
    pairs = [(one.get(route, {}).get(key), one.get(PORT_FORWARD, {}).get(key)) for one in rounds]
    found = [value / base for value, base in pairs if value is not None and base]
    return statistics.median(found) if found else None


def floor_of(metric, route):
    return {PROXY: metric.floor, OVER_PORT_FORWARD: metric.port_forward_floor}.get(route)


def verdict(rounds, metric, route):
    """True or False: reached or missed its floor; None: has none."""
    floor = floor_of(metric, route)
    if floor is None:
        return None
    value = (median if metric.absolute else ratio)(rounds, route, metric.key)
    if value is None:
        return False
    return value >= floor if metric.is_rate else value <= floor


def number(value):
    """Three digits that count: 0.035, 1.24, 359, 19 000."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{2 if value >= 1 else 3}f}" if value < 100 else f"{value:.0f}"


def cell(rounds, metric, route):
    value, relative = median(rounds, route, metric.key), ratio(rounds, route, metric.key)
    if value is None:
        return "–"
    text = number(value) + (f" ({number(relative)} ×)" if relative is not None and route != PORT_FORWARD else "")
    return "**" + text + "** missed" if verdict(rounds, metric, route) is False else text


def floor_text(metric, route):
    floor = floor_of(metric, route)
    if floor is None:
        return "–"
    sign = "≥" if metric.is_rate else "≤"
    return f"{sign} {floor} {metric.unit if metric.absolute else '× port-forward'}"


def floors_text(metric):
    """kt-connect's, and in brackets that with port-forward as the carrier where it is another one."""
    text, other = floor_text(metric, PROXY), floor_text(metric, OVER_PORT_FORWARD)
    return text if other == "–" else f"{text} ({other})"


def table(rounds, routes):
    lines = ["| metric | " + " | ".join(routes) + " | floor |", "|---" * (len(routes) + 2) + "|"]
    for metric in METRICS:
        cells = [cell(rounds, metric, route) for route in routes]
        lines.append(f"| {metric.words}, {metric.unit} | " + " | ".join(cells) + f" | {floors_text(metric)} |")
    return "\n".join(lines)


def missed(rounds, routes):
    """What did not reach its floor, in words."""
    return [f"{metric.words}: {cell(rounds, metric, route)} by {route}, floor {floor_text(metric, route)}"
            for metric in METRICS for route in routes if verdict(rounds, metric, route) is False]


def page(rounds, routes, machine, peers):
    legend = "\n".join(f"- **{route}**: {ROUTES[route]}" for route in routes)
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    return f"""# Benchmarks

Written by `./dev bench` (tests/bench). All routes are measured in turn in each of {len(rounds)} rounds, with a fresh
tunnel each, against the same pod on the test cluster; client, API server, node and pod share one machine. A cell is the
median, and in brackets the median of the rounds' ratios to raw `kubectl port-forward`. Judge by the ratios.

{table(rounds, routes)}

{legend}

## Machine

{facts}

{peers}"""
